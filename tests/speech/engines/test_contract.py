"""What every speech engine owes, see `utils.speech.contract.SpeechEngine`. A new engine is one more entry in ENGINES.

Google's service is a stand-in on loopback; eSpeak NG is the real one.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.fakes.google import FakeGoogle
from tests.offspring import left_over, offspring
from tests.speech.engines.espeak_kit import Teller
from tests.speech.engines.gtts_kit import ManualClock, engine_for
from utils.errors import Cancelled, NothingToSay, UnknownVoice
from utils.settings import Settings
from utils.speech.contract import Part, Prosody, SpeechEngine, Spoken, Voice
from utils.speech.engines import build
from utils.speech.engines.espeak import EspeakEngine

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Case:
    """An engine with a voice that speaks English, and the libraries it loads when it speaks."""

    engine: SpeechEngine
    voice: Voice
    libraries: tuple[str, ...]


@contextmanager
def gtts() -> Iterator[Case]:
    with FakeGoogle() as google:
        engine = engine_for(google, ManualClock())
        yield Case(engine, Voice("gtts:en", "gtts", "English", "en"), ("gtts", "requests", "av"))
        engine.close()


@contextmanager
def espeak() -> Iterator[Case]:
    yield Case(EspeakEngine(), Voice("espeak:en-us", "espeak", "English (America)", "en-US"), ("espeakng_loader", "ctypes"))


ENGINES: dict[str, Callable[[], AbstractContextManager[Case]]] = {"gtts": gtts, "espeak": espeak}


@pytest.fixture(params=ENGINES)
def case(request: pytest.FixtureRequest) -> Iterator[Case]:
    with ENGINES[request.param]() as made:
        yield made


def speak(
    case: Case, parts: list[Part], folder: Path, *, run: Teller | None = None, prosody: Prosody | None = None, head: bytes = b""
) -> tuple[NDArray[np.int16], Spoken, Path]:
    """Speak into a new file behind `head`; answer the samples behind it, what the engine said, and the file."""
    path = folder / f"{len(list(folder.iterdir()))}.pcm"
    with path.open("w+b") as out:
        out.write(head)
        spoken = case.engine.speak(parts, case.voice, prosody or Prosody(), out, run or Teller())
        assert out.tell() == len(head) + 2 * spoken.sample_count
    return np.frombuffer(path.read_bytes()[len(head) :], dtype="<i2"), spoken, path


PARTS = [
    Part("It was the best of times, it was the worst of times.", 0.5),
    Part("It was the age of wisdom; it was the age of foolishness!", 1.25),
    Part("Was it?"),
]


def test_suite_holds_every_engine_that_is_built() -> None:
    built = build(Settings())

    assert set(built) == set(ENGINES)
    assert all(name == engine.name for name, engine in built.items())


def test_engine_names_itself(case: Case) -> None:
    assert case.engine.name.isidentifier()
    assert case.engine.label
    assert case.engine.native <= {"speed", "pitch"}
    assert case.engine.available() == ""


def test_engine_loads_its_library_only_when_it_speaks(case: Case) -> None:
    code = f"""
import sys
from utils.settings import Settings
from utils.speech.contract import Part
from utils.speech.engines import build
engine = build(Settings())[{case.engine.name!r}]
engine.available(), engine.requests([Part("Hello.")])
print(sorted(set({case.libraries!r}) & set(sys.modules)))
"""

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)

    assert said.stdout.strip() == "[]"


def test_requests_are_counted_without_speaking(case: Case) -> None:
    counts = [case.engine.requests(PARTS) for _ in range(2)]

    assert counts[0] == counts[1] >= 0
    assert case.engine.requests([]) == 0
    assert case.engine.requests(PARTS) <= case.engine.requests([*PARTS, Part("Something else.")])


def test_speak_writes_what_it_says_it_wrote(case: Case, tmp_path: Path) -> None:
    samples, spoken, _ = speak(case, PARTS, tmp_path)

    assert len(samples) == spoken.sample_count
    assert 8_000 <= spoken.rate_hz <= 48_000
    assert spoken.requests <= case.engine.requests(PARTS)
    assert 4 < spoken.sample_count / spoken.rate_hz < 25
    assert np.abs(samples).max() > 1_000
    assert spoken.parts_redone == 0


def test_speak_goes_on_behind_what_is_in_the_file(case: Case, tmp_path: Path) -> None:
    alone, _, _ = speak(case, PARTS, tmp_path)

    samples, spoken, path = speak(case, PARTS, tmp_path, head=b"headline")

    assert path.read_bytes()[:8] == b"headline"
    assert np.array_equal(samples, alone)
    assert spoken.marks[0].start < 0.5


def test_speak_silence_lies_behind_each_part(case: Case, tmp_path: Path) -> None:
    samples, spoken, _ = speak(case, PARTS, tmp_path)

    assert len(spoken.part_ends) == len(PARTS)
    assert spoken.part_ends[-1] == spoken.sample_count
    for part, end, begin in zip(PARTS, spoken.part_ends, (0, *spoken.part_ends), strict=False):
        silence = round(part.pause_after_s * spoken.rate_hz)
        assert not samples[end - silence : end].any()
        assert np.abs(samples[begin : end - silence]).max() > 1_000


def test_speak_pause_adds_exactly_its_length(case: Case, tmp_path: Path) -> None:
    without, spoken, _ = speak(case, [Part("Hello there."), Part("Bye.")], tmp_path)

    with_pause, _, _ = speak(case, [Part("Hello there.", 2.0), Part("Bye.")], tmp_path)

    assert len(with_pause) - len(without) == 2 * spoken.rate_hz


def test_marks_hold_the_whole_text_in_order(case: Case, tmp_path: Path) -> None:
    _, spoken, _ = speak(case, PARTS, tmp_path)

    for index, part in enumerate(PARTS):
        told = " ".join(mark.text for mark in spoken.marks if mark.part == index)
        assert [char for char in told if char.isalnum()] == [char for char in part.text if char.isalnum()]
    assert [mark.part for mark in spoken.marks] == sorted(mark.part for mark in spoken.marks)
    assert all(left.end <= right.start + 1e-9 for left, right in pairwise(spoken.marks))
    assert all(mark.start <= mark.end for mark in spoken.marks)


def test_marks_lie_where_their_part_sounds(case: Case, tmp_path: Path) -> None:
    _, spoken, _ = speak(case, PARTS, tmp_path)

    for index, (part, end, begin) in enumerate(zip(PARTS, spoken.part_ends, (0, *spoken.part_ends), strict=False)):
        own = [mark for mark in spoken.marks if mark.part == index]
        voiced_end = end / spoken.rate_hz - part.pause_after_s
        assert own[0].start == pytest.approx(begin / spoken.rate_hz, abs=0.05)
        assert own[-1].end == pytest.approx(voiced_end, abs=0.005)


def test_speak_parts_without_words_only_add_their_silence(case: Case, tmp_path: Path) -> None:
    _, spoken, _ = speak(case, [Part("", 0.5), Part("Hello."), Part(" \n", 0.25)], tmp_path)

    rate_hz = spoken.rate_hz
    assert {mark.part for mark in spoken.marks} == {1}
    assert spoken.part_ends[0] == round(0.5 * rate_hz)
    assert spoken.part_ends[2] - spoken.part_ends[1] == round(0.25 * rate_hz)


def test_speak_nothing_to_say_is_refused(case: Case, tmp_path: Path) -> None:
    for parts in ([], [Part("")], [Part(" --- ")]):
        with pytest.raises(NothingToSay):
            speak(case, parts, tmp_path)


@pytest.mark.parametrize("key", ["", "nope", "../../etc/passwd", "en@127.0.0.1", "en:evil.example", "en\0"])
def test_voice_unknown_is_refused(case: Case, key: str, tmp_path: Path) -> None:
    voice = Voice(f"{case.engine.name}:{key}", case.engine.name, "?", "en")

    with (tmp_path / "out.pcm").open("wb") as out, pytest.raises(UnknownVoice):
        case.engine.speak(PARTS, voice, Prosody(), out, Teller())


def test_voice_of_another_engine_is_refused(case: Case, tmp_path: Path) -> None:
    voice = Voice("other:en", "other", "English", "en")

    with (tmp_path / "out.pcm").open("wb") as out, pytest.raises(UnknownVoice):
        case.engine.speak(PARTS, voice, Prosody(), out, Teller())


def test_speed_native_shortens_else_is_left_to_others(case: Case, tmp_path: Path) -> None:
    normal, _, _ = speak(case, PARTS[:1], tmp_path)

    fast, _, _ = speak(case, PARTS[:1], tmp_path, prosody=Prosody(speed=2.0))

    # the pause asked for is not part of the speed
    pause = len(normal) - len(np.trim_zeros(normal, "b"))
    expected = (len(normal) - pause) / 2 + pause if "speed" in case.engine.native else len(normal)
    assert len(fast) == pytest.approx(expected, rel=0.15)


def test_pitch_native_changes_the_sound_else_is_left_to_others(case: Case, tmp_path: Path) -> None:
    normal, _, _ = speak(case, PARTS[:1], tmp_path)

    high, spoken, _ = speak(case, PARTS[:1], tmp_path, prosody=Prosody(pitch=12.0))

    assert np.array_equal(normal, high) == ("pitch" not in case.engine.native)
    assert len(high) == pytest.approx(len(normal), rel=0.05)
    assert "pitch" in case.engine.native or spoken.pitch_left == 0


def test_progress_grows_to_the_end(case: Case, tmp_path: Path) -> None:
    run = Teller()

    speak(case, PARTS * 3, tmp_path, run=run)

    done = [done for done, _ in run.reports]
    totals = {total for _, total in run.reports}
    assert done == sorted(done)
    assert len(totals) == 1
    assert done[0] == 0
    assert done[-1] == totals.pop()


def test_cancel_is_heard_and_leaves_nothing_running(case: Case, tmp_path: Path) -> None:
    speak(case, PARTS[:1], tmp_path)  # what is opened once and kept
    before = offspring()
    parts = [Part(f"Number {number} of many sentences, each of its own. " * 30) for number in range(20)]
    run = Teller(lambda: run.reports[-1][0] > 0)

    with pytest.raises(Cancelled):
        speak(case, parts, tmp_path, run=run)

    assert run.reports[-1][0] < run.reports[-1][1] / 2
    assert left_over(before) == set()


def test_speak_in_several_threads_each_has_its_own_sound(case: Case, tmp_path: Path) -> None:
    texts = [f"Number {number} speaks its own words, {'and more ' * number}and stops." for number in range(6)]
    folders = [tmp_path / str(number) for number in range(6)]
    for folder in folders:
        folder.mkdir()
    alone = [speak(case, [Part(text)], folder)[0] for text, folder in zip(texts, folders, strict=True)]
    before = offspring()

    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(lambda pair: speak(case, [Part(pair[0])], pair[1])[0], zip(texts, folders, strict=True)))

    assert all(np.array_equal(left, right) for left, right in zip(alone, together, strict=True))
    assert left_over(before) == set()
