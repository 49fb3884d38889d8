"""Subtitles of a transcript before they are taken: the cues of the chosen preset, and which of them break which rule."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from utils.errors import AppError
from utils.services import Services
from utils.storage.item import Item
from utils.transcription.cue_report import Breach
from utils.transcription.cues import CueSheet
from utils.transcription.presets import LIMITS, rules
from utils.ui import figures, messages, state
from utils.ui.roster import ALL, Acts, Around, Figure, Line, page_of, roster
from utils.ui.transcribe_fields import key
from utils.ui.transcribe_form import preset
from utils.workflows import texts, transcripts

PAGE_SIZE = 50
BROKEN = "broken"
PRESET = key("preview")
OWN = ("max_chars", "max_lines", "max_cps", "min_s", "max_s", "gap_s")
WHOLE = ("max_chars", "max_lines")
SHORT = {
    "max_chars": "Characters a line",
    "max_lines": "Lines",
    "max_cps": "Characters a second",
    "min_s": "Shortest, s",
    "max_s": "Longest, s",
    "gap_s": "Gap, s",
}
BREACHES = {
    "max_chars": "{value:g} characters in a line, allowed are {limit:g}",
    "max_lines": "{value:g} lines, allowed are {limit:g}",
    "max_cps": "{value:.0f} characters a second, allowed are {limit:g}",
    "min_s": "stands {value:.2f} s, should stand {limit:.2f} s at least",
    "max_s": "stands {value:.1f} s, should stand {limit:g} s at most",
    "gap_s": "{value:.2f} s before the next one, should be {limit:.2f} s",
}


def chosen(item: Item) -> tuple[str, dict[str, float]]:
    """Preset and own limits that the subtitles of this page are made with."""
    name = str(st.session_state.get(PRESET) or item.request.get("preset") or "netflix")
    limits: Mapping[str, float] = st.session_state.get(f"{PRESET}_limits", {})
    return name, dict(limits)


def subtitles(item: Item) -> None:
    """Draw the cues with their report; in a fragment, so that turning a page does not run the whole page."""

    st.session_state.setdefault(PRESET, str(item.request.get("preset") or "netflix"))
    drawn = chosen(item)

    @st.fragment
    def part() -> None:
        with st.container(horizontal=True, vertical_alignment="bottom", key=key("cue_choices")):
            preset(PRESET, "Preset")
            _own_limits()
        name, limits = chosen(item)
        if (name, limits) != drawn:
            st.rerun()  # the whole page: its downloads are made with them, too
        try:
            etag = texts.read(state.services(), state.session_id(), item.id).etag
            sheet = _sheet(state.services(), state.session_id(), item.id, etag, name, tuple(sorted(limits.items())))
        except AppError as error:
            messages.problem(error)
            return
        _draw(sheet, item)

    part()


@st.cache_resource(max_entries=4, show_spinner=False)
def _sheet(
    _services: Services, session_id: str, item_id: str, etag: str, preset_name: str, limits: tuple[tuple[str, float], ...]
) -> CueSheet:
    """The cues of one state of a text; remembered, because those of 5,000 segments take a second."""
    return transcripts.sheet(_services, session_id, item_id, preset_name, dict(limits))


def _own_limits() -> None:
    """Limits of one's own in place of the preset's."""
    with st.popover("Own limits", icon=":material/tune:", key=f"{PRESET}_box", on_change="rerun") as box:
        if not box.open:
            return
        usual, kept = rules(st.session_state[PRESET]), st.session_state.get(f"{PRESET}_limits", {})
        places = st.columns(2)
        found: dict[str, float] = {}
        for number, name in enumerate(OWN):
            _, least, most = LIMITS[name]
            value = float(kept.get(name, getattr(usual, name)))
            place = f"{PRESET}_{name}_{st.session_state[PRESET]}"
            whole = name in WHOLE
            given = places[number % 2].number_input(
                SHORT[name],
                int(least) if whole else float(0 if name == "max_cps" else least),
                int(most) if whole else float(most),
                int(value) if whole else round(value, 3),
                step=1 if whole else 0.1,
                key=place,
            )
            if abs(float(given) - float(getattr(usual, name))) > 0.001:
                found[name] = float(given)
        st.session_state[f"{PRESET}_limits"] = found


def _draw(sheet: CueSheet, item: Item) -> None:
    broken: dict[int, list[Breach]] = {}
    for breach in sheet.report.breaches:
        broken.setdefault(breach.number, []).append(breach)
    place = f"{key('cues')}_{item.id}"
    page = page_of(place, PAGE_SIZE)
    numbers = range(1, len(sheet.cues) + 1) if page.only == ALL else sorted(broken)
    page = page.within(len(numbers))
    lines = [_line(sheet, number, broken.get(number, [])) for number in numbers[page.offset : page.offset + page.size]]
    filters = {ALL: ("All", len(sheet.cues)), BROKEN: ("Break a rule", len(broken))} if broken else {}
    shown = [Figure(f"{len(sheet.cues):,}", "cue" if len(sheet.cues) == 1 else "cues")]
    shown.append(Figure(f"{len(broken):,}", "break a rule", "warned" if broken else ""))
    empty = "There are no subtitles, as there is no text." if not sheet.cues else "No cue breaks a rule."
    roster(place, lines, page, len(numbers), Around("Subtitles", shown, filters, empty), Acts())


def _line(sheet: CueSheet, number: int, breaches: list[Breach]) -> Line:
    cue = sheet.cues[number - 1]
    told = [f"{BREACHES[breach.rule].format(value=breach.value, limit=breach.limit)}. {breach.why}" for breach in breaches]
    shown_s = cue.end - cue.start
    facts = f"{_time(cue.start)} to {_time(cue.end)} · {figures.length(shown_s)}"
    trouble = " ".join(sentence[0].upper() + sentence[1:] for sentence in told)
    return Line(str(number), cue.text, "plain", "warned" if told else "cue", number, facts, trouble)


def _time(seconds: float) -> str:
    ms = round(seconds * 1000)
    hours, minutes, rest = ms // 3_600_000, ms // 60_000 % 60, ms % 60_000
    return f"{hours}:{minutes:02d}:{rest / 1000:06.3f}" if hours else f"{minutes}:{rest / 1000:06.3f}"
