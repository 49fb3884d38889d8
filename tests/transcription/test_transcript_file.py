"""transcript.json: written, read back equal, and refused in a sentence when damaged."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.transcription.spoken import ARABIC, STORY, interview, segment, transcript
from utils.errors import Conflict, NotFound, StoreUnavailable
from utils.transcription import transcript_file
from utils.transcription.contract import Dropped, GateReport, Segment, Transcript, Word

FULL = replace(
    transcript(segment(STORY), Segment(40.0, 41.0, ARABIC, doubt="unsure", temperature=0.2), language="en"),
    language_probability=0.93,
    gate=GateReport(3, 1, 1, (Dropped(1.0, 2.0, "silence", 4),), 12.5),
    options={"prompt": "Ümläute", "beam_size": 5},
    sound={"seconds": 41.0, "gaps": [{"at_s": 1.0}]},
)


def test_transcript_saved_and_loaded_is_equal(tmp_path: Path) -> None:
    path = tmp_path / "transcript.json"
    for whole in (FULL, transcript(), interview(50)):
        transcript_file.save(path, whole)
        assert transcript_file.load(path) == whole
        assert [entry.name for entry in tmp_path.iterdir()] == ["transcript.json"]


def test_transcript_file_is_what_as_dict_says() -> None:
    assert json.loads(transcript_file.to_bytes(FULL)) == json.loads(json.dumps(FULL.as_dict()))


def test_transcript_digest_tells_versions_apart() -> None:
    assert transcript_file.digest(transcript_file.to_bytes(FULL)) != transcript_file.digest(transcript_file.to_bytes(transcript()))


def test_transcript_slips_of_an_engine_are_written_all_the_same() -> None:
    odd = transcript(Segment(0.0, 1.0, "x\ud800", (Word(0.0, 1.0, "x", float("nan")),), avg_logprob=float("-inf")))
    read = transcript_file.from_bytes(transcript_file.to_bytes(odd)).segments[0]
    assert read.words[0].probability is None and read.avg_logprob is None and read.text == "x?"


def test_transcript_fields_of_newer_minor_versions_are_left_out() -> None:
    plain = json.loads(transcript_file.to_bytes(FULL))
    plain["extra"] = plain["segments"][0]["extra"] = 1
    assert transcript_file.from_bytes(json.dumps(plain).encode()) == FULL


def test_transcript_of_a_newer_schema_says_so() -> None:
    with pytest.raises(Conflict, match="newer version"):
        transcript_file.from_bytes(json.dumps({**FULL.as_dict(), "schema": 99}).encode())


def test_transcript_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    for path in (tmp_path / "transcript.json", tmp_path):
        with pytest.raises(NotFound):
            transcript_file.load(path)


def test_transcript_folder_that_is_gone_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable):
        transcript_file.save(tmp_path / "none" / "transcript.json", FULL)


def changed(*path: Any, value: Any) -> bytes:
    plain = json.loads(transcript_file.to_bytes(FULL))
    place = plain
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    return json.dumps(plain).encode()


GOOD = transcript_file.to_bytes(FULL)
CHANGES: list[tuple[Any, ...]] = [
    ("schema", "1"), ("schema", 0), ("segments", {}), ("segments", [3]), ("segments", 0, "text", None),
    ("segments", 0, "start", "1"), ("segments", 0, "end", None), ("segments", 0, "words", 3), ("segments", 0, "doubt", []),
    ("segments", 0, "words", [{"start": 0}]),
    ("segments", 0, "words", 0, "text", 1), ("segments", 0, "words", 0, "start", True), ("segments", 0, "words", 0, "end", 10**300),
    ("segments", 0, "words", 0, "more", 1), ("segments", 0, "avg_logprob", "low"), ("language", None), ("seconds", "long"),
    ("gate", [1]), ("gate", "dropped", [{}]), ("gate", "checked", "x"), ("options", []), ("sound", 3), ("language_probability", []),
]  # fmt: skip
DAMAGED = [
    b"", b"{", b"[]", b"3", b"null", b"\xff\xfe", b'"x"', GOOD[: len(GOOD) // 2], GOOD + b"x", b"[" * 200_000, b'{"schema":1}',
    b'{"schema":1,"segments":1e999}', b'{"schema":1,"segments":NaN}', GOOD.replace(b'"start":0.0', b'"start":1e999', 1),
    *(changed(*path, value=value) for *path, value in CHANGES),
]  # fmt: skip


@pytest.mark.parametrize("data", DAMAGED, ids=lambda data: repr(data[:30]))
def test_transcript_damaged_is_a_sentence(data: bytes) -> None:
    with pytest.raises(Conflict) as caught:
        transcript_file.from_bytes(data)
    assert caught.value.sentence.endswith(".")


def test_transcript_cut_anywhere_is_a_sentence() -> None:
    for stop in range(0, len(GOOD), 97):
        with pytest.raises(Conflict):
            transcript_file.from_bytes(GOOD[:stop])


def test_transcript_over_its_bound_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "transcript.json"
    with path.open("wb") as file:
        file.truncate(transcript_file.MAX_BYTES + 1)
    with pytest.raises(Conflict, match="damaged"):
        transcript_file.load(path)


def test_transcript_loaded_is_a_transcript() -> None:
    assert isinstance(transcript_file.from_bytes(GOOD), Transcript)
