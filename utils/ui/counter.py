"""The line below a text field: characters of the limit, counted while one types, and what the text would cost."""

from __future__ import annotations

from utils.ui.components import component

_counter = component("counter")


def counter(field: str, *, known: int, limit: int, rest: str, news: str, key: str) -> None:
    """Draw the line.

    Args:
        field: Key of the text area.
        known: Characters of the text that the server has.
        limit: Most characters allowed.
        rest: What the server says about that text, e.g. `1 request · about 6 s`.
        news: What a screen reader shall say when it changes, e.g. that work has ended.
        key: Of the component.
    """
    data = {"field": f".st-key-{field} textarea", "limit": limit, "known": known, "rest": rest, "news": news}
    _counter(key=key, data=data)
