"""The window behind the one that is decoded is read and cut meanwhile: it is there in time, and its troubles cost no text."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.transcription import clips
from tests.transcription.test_transcribe import ENGLISH, words_of
from tests.transcription.told_engine import ToldEngine, told_sound
from utils.errors import Cancelled, EngineCrashed
from utils.transcription.contract import Samples, Segment, Span
from utils.transcription.partial import Partial
from utils.transcription.windows import Lengths

SECONDS = 70
LENGTHS = Lengths(first_s=40, window_s=40, last_s=5)  # two windows of two chunks each
WAIT_S = 60.0


class Looking(ToldEngine):
    """Does something when its voice detector is asked for the second time, which is for the second window."""

    def __init__(self, at_second: Callable[[], object]) -> None:
        super().__init__(words_of(SECONDS))
        self.at_second = at_second
        self.looks = 0
        self.looks_at_decode: list[int] = []
        self.wait_for = 0  # looks before the second call of decode goes on
        self.looked = threading.Condition()

    def speech(self, samples: Samples) -> list[Span]:
        with self.looked:
            self.looks += 1
            self.looked.notify_all()
        if self.looks == 2:
            self.at_second()
        return super().speech(samples)

    def decode(self, samples: Samples, spans: Sequence[Span], language: str) -> Iterator[Segment]:
        with self.looked:
            if self.looks_at_decode:
                self.looked.wait_for(lambda: self.looks >= self.wait_for, WAIT_S)
            self.looks_at_decode.append(self.looks)
        yield from super().decode(samples, spans, language)


def kept(folder: Path) -> list[str]:
    return [text for result in Partial(folder / "partial.jsonl").windows() for s in result.segments for text in s.text.split()]


def test_next_window_is_looked_at_while_this_one_is_decoded_but_not_before_the_first_text(tmp_path: Path) -> None:
    engine = Looking(lambda: None)
    engine.wait_for = 2
    made = clips.transcribed(told_sound(SECONDS), engine, ENGLISH, tmp_path, lengths=LENGTHS)
    assert engine.looks_at_decode == [1, 2, 2, 2]
    assert made.text.split() == [word.text.strip() for word in engine.words]


def test_trouble_with_the_next_window_costs_none_of_the_text_before_it(tmp_path: Path) -> None:
    def fail() -> None:
        raise EngineCrashed("The voice detector failed.", "Try again.")

    engine = Looking(fail)
    with pytest.raises(EngineCrashed):
        clips.transcribed(told_sound(SECONDS), engine, ENGLISH, tmp_path, lengths=LENGTHS)
    assert engine.closed == 1
    words = [word.text.strip() for word in engine.words if word.end < 25]
    assert kept(tmp_path)[: len(words)] == words
    again = Looking(lambda: None)
    made = clips.transcribed(told_sound(SECONDS), again, ENGLISH, tmp_path, lengths=LENGTHS)  # goes on behind it
    assert made.text.split() == [word.text.strip() for word in engine.words]
    assert min(span.start for span in again.decoded) > 20


def test_cancel_does_not_wait_for_the_look_at_the_next_window(tmp_path: Path) -> None:
    going_on = threading.Event()
    engine = Looking(lambda: going_on.wait(WAIT_S))

    def check() -> None:
        if len(Partial(tmp_path / "partial.jsonl").windows()) == 2:  # both chunks of the first window
            raise Cancelled("Somebody asked the work to stop.")

    try:
        with pytest.raises(Cancelled):
            clips.transcribed(told_sound(SECONDS), engine, ENGLISH, tmp_path, check=check, lengths=LENGTHS)
        assert not going_on.is_set() and kept(tmp_path)
        deadline = time.monotonic() + WAIT_S
        while not engine.closed and time.monotonic() < deadline:
            time.sleep(0.02)
        assert engine.closed == 1
    finally:
        going_on.set()
