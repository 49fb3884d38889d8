"""Security headers of every answer."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import re
from pathlib import Path

INLINE_SCRIPT = re.compile(r"<script(?![^>]*\bsrc\s*=)[^>]*>(.*?)</script>", re.DOTALL | re.IGNORECASE)

HERE = '<script>window.__streamlit = { BACKEND_BASE_URL: new URL(".", location.href).href }</script>'

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # not no-referrer: that turns the Origin of a form into "null"
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
DATA_CSP = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"  # JSON and problems
FILE_CSP = "sandbox; default-src 'none'; frame-ancestors 'none'"  # bytes that people made
DOCS_CSP = DATA_CSP + "; style-src 'unsafe-inline'"


def page_source() -> str:
    """Streamlit's index page, or nothing where Streamlit is not installed. Found without importing it."""
    spec = importlib.util.find_spec("streamlit")
    if spec is None or spec.origin is None:
        return ""
    page = Path(spec.origin).parent / "static" / "index.html"
    return with_base(page.read_text("utf-8")) if page.is_file() else ""


def with_base(page: str) -> str:
    """The page with a word for Streamlit's script where the server is: beside what the page loads.

    Without it the browser asks below the page's own address first, at /files/_stcore/health for /files, and is told 404.
    """
    return page.replace("<head>", f"<head>{HERE}", 1)


def script_hashes(page: str) -> list[str]:
    """CSP sources of a page's inline scripts, so that the policy needs no 'unsafe-inline' and outlives an upgrade."""
    digests = (hashlib.sha256(script.encode()).digest() for script in INLINE_SCRIPT.findall(page))
    return [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]


def page_csp(page: str) -> str:
    """The strictest policy under which the pages run: components are `blob:` modules, styles are inline, nothing is foreign."""
    scripts = " ".join(["'self'", "blob:", *script_hashes(page)])
    return (
        f"default-src 'self'; script-src {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
        "media-src 'self' blob: data:; font-src 'self' data:; connect-src 'self' data: blob:; worker-src 'self' blob:; "
        "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
    )
