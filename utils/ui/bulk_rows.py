"""The rows of a batch as they stand: filtered, paged, played, changed and taken away one by one, live while work is open."""

from __future__ import annotations

from functools import partial
from pathlib import PurePath
from urllib.parse import quote

import streamlit as st

from utils.errors import AppError
from utils.services import Services
from utils.speech import voices
from utils.speech.contract import SpeechRequest
from utils.speech.table.contract import MAX_CELL_CHARS
from utils.storage.batch_readers import RowView
from utils.storage.item import Item
from utils.ui import figures, messages, pickers, state
from utils.ui.bulk_fields import key
from utils.ui.roster import ALL, Acts, Around, Figure, Line, Page, page_of, roster
from utils.workflows import batches
from utils.workflows.batches import BatchView

POLL_S = 1.0
PAGE_SIZE = 50
WORDS = {ALL: "All", "waiting": "Waiting", "done": "Done", "failed": "Failed", "skipped": "Left out", "again": "Hear again"}
EMPTY = {
    "waiting": "No row waits.",
    "done": "No row is done yet.",
    "failed": "No row failed.",
    "skipped": "No row was left out.",
    "again": "Every row that was checked sounds like its text.",
}
LOCKED = "It can be changed when the batch has ended, or after you cancel it."


def rows(item: Item, *, is_open: bool) -> None:
    """Draw the rows, and keep them current while work on them is open.

    Args:
        item: A batch.
        is_open: Its job is, as of this run of the page.
    """
    place = key(f"rows_{item.id}")

    @st.fragment(run_every=POLL_S if is_open else None)
    def live() -> None:
        services, session_id = state.services(), state.session_id()
        page = page_of(place, PAGE_SIZE)
        try:
            view = batches.view(services, session_id, item.id, only=page.only, offset=page.offset, limit=page.size)
            open_now = services.jobs.status(session_id, item.id).is_open
        except AppError:
            st.rerun()  # it is gone: the page says so
        if open_now != is_open:
            st.rerun()  # it began or ended: the page shows the other buttons
        messages.show_trouble()
        try:
            _draw(place, page, view, is_open)
        except Exception as defect:  # noqa: BLE001 - a fragment's last place before Streamlit's own, which would log what somebody typed
            messages.problem(messages.incident(defect))

    live()


def _draw(place: str, page: Page, view: BatchView, is_open: bool) -> None:
    total = sum(view.counts[name] for name in batches.STATES)
    counted = {ALL: total, **view.counts}
    filters = {name: (WORDS[name], count) for name, count in counted.items() if count or name in (ALL, page.only)}
    if len(filters) == 2 and page.only == ALL:  # all rows stand alike
        filters = {}
    around = Around(
        f"Rows of {view.item.title}",
        summary(view),
        filters,
        EMPTY.get(page.only, ""),
        LOCKED if is_open else "",
        "" if is_open else f"{view.item.title}: {view.counts['done']} of {figures.count(total, 'row')} done",
    )
    lines = [_line(view.item, row) for row in view.rows]
    roster(
        place,
        lines,
        page.within(view.matching),
        view.matching,
        around,
        Acts(speak=partial(speak, state.services(), state.session_id(), view.item.id)),
    )


def summary(view: BatchView) -> list[Figure]:
    """How the batch stands, in figures."""
    counts = view.counts
    total = sum(counts[name] for name in batches.STATES)
    told = [Figure(f"{counts['done']:,}", f"of {figures.count(total, 'row')} done")]
    if counts["failed"]:
        told.append(Figure(f"{counts['failed']:,}", "failed", "failed"))
    if counts["again"]:
        told.append(Figure(f"{counts['again']:,}", "to hear again", "warned"))
    if counts["skipped"]:
        told.append(Figure(f"{counts['skipped']:,}", "left out"))
    if counts["done"]:
        told += [Figure(figures.length(view.seconds), "of sound"), Figure(figures.size(view.size_bytes), "in files")]
    return told


def _line(item: Item, row: RowView) -> Line:
    plan, result = row.plan, row.result
    sound = result.file if result and row.state == "done" else ""
    return Line(
        str(plan.number),
        row.text,
        kind="row",
        mark=row.state,
        number=plan.number,
        facts=" · ".join(_facts(row)),
        trouble=_trouble(row),
        note=_note(item, row),
        seconds=result.seconds if result else 0.0,
        audio=address(item.id, plan.number, result.attempts) if result and sound else "",
        name=plan.name + PurePath(sound).suffix,
    )


def address(item_id: str, number: int, attempt: int) -> str:
    """Where our own route serves the sound of a row; `attempt` keeps a browser from playing an earlier one."""
    return f"/api/v1/items/{quote(item_id, safe='')}/rows/{number}/audio?inline=1&attempt={attempt}"


def label(engine: str) -> str:
    """An engine as people know it."""
    return voices.LABELS.get(engine, engine)


def _facts(row: RowView) -> list[str]:
    words = [row.plan.name]
    if row.result and row.state == "done":
        words.append(label(row.result.engine))
        if row.result.check_wer is not None:
            words.append(f"word error rate {row.result.check_wer:.0%}" if row.result.check_wer else "checked, word for word")
        if row.result.faster > 1:
            words.append(f"{row.result.faster:.2f} x faster to fit")
    return words


def _note(item: Item, row: RowView) -> str:
    """What somebody should know who opens the row: how it is mended, or why another engine spoke."""
    if row.state == "skipped":
        cut = f"Only its first {MAX_CELL_CHARS:,} characters are here." if len(row.text) == MAX_CELL_CHARS else ""
        mend = "This row was left out. Correct its text where need be and speak it: then it is part of the batch."
        return " ".join(filter(None, [mend, _speaker(item, row), cut]))
    result = row.result
    return f"Spoken by {label(result.engine)} because {result.fallback}." if result and result.fallback else ""


def _speaker(item: Item, row: RowView) -> str:
    """Who will speak a row that is mended."""
    how = SpeechRequest.from_dict({**item.request.get("defaults", {}), "text": "", **row.plan.request})
    try:
        language = voices.find_language(how.language).name
        voice = f", {pickers.voice_label(voices.find(how.voice), language)}" if how.voice else ""
    except AppError:  # the next try to speak it will tell
        return ""
    return f"It will be spoken in {language}{voice}."


def _trouble(row: RowView) -> str:
    if row.state == "skipped":
        return row.plan.skip
    if row.result is None or row.state == "waiting":
        return ""
    if row.state == "failed":
        error = row.result.error or {}
        return " ".join(filter(None, [str(error.get("sentence", "")), str(error.get("hint", ""))]))
    over = f"Runs {row.result.over_s:.1f} s over its time." if row.result.over_s > 0 else ""
    heard = f"Heard: “{row.result.heard or 'nothing'}”" if batches.is_doubtful(row) else ""
    return " ".join(filter(None, [over, heard]))


def speak(services: Services, session_id: str, item_id: str, number: int, text: str) -> None:
    """Click on "Speak this row"."""
    messages.attempt(lambda: batches.edit_row(services, session_id, item_id, number, text))
