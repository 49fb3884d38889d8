"""The dry run of a table: what would be made, what it costs, what is wrong with which row; and the start."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence

import streamlit as st

from utils.services import Services
from utils.speech.table.contract import Problem
from utils.speech.table.memo import Checked
from utils.storage.manifest import safe_cell
from utils.ui import bulk_fields as fields
from utils.ui import figures, state
from utils.ui.bulk_fields import key, put
from utils.ui.roster import ALL, Around, Figure, Line, look_at, page_of, roster
from utils.workflows import generate

PAGE_SIZE = 10
ERRORS, WARNINGS = "error", "warning"
ROSTER = "problems"


def summary(found: Checked) -> None:
    """Draw what a start would make, and the problems, a page of them."""
    check = found.check
    problems = check.problems
    counts = {level: sum(problem.level == level for _, problem in problems) for level in (ERRORS, WARNINGS)}
    page = page_of(key(ROSTER), PAGE_SIZE)
    matching = [pair for pair in problems if page.only in (ALL, pair[1].level)]
    page = page.within(len(matching))
    filters = {ALL: ("All problems", len(problems)), ERRORS: ("Errors", counts[ERRORS]), WARNINGS: ("Warnings", counts[WARNINGS])}
    shown = {name: word for name, word in filters.items() if word[1] or name == page.only} if problems else {}
    lines = _lines(found, matching[page.offset : page.offset + page.size], page.offset)
    figured, news = costs(found, state.services(), _stand_in(found)), f"{check.good} of {len(check.rows)} rows"
    around = Around("Problems of the table", figured, shown, news=news)
    roster(key(ROSTER), lines, page, len(matching), around)
    for note in found.table.notes:
        st.caption(note)


def _stand_in(found: Checked) -> str:
    """Who speaks if Google still cannot be reached; nobody for rows that ask for Google and no other."""
    said = fields.defaults()
    instead = generate.stand_in(state.services(), said.engine, said.voice, said.language)
    asked = (row.request for row in found.check.rows if instead and row.request)
    return "" if any(generate.GOOGLE in (one.engine, (one.voice or "").partition(":")[0]) for one in asked) else instead


def costs(found: Checked, services: Services, instead: str = "") -> list[Figure]:
    """The dry run in figures.

    Args:
        found: It.
        services: As everywhere.
        instead: Who speaks if Google still cannot be reached, where it could not lately.
    """
    check = found.check
    told = [Figure(f"{check.good:,}", "row to be spoken" if check.good == 1 else "rows to be spoken")]
    if check.bad:
        told.append(Figure(f"{check.bad:,}", "cannot be spoken", "failed"))
    if check.same:
        told.append(Figure(f"{check.same:,}", "repeats another row" if check.same == 1 else "repeat other rows"))
    told.append(Figure(f"{check.characters:,}", "characters"))
    if check.good:
        told.append(Figure(figures.about(check.sound_s).removeprefix("about "), "of sound, about"))
    if check.requests and instead:
        told.append(Figure(instead, "if Google still cannot be reached", "warned"))
    elif check.requests:
        pace = figures.about(check.requests / services.settings.gtts_requests_per_second)
        told.append(Figure(f"{check.requests:,}", f"requests to Google, {pace}"))
    return told


def _lines(found: Checked, problems: Sequence[tuple[int, Problem]], offset: int) -> list[Line]:
    text, lines = found.mapping.get("text"), {row.number: row for row in found.table.rows}
    drawn = []
    for place, (number, problem) in enumerate(problems, offset):
        row = lines[number]
        said = row.cells[text][:120] if text is not None and text < len(row.cells) else ""
        drawn.append(
            Line(
                f"{number}.{place}",
                problem.sentence,
                mark="failed" if problem.level == ERRORS else "warned",
                facts=" · ".join(filter(None, [f"row {number}, line {row.line}", said])),
            )
        )
    return drawn


def problems_csv(found: Checked) -> bytes:
    """The problems as a table to download, safe to open in a spreadsheet program."""
    lines = {row.number: row.line for row in found.table.rows}
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(("row", "line", "level", "code", "problem"))
    for number, problem in found.check.problems:
        cells = (str(number), str(lines[number]), problem.level, problem.code, problem.sentence)
        writer.writerow([safe_cell(cell) for cell in cells])
    return out.getvalue().encode("utf-8-sig")


def start(found: Checked, on_start: Callable[[bool], None]) -> None:
    """The buttons below the summary; with bad rows they ask first.

    Args:
        found: The dry run.
        on_start: Starts; it is told whether bad rows are left out.
    """
    check = found.check
    if st.session_state.get(key("asking")) and check.bad and check.good:
        _question(check.bad, len(check.rows), on_start)
        return
    with st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center", key=key("start_line")):
        if not check.good:
            st.html('<p class="problem" role="alert">None of the rows can be spoken.</p>')
        if check.problems:
            st.download_button(
                "Problems as CSV",
                lambda: problems_csv(found),
                "problems.csv",
                "text/csv",
                on_click="ignore",
                icon=":material/download:",
                type="tertiary",
                key=key("take_problems"),
            )
        st.button(
            "Start",
            icon=":material/play_arrow:",
            type="primary",
            key=key("start"),
            disabled=not check.good,
            on_click=_ask if check.bad else on_start,
            args=() if check.bad else (False,),
        )


def _ask() -> None:
    put(asking=True)
    look_at(key(ROSTER), ERRORS)


def _question(bad: int, rows: int, on_start: Callable[[bool], None]) -> None:
    with st.container(border=True, key=key("question")):
        them = "it" if bad == 1 else "them"
        choice = f"Start without {them} and correct {them} in the batch later, or stop and correct the table?"
        said = f"{bad:,} of {figures.count(rows, 'row')} cannot be spoken. {choice}"
        st.html(f'<p class="problem" role="alert">{said}</p>')
        with st.container(horizontal=True):
            without = f"Start without {figures.count(bad, 'row')}"
            st.button(without, icon=":material/play_arrow:", type="primary", key=key("skip"), on_click=on_start, args=(True,))
            st.button("Stop", icon=":material/close:", key=key("stop"), on_click=_stop)


def _stop() -> None:
    put(asking=False)
