"""The loop of a live job: from a file that grows to lines of captions, through deaths and delays."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.transcription.live_kit import Clock, LiveEngine, speech, told, voices
from utils.errors import Cancelled
from utils.transcription.captions_file import captions_of, line, past_of, transcript_of
from utils.transcription.captions_rules import Caption, Past
from utils.transcription.captions_run import caption
from utils.transcription.contract import RATE_HZ, Samples, Span, Word


class Tail:
    """A `Source`: what a file of 16 kHz PCM has got since the last read."""

    def __init__(self, path: Path, begin_s: float) -> None:
        self.path, self.at = path, round(begin_s * RATE_HZ)

    def read_new(self) -> Samples:
        with self.path.open("rb") as file:
            file.seek(self.at * 2)
            pcm = np.frombuffer(file.read(4 * RATE_HZ * 2), "<i2")
        self.at += len(pcm)
        return pcm.astype(np.float32) / np.float32(32_768)

    def left_s(self) -> float:
        return (self.path.stat().st_size // 2 - self.at) / RATE_HZ

    def skip(self, seconds: float) -> float:
        self.at += round(seconds * RATE_HZ)
        return self.at / RATE_HZ


class Recorder:
    """Writes sound to a file as time passes; the clock of the loop that follows it moves when that waits."""

    def __init__(self, folder: Path, seconds: float, clock: Clock, *, ahead_s: float = 0.0) -> None:
        self.path, self.clock, self._ahead_s = folder / "sound.pcm", clock, ahead_s
        self._pcm = (told(seconds).astype(np.float64) * 32_768).astype("<i2")
        self._seconds = seconds

    def ended(self) -> bool:
        there = round(min(self._seconds, self.clock.now + self._ahead_s) * RATE_HZ)
        with self.path.open("ab") as file:
            file.write(self._pcm[file.tell() // 2 : there].tobytes())
        return there >= len(self._pcm)

    def wait(self, seconds: float) -> None:
        self.clock.now += seconds


def follow(
    folder: Path, recorder: Recorder, engine: LiveEngine, past: Past, *, check: Callable[[], None] = lambda: None
) -> list[Caption]:
    """One job; its lines go to the folder."""

    def keep(found: Caption) -> None:
        with (folder / "captions.jsonl").open("ab") as file:
            file.write(line(found))

    source = Tail(recorder.path, past.settled)
    caption(
        source, engine, keep,
        ended=recorder.ended, check=check, language="en", past=past, clock=recorder.clock, wait=recorder.wait,
    )  # fmt: skip
    return list(captions_of(folder / "captions.jsonl"))


def texts(words: list[Word]) -> str:
    return "".join(word.text for word in words).strip()


def test_recording_is_followed_to_its_end_and_becomes_text_with_times(tmp_path: Path) -> None:
    clock, words = Clock(), speech(25, pauses=[Span(8, 10)])
    kept = follow(tmp_path, Recorder(tmp_path, 25, clock), LiveEngine(words, clock, voices=voices(words)), Past())
    made = transcript_of(kept, engine="whisper", model="told", seconds=25)
    assert " ".join(segment.text for segment in made.segments) == texts(words)
    assert [word.start for segment in made.segments for word in segment.words] == pytest.approx(
        [word.start for word in words], abs=0.02
    )
    assert all(segment.end <= 8 or segment.start >= 10 for segment in made.segments)
    assert clock.now < 27


def test_job_that_is_killed_in_the_middle_of_a_line_goes_on_without_gap_or_repetition(tmp_path: Path) -> None:
    words = speech(25, pauses=[Span(8, 10)])
    clock = Clock()
    recorder = Recorder(tmp_path, 25, clock)

    def die() -> None:
        if clock.now > 13:
            raise Cancelled("killed")

    with pytest.raises(Cancelled):
        follow(tmp_path, recorder, LiveEngine(words, clock, voices=voices(words)), Past(), check=die)
    path = tmp_path / "captions.jsonl"
    path.write_bytes(path.read_bytes() + b'{"n":99,"commit')
    before = list(captions_of(path))
    assert before[-1].n < 99
    path.write_bytes(b"".join(line(each) for each in before))
    clock.now += 5.0  # until it is started again
    kept = follow(tmp_path, recorder, LiveEngine(words, clock, voices=voices(words)), past_of(before))
    assert "".join(each.committed for each in kept).strip() == texts(words)
    assert [each.n for each in kept] == list(range(1, len(kept) + 1))


def test_backlog_is_caught_up_with_by_an_engine_that_is_fast(tmp_path: Path) -> None:
    words = speech(100, pauses=[Span(8, 10), Span(50, 51)])
    clock = Clock()
    engine = LiveEngine(words, clock, cost_s=0.3, voices=voices(words))
    kept = follow(tmp_path, Recorder(tmp_path, 100, clock, ahead_s=90), engine, Past())
    assert "".join(each.committed for each in kept).strip() == texts(words)
    assert not any(each.skipped for each in kept)


def test_engine_slower_than_speech_skips_to_the_newest_sound_and_says_so(tmp_path: Path) -> None:
    words = speech(190, pauses=[Span(at, at + 1) for at in range(8, 190, 10)])
    clock = Clock()
    engine = LiveEngine(words, clock, cost_s=40.0, voices=voices(words))
    kept = follow(tmp_path, Recorder(tmp_path, 190, clock), engine, Past())
    skipped = [each.skipped for each in kept if each.skipped]
    assert skipped
    spoken = [word.text for each in kept for word in each.words if word.text != " cut"]  # where a skip cuts into a word
    heard = set(spoken)
    for word in words:  # said or told, and nothing twice
        assert word.text in heard or any(span.start - 0.1 <= word.end and word.start <= span.end + 0.1 for span in skipped), word
    assert len(spoken) == len(heard)
    assert clock.now < 190 + 4 * 40


def test_nothing_is_said_about_a_recording_without_sound(tmp_path: Path) -> None:
    clock = Clock()
    assert follow(tmp_path, Recorder(tmp_path, 0.0, clock), LiveEngine([], clock), Past()) == []


def test_line_holds_everything_of_a_caption() -> None:
    words = (Word(1.0, 1.5, " Grüße", 0.75), Word(1.5, 2.0, " 你好", None))
    whole = Caption(3, " Grüße 你好", words, " und", 2.0, 2.5, 0.5, "de", Span(0.1, 0.2))
    assert Caption.from_dict(json.loads(line(whole))) == whole


def test_past_keeps_the_words_whose_sound_is_still_needed_and_a_few_before() -> None:
    words = speech(10)
    captions = [
        Caption(n, word.text, (word,), "", word.end, word.end, max(0.0, word.end - 2.0), "en") for n, word in enumerate(words, 1)
    ]
    past = past_of(captions)
    assert (past.n, past.end, past.language) == (len(words), words[-1].end, "en")
    assert past.words == tuple(word for word in words if word in past.words)
    assert 5 <= len(past.words) <= 12
    assert past.words[-1] == words[-1]


def test_file_that_is_not_there_holds_no_captions(tmp_path: Path) -> None:
    assert list(captions_of(tmp_path / "captions.jsonl")) == []
