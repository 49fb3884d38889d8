"""Each format is read back by a reader that is not ours, for every preset, to the millisecond."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
import zipfile
from dataclasses import replace
from typing import Any

import docx
import pysrt
import pytest
import webvtt
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.subtitles.readers import read_srt, read_vtt
from tests.transcription import readers
from tests.transcription.judge import seen
from tests.transcription.spoken import STORY, TEXTS, interview, segment, spoken, transcript
from utils.errors import UnknownFormat
from utils.transcription import cues, formats, presets
from utils.transcription.contract import Dropped, GateReport, Segment, Transcript, Word
from utils.transcription.formats_docx import DOCUMENT_TITLE

NETFLIX = presets.rules("netflix")
EVIL = [
    "-->", "00:00:01.000 --> 00:00:02.000", "&amp; <b>bold</b> </c> <00:00:00.500>", "\n\n2\n00:00:05,000 --> 00:00:06,000\n\nevil",
    "=HYPERLINK(\"http://x\")", "+1", "-1", "@x", "\uff1d1", "[00:05.000]evil", "[ti:evil]", "<00:09.000> evil", "[a [b:c] d:e]",
    "NOTE\nx", "WEBVTT", "STYLE", "a\tb\tc", 'say "hi"\t"', "\x00\x07\x1b[31m", "\u2028\u2029\x85\x0b", "\ud800", "\ufffe\uffff",
    "]]>", "{\\an8}", "\u202eabc\u202c \u200fא", "1", "\\N", "👩\u200d👩\u200d👧", "\r\n\r\n", "&lt;", "\ufeff",
]  # fmt: skip


def render(given_one: Transcript, key: str, rules: Any = NETFLIX, **options: Any) -> bytes:
    return formats.render(given_one, key, rules, **options)


def spans(given_one: Transcript, rules: Any) -> list[tuple[int, int, str]]:
    """What every format of cues has to say."""
    return [(round(cue.start * 1000), round(cue.end * 1000), cue.text) for cue in cues.make(given_one, rules).cues]


def srt_spans(data: bytes) -> list[tuple[int, int, str]]:
    return [(item.start.ordinal, item.end.ordinal, item.text) for item in pysrt.from_string(data.decode())]


def vtt_captions(data: bytes) -> list[Any]:
    return list(webvtt.from_string(data.decode()))


def vtt_ms(caption: Any) -> tuple[int, int]:
    return readers.clock_ms(caption.start), readers.clock_ms(caption.end)


def tsv_rows(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode(), newline=""), delimiter="\t", strict=True))


def docx_rows(data: bytes) -> list[tuple[str, str]]:
    document = docx.Document(io.BytesIO(data))
    return [(row.cells[0].text, row.cells[1].text) for table in document.tables for row in table.rows]


def flat(text: str) -> str:
    return seen(text)


@pytest.mark.parametrize("preset", presets.PRESETS)
@pytest.mark.parametrize("language", TEXTS)
def test_formats_each_is_read_back_equal_for_every_preset(preset: str, language: str) -> None:
    whole = interview(12, language=language)
    rules = presets.rules(preset)
    expected = spans(whole, rules)
    times = [row[:2] for row in expected]
    assert srt_spans(render(whole, "srt", rules)) == expected
    captions = vtt_captions(render(whole, "vtt", rules))
    assert [(*vtt_ms(caption), caption.text) for caption in captions] == expected
    rows = tsv_rows(render(whole, "tsv", rules))
    assert rows[0] == ["start", "end", "text"]
    assert [(int(row[0]), int(row[1])) for row in rows[1:]] == times
    assert [flat(row[2]) for row in rows[1:]] == [flat(row[2]) for row in expected]
    _, lines = readers.lrc(render(whole, "lrc", rules))
    assert [(at_ms, flat(text)) for at_ms, text in lines if text] == [(start, flat(text)) for start, _, text in expected]
    data = json.loads(render(whole, "json", rules))
    assert [(round(cue["start"] * 1000), round(cue["end"] * 1000), cue["text"]) for cue in data["sotto"]["cues"]] == expected


def test_formats_starts_are_those_of_the_transcripts_words() -> None:
    whole = interview(30)
    starts = {round(word.start * 1000) for part in whole.segments for word in part.words}
    for preset in presets.PRESETS:
        for start_ms, _, _ in srt_spans(render(whole, "srt", presets.rules(preset))):
            assert start_ms in starts


@pytest.mark.parametrize("preset", presets.PRESETS)
@pytest.mark.parametrize("language", TEXTS)
def test_formats_word_times_are_the_transcripts(preset: str, language: str) -> None:
    whole = interview(9, language=language)
    rules = presets.rules(preset)
    known = {round(word.start * 1000) for part in whole.segments for word in part.words}
    captions = vtt_captions(render(whole, "vtt", rules, word_times=True))
    plain = vtt_captions(render(whole, "vtt", rules))
    found = 0
    for caption, other in zip(captions, plain, strict=True):
        assert caption.text == other.text
        inner = [readers.clock_ms(mark) for mark in re.findall(r"<([\d:.]+)>", caption.raw_text)]
        start_ms, end_ms = vtt_ms(caption)
        assert inner == sorted(set(inner)) and all(start_ms < at_ms < end_ms for at_ms in inner)
        assert set(inner) <= known
        found += len(inner)
    assert found + len(captions) > 0.8 * len(known) * (1 if language in ("en", "de", "ar", "zh", "ja") else 0.5)
    _, lines = readers.lrc(render(whole, "lrc", rules, word_times=True))
    words = [pair for _, text in lines if text for pair in readers.lrc_words(text)]
    assert {at_ms for at_ms, _ in words} <= known
    assert flat("".join(word for _, word in words)) == flat("".join(part.text for part in whole.segments))


@pytest.mark.parametrize("language", TEXTS)
def test_formats_txt_has_the_text_and_its_times(language: str) -> None:
    whole = interview(12, language=language)
    expected = [(round(part.start * 1000), round(part.end * 1000), part.text) for part in whole.segments]
    assert readers.timed_text(render(whole, "txt", times=True, title="My [title]")) == expected
    plain = render(whole, "txt").decode()
    assert flat(plain) == flat("".join(part.text for part in whole.segments))
    assert plain.count("\n\n") == sum(b.start - a.end >= 2 for a, b in zip(whole.segments, whole.segments[1:], strict=False))


@pytest.mark.parametrize("language", TEXTS)
def test_formats_docx_has_title_text_and_times_in_the_margin(language: str) -> None:
    whole = interview(12, language=language)
    data = render(whole, "docx", times=True, title="Talk & <more>")
    rows = docx_rows(data)
    times = [tuple(readers.clock_ms(line) for line in margin.split("\n")) for margin, _ in rows]
    assert times == [(round(part.start * 1000), round(part.end * 1000)) for part in whole.segments]
    assert [text for _, text in rows] == [part.text for part in whole.segments]
    document = docx.Document(io.BytesIO(data))
    assert document.paragraphs[0].text == "Talk & <more>" == document.core_properties.title
    rtl = b"w:bidi/>" in zipfile.ZipFile(io.BytesIO(data)).read("word/document.xml")
    assert rtl == (language in ("ar", "he"))
    paragraphs = docx_rows(render(whole, "docx"))
    assert 1 < len(paragraphs) < len(rows)
    assert flat("".join(text for _, text in paragraphs)) == flat("".join(text for _, text in rows))


def test_formats_docx_marks_doubtful_words_and_passages() -> None:
    low = tuple(replace(word, probability=0.2 if word.text.strip() in ("cold", "day") else 0.9) for word in segment(STORY).words)
    whole = transcript(replace(segment(STORY), words=low), Segment(60.0, 61.0, "Thanks for watching", doubt="no_speech"))
    document = docx.Document(io.BytesIO(render(whole, "docx")))
    marked = {
        run.text: str(run.font.highlight_color)
        for row in document.tables[0].rows
        for paragraph in row.cells[1].paragraphs
        for run in paragraph.runs
        if run.font.highlight_color is not None
    }
    assert {text: colour.split(" ")[0] for text, colour in marked.items()} == {
        "cold": "YELLOW",
        "day": "YELLOW",
        "Thanks for watching": "GRAY_25",
    }
    told = [paragraph.text for paragraph in document.paragraphs]
    assert any("yellow" in text for text in told) and any("00:01:00.000" in text for text in told)


def test_formats_draft_and_doubt_are_told_where_there_is_a_place() -> None:
    gate = GateReport(dropped=(Dropped(70.0, 71.0, "silence", 3),))
    whole = replace(
        transcript(segment(STORY), Segment(60.0, 61.0, "Thanks for watching", doubt="repetition"), engine="draft"), gate=gate
    )
    for key in ("txt", "vtt"):
        text = render(whole, key).decode()
        assert "Draft quality" in text and "00:01:00.000: " in text and "Left out at 00:01:10.000" in text
        assert "Draft quality" not in render(whole, key, notes=False).decode()
    assert render(whole, "vtt").decode().startswith("WEBVTT\n\nNOTE\nDraft quality")
    assert vtt_captions(render(whole, "vtt"))[-1].text == "Thanks for watching"
    assert "draft quality" in readers.lrc(render(whole, "lrc"))[0]["re"]
    ours = json.loads(render(whole, "json"))["sotto"]
    assert ours["draft"] is True and ours["doubts"] == {"1": "repetition"} and ours["gate"]["dropped"][0]["words"] == 3
    told = [paragraph.text for paragraph in docx.Document(io.BytesIO(render(whole, "docx"))).paragraphs]
    assert any(text.startswith("Draft quality") for text in told)


def test_formats_json_has_the_shape_that_clients_of_openai_expect() -> None:
    whole = spoken("Hello there. How are you?")
    data = json.loads(render(whole, "json"))
    assert list(data)[:6] == ["task", "language", "duration", "text", "segments", "words"]
    assert data["text"] == "Hello there. How are you?" and data["language"] == "en"
    assert set(data["segments"][0]) == {
        "id", "seek", "start", "end", "text", "tokens", "temperature", "avg_logprob", "compression_ratio", "no_speech_prob",
    }  # fmt: skip
    first = whole.segments[0].words[0]
    assert data["words"][0] == {"word": "Hello", "start": first.start, "end": first.end, "probability": 0.9}
    assert len(data["words"]) == 5


def hostile(texts: list[str]) -> Transcript:
    """Each text as a segment: half of them with words."""
    found = []
    for number, text in enumerate(texts):
        at = number * 4.0
        words = (Word(at, at + 1, text), Word(at + 1, at + 2, " end")) if number % 2 else ()
        found.append(Segment(at, at + 3, text + " end", words))
    return Transcript(tuple(found), "en", None, "draft", "m", 4.0 * len(texts), options={"prompt": "\ud800", "x": float("nan")})


TEXT = st.one_of(st.sampled_from(EVIL), st.text(max_size=30), st.lists(st.sampled_from(EVIL), max_size=3).map(" ".join))


HOSTILE = (st.lists(TEXT, max_size=6), st.sampled_from(list(presets.PRESETS)), st.booleans(), TEXT)


@pytest.mark.long
@pytest.mark.timeout(1800)
@settings(max_examples=1000, deadline=None)
@given(*HOSTILE)
def test_formats_none_of_very_many_texts_breaks_any(texts: list[str], preset: str, timed: bool, title: str) -> None:
    check_hostile(hostile(texts), presets.rules(preset), timed, title)


@settings(max_examples=30, deadline=None)
@given(*HOSTILE)
def test_formats_no_text_breaks_any(texts: list[str], preset: str, timed: bool, title: str) -> None:
    check_hostile(hostile(texts), presets.rules(preset), timed, title)


@pytest.mark.parametrize("preset", presets.PRESETS)
def test_formats_all_that_is_evil_at_once_breaks_none(preset: str) -> None:
    for timed in (False, True):
        check_hostile(hostile(EVIL), presets.rules(preset), timed, " ".join(EVIL))


def check_hostile(whole: Transcript, rules: Any, timed: bool, title: str) -> None:
    expected = spans(whole, rules)
    times = [row[:2] for row in expected]
    data = {key: render(whole, key, rules, times=timed, word_times=timed, title=title) for key in formats.FORMATS}
    for key in ("srt", "vtt", "txt", "lrc", "tsv"):
        assert not set(data[key].decode()) & {chr(code) for code in (*range(9), 11, 12, *range(14, 32), 0x85, 0x2028)}, key
    strict = read_srt(data["srt"].decode())
    assert [(round(cue.start * 1000), round(cue.end * 1000)) for cue in strict] == times
    assert [flat(cue.text) for cue in strict] == [flat(text.replace("-->", "→")) for _, _, text in expected]
    assert [item[:2] for item in srt_spans(data["srt"])] == times
    assert [vtt_ms(caption) for caption in vtt_captions(data["vtt"])] == times
    plain = read_vtt(render(whole, "vtt", rules, notes=False).decode())
    assert [(round(cue.start * 1000), round(cue.end * 1000), cue.text) for cue in plain] == expected
    rows = tsv_rows(data["tsv"])
    assert all(len(row) == 3 for row in rows)
    assert [(int(row[0]), int(row[1])) for row in rows[1:]] == times
    assert not any(row[2].startswith(("=", "+", "-", "@", "\uff1d")) for row in rows)
    _, lines = readers.lrc(data["lrc"])
    assert [at_ms for at_ms, text in lines if text] == [start for start, _ in times]
    read = json.loads(data["json"])
    assert len(read["segments"]) == len(whole.segments)
    kept = [part for part in whole.segments if flat(part.text)]
    if timed:
        assert [row[:2] for row in readers.timed_text(data["txt"])] == [
            (round(part.start * 1000), round(part.end * 1000)) for part in kept
        ]
    assert (len(docx_rows(data["docx"])) == len(kept)) or not timed


@pytest.mark.parametrize("key", formats.FORMATS)
def test_formats_of_nothing_are_files_all_the_same(key: str) -> None:
    data = render(transcript(), key)
    assert data or key in ("txt", "srt")
    if key == "docx":
        assert docx.Document(io.BytesIO(data)).paragraphs[0].text == DOCUMENT_TITLE
    if key == "vtt":
        assert vtt_captions(data) == []


@pytest.mark.parametrize("key", ["", "doc", None, 7, ["srt"]])
def test_formats_an_unknown_one_is_refused(key: Any) -> None:
    with pytest.raises(UnknownFormat, match="not written here"):
        render(transcript(), key)


def test_formats_hours_are_printed_without_an_upper_end() -> None:
    late = transcript(Segment(400_000.001, 400_001.5, "Late."))
    assert b"111:06:40,001 --> 111:06:41,5" in render(late, "srt")
    assert readers.lrc(render(late, "lrc"))[1][0] == (400_000_001, "Late.")


def test_formats_and_edits_import_no_library_before_it_is_used() -> None:
    code = (
        "import sys, utils.transcription.formats, utils.transcription.edits, utils.transcription.compare;"
        "print([name for name in ('docx', 'lxml', 'rapidfuzz', 'streamlit') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
