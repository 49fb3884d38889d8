"""A text held against another one: corrections against what was heard, and what was heard against what should have been said."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING

import streamlit as st

from utils.storage.item import Item
from utils.transcription.contract import Segment
from utils.ui import figures, state
from utils.ui.messages import as_html
from utils.ui.roster import Acts, Around, Line, page_of, roster
from utils.ui.transcribe_fields import key
from utils.workflows import texts

if TYPE_CHECKING:
    from utils.transcription.compare import Comparison, Piece

PAGE_SIZE = 50
MOST_PIECES = 600  # stretches of a comparison that are drawn
CONTEXT_WORDS = 6  # on each side of what differs


def changes(item: Item) -> None:
    """Draw every place where the corrected text differs from what was heard."""

    @st.fragment
    def part() -> None:
        before, after = (_segments(item, original=original) for original in (True, False))
        blocks = differing(before, after)
        place = f"{key('changes')}_{item.id}"
        page = page_of(place, PAGE_SIZE).within(len(blocks))
        lines = [_line(number, *block) for number, block in enumerate(blocks, start=1)]
        shown = lines[page.offset : page.offset + page.size]
        empty = "Nothing differs from what was heard."
        roster(place, shown, page, len(lines), Around("Changes", empty="" if lines else empty), Acts())

    part()


def _segments(item: Item, *, original: bool) -> tuple[Segment, ...]:
    found = texts.read(state.services(), state.session_id(), item.id, original=original).transcript
    return found.segments if found else ()


Block = tuple[tuple[Segment, ...], tuple[Segment, ...]]


def differing(before: tuple[Segment, ...], after: tuple[Segment, ...]) -> list[Block]:
    """Stretches that are not the same in both, in order: what was heard, what it is now."""
    seen, now = ([(one.text, round(one.start, 3), round(one.end, 3)) for one in side] for side in (before, after))
    steps = SequenceMatcher(None, seen, now, autojunk=False).get_opcodes()
    return [(before[a:b], after[c:d]) for what, a, b, c, d in steps if what != "equal"]


def _line(number: int, was: tuple[Segment, ...], now: tuple[Segment, ...]) -> Line:
    text = "\n".join(one.text for one in now) or "(removed)"
    heard = " / ".join(f"{_span(one)} {one.text}" for one in was)
    where = _span(*now) if now else _span(*was)
    return Line(str(number), text, "plain", "written", number, where, f"Heard: {heard}" if heard else "Added by hand")


def _span(*segments: Segment) -> str:
    return f"{_time(segments[0].start)} to {_time(segments[-1].end)}"


def _time(seconds: float) -> str:
    ms = round(seconds * 1000)
    return f"{ms // 60_000}:{ms % 60_000 / 1000:04.1f}"


def check(found: Comparison) -> None:
    """Draw what was heard against what should have been said: the word error rate, and the words that differ in their place."""
    errors = found.substitutions + found.deletions + found.insertions
    differ = "No word differs" if not errors else f"{figures.count(errors, 'word')} of {found.words:,} {_verb(errors)}"
    rate = f"<strong>{found.wer * 100:.1f} %</strong>"
    st.html(f'<p class="figure">{rate} <span class="quiet">word error rate (WER) · {differ}</span></p>')
    if errors:
        more = "<p class='quiet'>Only the first differences are shown.</p>" if len(found.pieces) > MOST_PIECES else ""
        st.html(f'<p class="compared">{marked(found)}</p>{more}')
        st.html('<p class="quiet"><del>Struck out</del>: should have been said. <ins>Underlined</ins>: was heard.</p>')


def marked(found: Comparison) -> str:
    """Both texts as one, what differs marked; HTML."""
    return " ".join(piece for piece in map(_piece, found.pieces[:MOST_PIECES]) if piece)


def _verb(errors: int) -> str:
    return "differs" if errors == 1 else "differ"


def _piece(piece: Piece) -> str:
    if piece.kind == "same":
        words = piece.reference.split()
        if len(words) <= 2 * CONTEXT_WORDS + 1:
            return as_html(piece.reference)
        return f"{as_html(' '.join(words[:CONTEXT_WORDS]))} … {as_html(' '.join(words[-CONTEXT_WORDS:]))}"
    said = f"<del>{as_html(piece.reference)}</del>" if piece.reference else ""
    heard = f"<ins>{as_html(piece.heard)}</ins>" if piece.heard else ""
    return f"{said} {heard}".strip()
