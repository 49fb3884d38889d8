"""What is written is what an independent reader finds."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.subtitles.readers import read_srt, read_vtt
from utils.subtitles import Cue, srt, vtt

LINE = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp", "Zs")), min_size=1, max_size=30)
TEXT = st.lists(LINE, min_size=1, max_size=3).map("\n".join)
ANY = st.text(max_size=60)


@st.composite
def cues(draw: st.DrawFn, text: st.SearchStrategy[str] = TEXT) -> list[Cue]:
    at_ms, found = 0, []
    for gap_ms, length_ms, words in draw(st.lists(st.tuples(st.integers(0, 10**8), st.integers(1, 10**5), text), max_size=8)):
        start_ms = at_ms + gap_ms
        at_ms = start_ms + length_ms
        found.append(Cue(start_ms / 1000, at_ms / 1000, words))
    return found


@settings(deadline=None)
@given(cues())
def test_vtt_any_cues_are_read_back_equal(given_cues: list[Cue]) -> None:
    assert read_vtt(vtt(given_cues)) == given_cues


@settings(deadline=None)
@given(cues())
def test_srt_any_cues_are_read_back_equal_but_for_arrows(given_cues: list[Cue]) -> None:
    expected = [Cue(cue.start, cue.end, cue.text.replace("-->", "→")) for cue in given_cues]
    assert read_srt(srt(given_cues)) == expected


@settings(deadline=None)
@given(cues(ANY))
def test_render_any_text_gives_a_file_that_can_be_read(given_cues: list[Cue]) -> None:
    in_srt, in_vtt = read_srt(srt(given_cues)), read_vtt(vtt(given_cues))
    assert [(cue.start, cue.end) for cue in in_srt] == [(cue.start, cue.end) for cue in in_vtt]
    assert [cue.text for cue in in_srt] == [cue.text.replace("-->", "→") for cue in in_vtt]
    srt(given_cues).encode(), vtt(given_cues).encode()


@pytest.mark.parametrize(
    "seconds, printed",
    [
        (0.0, "00:00:00.000"),
        (0.0004, "00:00:00.000"),
        (0.29, "00:00:00.290"),  # 0.29 * 1000 is 290 only when rounded
        (1.001, "00:00:01.001"),
        (4.35, "00:00:04.350"),
        (59.9996, "00:01:00.000"),
        (3_599.999, "00:59:59.999"),
        (3_600, "01:00:00.000"),
        (359_999.9994, "99:59:59.999"),
        (360_000, "100:00:00.000"),
    ],
)
def test_render_times_are_printed_to_the_millisecond(seconds: float, printed: str) -> None:
    cue = Cue(seconds, seconds + 2, "x")
    assert f"\n{printed} --> " in vtt([cue])
    assert f"\n{printed.replace('.', ',')} --> " in srt([cue])


def test_render_every_millisecond_of_an_hour_survives() -> None:
    given_cues = [Cue(ms / 1000, (ms + 1) / 1000, "x") for ms in range(0, 3_600_000, 97)]
    assert read_vtt(vtt(given_cues)) == given_cues


def test_vtt_markup_is_escaped() -> None:
    assert "a &lt;b&gt; &amp;amp; --&gt; c" in vtt([Cue(0, 1, "a <b> &amp; --> c")])


def test_render_empty_lines_and_controls_do_not_end_a_cue() -> None:
    given_cues = [Cue(0, 1, "a\n\n\x00b\r\n \nc\u2028d\x85e\x0bf"), Cue(1, 2, "g")]
    assert [cue.text for cue in read_srt(srt(given_cues))] == ["a\nb\nc d e f", "g"]


def test_render_cue_without_text_is_left_out_and_the_count_goes_on() -> None:
    assert [cue.text for cue in read_srt(srt([Cue(0, 1, "a"), Cue(1, 2, " \n "), Cue(2, 3, "b")]))] == ["a", "b"]


def test_render_cue_without_length_gets_a_millisecond() -> None:
    assert read_srt(srt([Cue(1, 1, "a"), Cue(3, 2, "b")])) == [Cue(1, 1.001, "a"), Cue(3, 3.001, "b")]


def test_render_no_cues_is_an_empty_file_of_its_kind() -> None:
    assert srt([]) == ""
    assert vtt([]) == "WEBVTT\n\n"
