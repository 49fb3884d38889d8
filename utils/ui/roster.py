"""The roster: many lines of one form, filtered and paged: rows of a batch, problems of a table, batches of a session.

One component draws a page of lines, so that a rerun costs one message however many there are. Filter and page live in the tab's
session state; a line of a batch is played in place, changed in place and taken away as a file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from utils.ui.components import component

ALL = "all"
_roster = component("roster")


@dataclass(frozen=True)
class Line:
    """One line.

    Attributes:
        key: Stable from one run to the next.
        text: What it is about.
        kind: `row` can be opened and changed in place, `opens` is opened elsewhere, `plain` is only read.
        mark: `done`, `waiting`, `failed`, `warned`, `skipped`, `batch`, `written` or `cue`: the picture in front.
        number: Of the row, or None.
        facts: A quiet line below the text.
        trouble: What is wrong, below that.
        note: A quiet sentence for who opens the row.
        seconds: Length of its sound.
        audio: Address of its sound, empty for none.
        name: What the downloaded sound is called.
    """

    key: str
    text: str
    kind: str = "plain"
    mark: str = "done"
    number: int | None = None
    facts: str = ""
    trouble: str = ""
    note: str = ""
    seconds: float = 0.0
    audio: str = ""
    name: str = ""


@dataclass(frozen=True)
class Figure:
    """A figure above the lines: `497`, `rows can be spoken`; its mark is `failed`, `warned` or empty."""

    value: str
    label: str
    mark: str = ""


@dataclass(frozen=True)
class Page:
    """Which lines are shown.

    Attributes:
        only: Key of the chosen filter.
        number: From 1.
        size: Lines a page.
    """

    only: str
    number: int
    size: int

    @property
    def offset(self) -> int:
        """Lines before it."""
        return (self.number - 1) * self.size

    def within(self, matching: int) -> Page:
        """The same, or the last page there is."""
        return Page(self.only, max(1, min(self.number, pages(matching, self.size))), self.size)


def pages(matching: int, size: int) -> int:
    """How many pages so many lines take."""
    return max(1, -(-matching // size))


def page_of(key: str, size: int) -> Page:
    """Which lines of the roster of that key this tab looks at."""
    only, number = st.session_state.get(f"{key}_at", (ALL, 1))
    return Page(only, number, size)


def look_at(key: str, only: str = ALL, number: int = 1) -> None:
    """Turn to other lines."""
    st.session_state[f"{key}_at"] = (only, number)


@dataclass(frozen=True)
class Acts:
    """What clicks do; a roster without them has nothing of the kind to click."""

    open: Callable[[str], None] = lambda key: None
    speak: Callable[[int, str], None] = lambda number, text: None


@dataclass(frozen=True)
class Around:
    """What stands around the lines.

    Attributes:
        label: What the list is called, for screen readers.
        figures: Above everything.
        filters: Filter -> (its word, how many lines it lets through).
        empty: Instead of lines.
        locked: Why rows cannot be changed now, or empty.
        news: For screen readers, told when it changes.
    """

    label: str
    figures: Sequence[Figure] = ()
    filters: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    empty: str = ""
    locked: str = ""
    news: str = ""


def roster(key: str, lines: Sequence[Line], page: Page, matching: int, around: Around, acts: Acts | None = None) -> None:
    """Draw a page of lines.

    Args:
        key: Of the component; the tab's page of it is kept beside.
        lines: Of this page.
        page: As `page_of` answered, `within` what there is.
        matching: Lines that the filter lets through.
        around: What stands around them.
        acts: What clicks do.
    """
    acts = acts or Acts()

    def said(trigger: str) -> Any:
        return st.session_state[key].get(trigger)

    def speak() -> None:
        wanted = said("speak") or {}
        acts.speak(int(wanted.get("number", 0)), str(wanted.get("text", "")))

    last = min(page.offset + page.size, matching)
    data = {
        "label": around.label,
        "news": around.news,
        "figures": [vars(figure) for figure in around.figures],
        "filters": [{"key": name, "label": word, "count": count} for name, (word, count) in around.filters.items()],
        "only": page.only,
        "page": page.number,
        "pages": pages(matching, page.size),
        "span": f"{page.offset + 1:,} to {last:,} of {matching:,}" if matching else "",
        "empty": around.empty,
        "locked": around.locked,
        "rows": [vars(line) for line in lines],
    }
    _roster(
        key=key,
        data=data,
        on_only_change=lambda: look_at(key, str(said("only") or ALL)),
        on_page_change=lambda: look_at(key, page.only, int(said("page") or 1)),
        on_open_change=lambda: acts.open(str(said("open") or "")),
        on_speak_change=speak,
    )
