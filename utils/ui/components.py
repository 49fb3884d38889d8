"""Our own Streamlit components: script, style and markup in files of their own beside this, read once a process.

Components are drawn by the browser in a shadow root; their script is a `blob:` module, which the content security policy
allows, and cannot import: what several share is put before each.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.components.v2.bidi_component import ComponentResult

Mount = Callable[..., ComponentResult]
ASSETS = Path(__file__).resolve().parent / "assets"


@functools.cache
def read(name: str) -> str:
    """The text of a file in assets/."""
    return (ASSETS / name).read_text("utf-8")


def lean(text: str) -> str:
    """Code without indentation, empty lines and whole-line `//` comments: it travels with every rerun of every page."""
    lines = (line.strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("//"))


@functools.cache
def style() -> str:
    """The one style block of all pages, as HTML."""
    return f"<style>{lean(read('style.css'))}</style>"


def component(name: str, *parts: str) -> Mount:
    """Make the component whose files are `<name>.html`, `<name>.css` and `<name>.js`; called once, when a module is imported.

    Args:
        name: Of its files.
        parts: Names of scripts that are put before its own.

    Returns:
        What draws it: `mount(key=..., data=..., on_<trigger>_change=...)`, with data that survives JSON.
    """
    script = lean("".join(read(f"{part}.js") for part in ("common", *parts, name)))
    mount = st.components.v2.component(f"sotto_{name}", html=lean(read(f"{name}.html")), css=lean(read(f"{name}.css")), js=script)

    def draw(*, key: str, data: Mapping[str, Any], **options: Any) -> ComponentResult:
        # In a list, because Streamlit looks through a mapping for data frames, and imports pandas (0.6 s, 80 MB) to know one.
        return mount(key=key, data=[data], **options)

    return draw
