"""Our own Streamlit components: script, style and markup in files of their own beside this, read once a process.

Components are drawn by the browser in a shadow root; their script is a `blob:` module, which the content security policy
allows, and cannot import: what several share is put before each.
"""

from __future__ import annotations

import functools
from pathlib import Path

import streamlit as st
from streamlit.components.v2.types import ComponentRenderer

ASSETS = Path(__file__).resolve().parent / "assets"


@functools.cache
def read(name: str) -> str:
    """The text of a file in assets/."""
    return (ASSETS / name).read_text("utf-8")


def component(name: str) -> ComponentRenderer:
    """Make the component whose files are `<name>.html`, `<name>.css` and `<name>.js`; called once, when a module is imported."""
    return st.components.v2.component(
        f"sotto_{name}", html=read(f"{name}.html"), css=read(f"{name}.css"), js=read("common.js") + read(f"{name}.js")
    )
