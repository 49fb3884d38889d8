"""Small tables of facts, as plain HTML: Streamlit's own need a data frame library, which costs memory and a second."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import streamlit as st

from utils.ui.components import lean, read
from utils.ui.messages import as_html


def grid(caption: str, heads: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: Collection[int] = ()) -> None:
    """Draw a table; every cell is shown as it is.

    Args:
        caption: What it lists, for screen readers and above it.
        heads: One word a column.
        rows: As many cells each as there are heads.
        numbers: Columns that stand at the right.
    """
    kinds = [' class="number"' if place in numbers else "" for place in range(len(heads))]
    top = "".join(f'<th scope="col"{kind}>{as_html(head)}</th>' for head, kind in zip(heads, kinds, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td{kind}>{as_html(cell)}</td>" for cell, kind in zip(row, kinds, strict=True)) + "</tr>" for row in rows
    )
    style = lean(read("grid.css"))
    st.html(
        f'<style>{style}</style><div class="grid" tabindex="0" role="region" aria-label="{as_html(caption)}">'
        f"<table><caption>{as_html(caption)}</caption><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"
    )
