"""Speech that is heard while it is spoken: whole when short, level and complete when long, and never taken back."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pytest

from tests.speech.prose import prose
from tests.speech.stage import CHARACTER_S, EDGE_S, RATE_HZ, Clock, Listener, ToneEngine
from utils.audio import loudness
from utils.audio.codec import FORMATS
from utils.audio.decoder import decode_trusted
from utils.errors import Cancelled, EngineRefused, EngineUnreachable, NothingToSay
from utils.speech.choose import Choice, Chooser
from utils.speech.contract import Mark, Part, Prosody, Run, Settled, SpeechRequest, Spoken, Voice
from utils.speech.engines.espeak import EspeakEngine
from utils.speech.streaming import FIRST_CHARS, Said, Saying, formats, quick_to_begin, say
from utils.speech.synthesize import synthesize

SHORT = "Hello there my friend."
LONG = " ".join(f"This is sentence number {number} of a text that takes its time." for number in range(20))
NATIVE = frozenset({"speed", "pitch"})


class PartEngine(ToneEngine):
    """Hums part for part and says so, at levels that may change; can wait, fail or be silent before a part.

    Attributes:
        levels: Of each part, the last one for all that follow.
        before: Called with the index of a part before it is hummed.
    """

    def __init__(self, name: str = "gtts", native: frozenset[str] = frozenset(), levels: Sequence[float] = (0.3,)) -> None:
        super().__init__(name, native)
        self.levels = levels
        self.before: Any = lambda index: None

    def speak(
        self, parts: Sequence[Part], voice: Voice, prosody: Prosody, out: BinaryIO, run: Run, settled: Settled | None = None
    ) -> Spoken:
        self.calls.append(voice)
        self.prosody = prosody
        count = put(out, np.zeros(round(EDGE_S * RATE_HZ)))
        marks: list[Mark] = []
        for index, part in enumerate(parts):
            self.before(index)
            run.progress(index, len(parts))
            length = round(sum(map(len, part.text.split())) * CHARACTER_S * RATE_HZ)
            level = self.levels[min(index, len(self.levels) - 1)]
            count += put(out, level * np.sin(2 * np.pi * 440 * np.arange(length) / RATE_HZ))
            count += put(out, np.zeros(round(part.pause_after_s * RATE_HZ)))
            if index == len(parts) - 1:
                count += put(out, np.zeros(round(EDGE_S * RATE_HZ)))
            if settled:
                out.flush()
                settled(count, RATE_HZ)
            if self.fails:
                raise self.fails
        return Spoken(RATE_HZ, count, tuple(marks), requests=self.requests(parts))


def put(out: BinaryIO, samples: np.ndarray) -> int:
    out.write((samples * 32_767).astype("<i2").tobytes())
    return len(samples)


class Ear:
    """An Outlet that keeps what comes, and when it was there."""

    def __init__(self) -> None:
        self.choice: Choice | None = None
        self.built: bytes | None = None
        self.heard = io.BytesIO()
        self.data = b""
        self.first = threading.Event()

    def begin(self, choice: Choice) -> BinaryIO:
        self.choice = choice
        ear = self

        class Pipe(io.RawIOBase):
            def writable(self) -> bool:
                return True

            def write(self, data: Any) -> int:
                taken = bytes(data[:1000])  # takes less than it is given, as a file may
                ear.data += taken
                ear.first.set()
                return len(taken)

        return Pipe()  # type: ignore[return-value]

    def take(self, choice: Choice, built: Path) -> None:
        self.choice, self.data, self.built = choice, built.read_bytes(), b""


def hear(
    folder: Path, text: str, engine: Any = None, *, saying: Saying | None = None, run: Any = None, **options: Any
) -> tuple[Said, Ear]:
    ear = Ear()
    engines = engine if isinstance(engine, dict) else {"gtts": engine or PartEngine()}
    request = SpeechRequest(**{"text": text, "language": "en-US", "format": "wav", "pause_ms": 300, **options})
    chooser = Chooser(engines, clock=Clock())
    said = say(request, saying or Saying(), chooser=chooser, folder=folder, outlet=ear, run=run or Listener(), max_chars=100_000)
    assert list(folder.glob(".*")) == []
    return said, ear


def samples(data: bytes, format: str = "wav") -> tuple[np.ndarray, int]:
    if format == "pcm":
        return np.frombuffer(data, "<i2"), 24_000
    found = decode_trusted(data, format=format)
    sound = found.samples
    return sound if sound.dtype == np.int16 else (sound * 32_768).astype(np.int16), found.rate_hz


def test_short_speech_is_the_same_as_when_it_is_made_whole(tmp_path: Path) -> None:
    said, ear = hear(tmp_path, SHORT)
    assert not said.streamed and ear.built is not None
    request = SpeechRequest(SHORT, language="en-US", format="wav", pause_ms=300)
    (tmp_path / "whole").mkdir()
    made = synthesize(
        request, chooser=Chooser({"gtts": PartEngine()}, clock=Clock()), folder=tmp_path / "whole", stem="s", run=Listener()
    )
    assert said.seconds == made.seconds
    assert np.array_equal(samples(ear.data)[0], decode_trusted(tmp_path / "whole" / "s.wav").samples)


def test_long_speech_is_heard_before_the_engine_has_ended(tmp_path: Path) -> None:
    engine, ended = PartEngine(), []
    waited: list[bool] = []
    ears: list[Ear] = []

    def before(index: int) -> None:
        if index == 8:
            waited.append(ears[0].first.wait(60))
        ended.append(index)

    engine.before = before
    ear = Ear()
    ears.append(ear)
    request = SpeechRequest(LONG, language="en-US", format="mp3", pause_ms=300)
    chooser = Chooser({"gtts": engine}, clock=Clock())
    said = say(request, Saying(), chooser=chooser, folder=tmp_path, outlet=ear, run=Listener(), max_chars=100_000)
    assert said.streamed and waited == [True] and len(ended) == 20


@pytest.mark.parametrize("format", formats())
def test_long_speech_is_whole_in_every_format(tmp_path: Path, format: str) -> None:
    said, ear = hear(tmp_path, LONG, format=format)
    assert said.streamed and ear.built is None
    sound, rate_hz = samples(ear.data, format)
    loud = np.flatnonzero(np.abs(sound.astype(int)) > 500) / rate_hz
    spoken_s = sum(map(len, LONG.split())) * CHARACTER_S + 19 * 0.3
    assert loud[-1] - loud[0] == pytest.approx(spoken_s, abs=0.1)
    assert said.seconds == pytest.approx(spoken_s + 0.1, abs=0.06)  # cut at both ends, with a margin
    assert len(sound) / rate_hz == pytest.approx(said.seconds, abs=0.1)


def test_formats_that_need_a_way_back_are_not_offered() -> None:
    assert "m4a" not in formats() and set(formats()) == set(FORMATS) - {"m4a"}


def test_loudness_follows_the_first_seconds_and_peaks_never_go_over(tmp_path: Path) -> None:
    engine = PartEngine(levels=(0.05,) * 6 + (0.9,) * 20)
    _, ear = hear(tmp_path, LONG, engine)
    sound, rate_hz = samples(ear.data)
    begin = loudness.measure([sound[: 10 * rate_hz]], rate_hz)
    assert begin.lufs == pytest.approx(-16.0, abs=1.0)
    assert np.abs(sound.astype(int)).max() <= loudness.PEAK_LIMIT * 32_768 + 1
    later = sound[-10 * rate_hz :].astype(int)
    assert np.abs(later).max() > 0.9 * 32_767  # as loud as may be, and a clean tone still
    assert loudness.measure([sound[-5 * rate_hz :]], rate_hz).lufs == pytest.approx(20 * np.log10(0.97 / 2**0.5) - 0.69, abs=1.0)


def test_level_is_left_alone_where_no_loudness_is_asked(tmp_path: Path) -> None:
    _, ear = hear(tmp_path, LONG, loudness=None)
    sound, _ = samples(ear.data)
    assert np.abs(sound.astype(int)).max() == pytest.approx(0.3 * 32_767, rel=0.01)


@pytest.mark.parametrize(("speed", "tempo"), [(2.0, 2.0), (0.5, 0.5), (1.5, 1.0)])
def test_speed_beyond_the_engine_is_done_to_the_sound(tmp_path: Path, speed: float, tempo: float) -> None:
    text = " ".join(LONG.split()[: 4 * 13])
    plain, _ = hear(tmp_path, text)
    said, ear = hear(tmp_path, text, saying=Saying(tempo=tempo), speed=speed)
    assert said.streamed and said.seconds == pytest.approx(plain.seconds / (speed * tempo), rel=0.02)
    sound, rate_hz = samples(ear.data)
    assert len(sound) / rate_hz == pytest.approx(said.seconds, abs=0.1)


def test_next_engine_speaks_when_nothing_was_heard_of_the_first(tmp_path: Path) -> None:
    first, second = PartEngine(), PartEngine("espeak", NATIVE)
    first.fails = EngineUnreachable("No connection.")
    said, ear = hear(tmp_path, LONG, {"gtts": first, "espeak": second}, saying=Saying(variant="f3"))
    assert said.engine == "espeak" and said.voice.endswith("+f3") and said.fallback
    assert ear.choice is not None and ear.choice.engine is second


def test_no_other_engine_goes_on_in_the_middle(tmp_path: Path) -> None:
    first, second = PartEngine(), PartEngine("espeak", NATIVE)
    ear = Ear()

    def before(index: int) -> None:
        if index == 12:
            assert ear.first.wait(60)
            raise EngineRefused("No sound.")

    first.before = before
    request = SpeechRequest(LONG, language="en-US", format="mp3", pause_ms=300)
    chooser = Chooser({"gtts": first, "espeak": second}, clock=Clock())
    with pytest.raises(EngineRefused):
        say(request, Saying(), chooser=chooser, folder=tmp_path, outlet=ear, run=Listener(), max_chars=100_000)
    assert second.calls == [] and list(tmp_path.iterdir()) == []
    assert not [thread for thread in threading.enumerate() if thread.name == "say"]


def test_cancelled_speech_ends_its_thread_and_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        hear(tmp_path, LONG, run=Listener(stop_at=0.8))
    assert list(tmp_path.iterdir()) == []
    assert not [thread for thread in threading.enumerate() if thread.name == "say"]


def test_what_cannot_be_written_ends_the_speech(tmp_path: Path) -> None:
    class Full(Ear):
        def begin(self, choice: Choice) -> BinaryIO:
            raise NothingToSay("Stands for any error of the disk.")

    request = SpeechRequest(LONG, language="en-US", format="mp3", pause_ms=300)
    engine = PartEngine()
    engine.before = lambda index: time.sleep(0.01)
    with pytest.raises(NothingToSay):
        chooser = Chooser({"gtts": engine}, clock=Clock())
        say(request, Saying(), chooser=chooser, folder=tmp_path, outlet=Full(), run=Listener(), max_chars=100_000)


def test_first_part_of_a_long_text_is_short_and_no_word_is_lost() -> None:
    text = prose(2_900)
    parts = quick_to_begin((Part(text, 0.4), Part("End.")), "en")
    assert len(parts) == 3 and len(parts[0].text) <= FIRST_CHARS + 100
    assert " ".join(part.text for part in parts[:2]).split() == text.split()
    assert (parts[0].pause_after_s, parts[1].pause_after_s) == (0.0, 0.4)
    assert quick_to_begin((Part("Short."),), "en") == (Part("Short."),)
    endless = "word " * 600
    assert quick_to_begin((Part(endless),), "en") == (Part(endless),)


def test_espeak_settles_part_by_part_and_its_sound_is_that_of_the_whole(tmp_path: Path) -> None:
    engine = EspeakEngine()
    if missing := engine.available():
        pytest.skip(missing)
    text = prose(1_400)
    said, ear = hear(tmp_path, text, {"espeak": engine}, pause_ms=0)
    assert said.streamed and said.engine == "espeak"
    sound, rate_hz = samples(ear.data)
    (tmp_path / "whole").mkdir()
    request = SpeechRequest(text, language="en-US", format="wav")
    made = synthesize(request, chooser=Chooser({"espeak": engine}), folder=tmp_path / "whole", stem="s", run=Listener())
    assert len(sound) / rate_hz == pytest.approx(said.seconds, abs=0.01)
    assert said.seconds == pytest.approx(made.seconds, abs=0.5)
    assert loudness.measure([sound], rate_hz).lufs == pytest.approx(made.lufs or 0.0, abs=1.0)
