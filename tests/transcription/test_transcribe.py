"""The way of a recording: seams, kills, cancels, languages, times; with an engine that hears what a list says, and the real one."""

from __future__ import annotations

import itertools
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from tests.transcription import clips
from tests.transcription.told_engine import ToldEngine, told_sound
from utils.errors import Cancelled
from utils.transcription.contract import RATE_HZ, Span, TranscriptionEngine, TranscriptionRequest, Word
from utils.transcription.partial import Partial
from utils.transcription.windows import Lengths

ENGLISH = TranscriptionRequest(language="en")


def words_of(seconds: float, seed: int = 1) -> list[Word]:
    """Words of 0.2 to 0.6 s, one behind the other without a pause."""
    dice = np.random.default_rng(seed)
    made: list[Word] = []
    while not made or made[-1].end < seconds - 0.7:
        start = made[-1].end if made else 0.2
        made.append(Word(start, start + round(float(dice.uniform(0.2, 0.6)), 2), f" w{len(made)}"))
    return made


@pytest.mark.parametrize("length_s", [9, 12.3, 17.7, 29, 31.1, 40, 66.6, 200])
@pytest.mark.parametrize("batch", [True, False])
def test_speech_without_a_pause_loses_and_doubles_no_word_at_hard_seams(length_s: float, batch: bool, tmp_path: Path) -> None:
    words = words_of(120, seed=int(length_s))
    engine = ToldEngine(words)
    request = TranscriptionRequest(language="en", batch=batch)

    made = clips.transcribed(told_sound(120), engine, request, tmp_path, lengths=Lengths(length_s, length_s, length_s / 3))

    assert made.text.split() == [word.text.strip() for word in words]
    heard = [word for segment in made.segments for word in segment.words]
    assert all(abs(a.start - b.start) < 0.02 for a, b in zip(heard, words, strict=True))
    assert all(a.end <= b.start for a, b in itertools.pairwise(heard))
    assert all(span.end - span.start <= 30 for span in engine.decoded)


@pytest.mark.parametrize("length_s", [7.3, 11.7, 19.3, *(pytest.param(one, marks=pytest.mark.long) for one in (9.1, 14.9, 24.7))])
def test_real_sentences_are_whole_wherever_windows_end(length_s: float, whisper: TranscriptionEngine, tmp_path: Path) -> None:
    texts = [text for text in clips.drawn(20, seed=2) if "door" not in text and "window" not in text]
    spoken = clips.joined(texts)
    made = clips.transcribed(spoken.samples, whisper, ENGLISH, tmp_path, lengths=Lengths(length_s, length_s, length_s / 4))
    assert [segment.text for segment in made.segments] == texts
    assert made.seconds == pytest.approx(spoken.seconds, abs=0.001)
    heard = [word for segment in made.segments for word in segment.words]
    off = [abs(one.start - other.start) for one, other in zip(heard, spoken.words, strict=True)]
    assert np.median(off) < 0.15 and np.mean(np.array(off) < 0.5) > 0.75  # the small model puts some words elsewhere


def test_times_rise_and_stay_inside_segments_and_recording(whisper: TranscriptionEngine, tmp_path: Path) -> None:
    spoken = clips.joined(clips.drawn(24, seed=4), pause_s=1.5)
    made = clips.transcribed(spoken.samples, whisper, ENGLISH, tmp_path, lengths=Lengths(20, 20, 5))
    words = [word for segment in made.segments for word in segment.words]
    assert len(words) > 80
    assert all(a.start <= a.end <= b.start for a, b in itertools.pairwise(words))
    assert all(word.end - word.start <= 2 for word in words)
    for segment in made.segments:
        assert segment.start == segment.words[0].start and segment.end == segment.words[-1].end
    assert words[-1].end <= made.seconds


def test_killed_job_goes_on_behind_the_last_line(tmp_path: Path) -> None:
    words = words_of(120)
    lengths = Lengths(20, 30, 5)
    whole = ToldEngine(words)
    undisturbed = clips.transcribed(told_sound(120), whole, ENGLISH, tmp_path, lengths=lengths)
    lines = (tmp_path / "partial.jsonl").read_bytes().splitlines(keepends=True)
    assert len(lines) > 4
    for kept in range(len(lines)):
        torn = b"".join(lines[:kept]) + lines[kept][: len(lines[kept]) // 2]
        (tmp_path / "partial.jsonl").write_bytes(torn)
        engine = ToldEngine(words)
        again = clips.transcribed(told_sound(120), engine, ENGLISH, tmp_path, lengths=lengths)
        assert again.text.split() == undisturbed.text.split()
        assert kept == 0 or len(engine.decoded) < len(whole.decoded)


def test_lines_of_another_recording_are_not_taken(tmp_path: Path) -> None:
    clips.transcribed(told_sound(50), ToldEngine(words_of(50, seed=8)), ENGLISH, tmp_path)
    words = words_of(60)
    assert clips.transcribed(told_sound(60), ToldEngine(words), ENGLISH, tmp_path).text.split() == [w.text.strip() for w in words]


def test_cancel_leaves_soon_keeps_what_is_done_and_gives_the_engine_back(tmp_path: Path) -> None:
    words = words_of(150)
    engine = ToldEngine(words)
    engine.slow = threading.Event()  # the second call takes long
    stop = threading.Event()

    def check() -> None:
        if stop.is_set():
            raise Cancelled("Somebody asked the work to stop.")

    def progress(done: float, total: float) -> None:
        if done > 10:
            threading.Timer(0.3, stop.set).start()

    with pytest.raises(Cancelled):
        clips.transcribed(told_sound(150), engine, ENGLISH, tmp_path, progress=progress, check=check)
    assert engine.closed == 0 and not engine.slow.is_set()  # the call is still under way, and nobody waited for it
    kept = Partial(tmp_path / "partial.jsonl").windows()
    assert [w.text.strip() for w in words[:20]] == [text for r in kept for s in r.segments for text in s.text.split()][:20]
    engine.slow.set()
    for _ in range(100):
        if engine.closed:
            break
        time.sleep(0.05)
    assert engine.closed == 1


def test_engine_that_fails_in_the_middle_leaves_finished_chunks(tmp_path: Path) -> None:
    words = [Word(start, start + 1, f" w{start}") for start in range(1, 180, 5)]
    voices = [Span(word.start, word.end) for word in words]  # with silences too long for one chunk

    class Failing(ToldEngine):
        def decode(self, samples, spans, language):  # type: ignore[no-untyped-def]
            for segment in super().decode(samples, spans, language):
                if len(self.decoded) > 17:
                    raise OSError("broken")
                yield segment

    engine = Failing(words, voices=voices)
    with pytest.raises(OSError, match="broken"):
        clips.transcribed(told_sound(180), engine, ENGLISH, tmp_path)
    assert engine.closed == 1
    other = ToldEngine(words, voices=voices)
    made = clips.transcribed(told_sound(180), other, ENGLISH, tmp_path)
    assert made.text.split() == [word.text.strip() for word in words]
    assert len(other.decoded) <= len(words) - 15  # but for the chunk that was under way


def test_progress_is_told_in_seconds_and_never_falls(tmp_path: Path) -> None:
    told: list[tuple[float, float]] = []
    clips.transcribed(
        told_sound(90), ToldEngine(words_of(90)), ENGLISH, tmp_path, progress=lambda done, total: told.append((done, total))
    )
    assert told[0] == (0.0, 90.0) and told[-1] == (90.0, 90.0)
    assert all(a[0] <= b[0] for a, b in itertools.pairwise(told))
    assert len({done for done, _ in told}) >= 4


def test_first_text_is_on_disk_when_one_chunk_is_decoded(tmp_path: Path) -> None:
    engine = ToldEngine(words_of(150))
    seen: list[int] = []

    def progress(done: float, total: float) -> None:
        if not seen and Partial(tmp_path / "partial.jsonl").windows():
            seen.append(len(engine.decoded))

    clips.transcribed(told_sound(150), engine, ENGLISH, tmp_path, progress=progress)
    assert seen == [1]


def test_language_is_decided_over_several_places_not_by_the_first_half_minute(tmp_path: Path) -> None:
    engine = ToldEngine(words_of(200), languages={0.0: "en", 31.0: "nl"})
    made = clips.transcribed(told_sound(200), engine, TranscriptionRequest(), tmp_path)
    assert (made.language, set(engine.calls)) == ("nl", {"nl"})
    assert made.language_probability == pytest.approx(0.72, abs=0.02)  # four of five places, each 0.9
    assert len(engine.asked) == 5 and max(engine.asked) > 150


def test_language_that_three_places_agree_on_is_not_asked_for_again(tmp_path: Path) -> None:
    engine = ToldEngine(words_of(200), languages={0.0: "nl"})
    made = clips.transcribed(told_sound(200), engine, TranscriptionRequest(), tmp_path)
    assert (made.language, len(engine.asked)) == ("nl", 3) and max(engine.asked) > 150


def test_language_once_decided_is_kept_by_a_job_that_goes_on(tmp_path: Path) -> None:
    engine = ToldEngine(words_of(200), languages={0.0: "nl"})
    first = clips.transcribed(told_sound(200), engine, TranscriptionRequest(), tmp_path)
    path = tmp_path / "partial.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:2]))
    other = ToldEngine(words_of(200), languages={0.0: "en"})
    again = clips.transcribed(told_sound(200), other, TranscriptionRequest(), tmp_path)
    assert (again.language, again.language_probability) == (first.language, first.language_probability) == ("nl", 0.9)
    assert other.asked == []


def test_multilingual_request_leaves_the_language_to_the_engine(tmp_path: Path) -> None:
    engine = ToldEngine(words_of(60))
    clips.transcribed(told_sound(60), engine, TranscriptionRequest(multilingual=True), tmp_path)
    assert engine.asked == [] and set(engine.calls) == {""}


def test_silence_asks_nobody_and_has_no_language(whisper: TranscriptionEngine, tmp_path: Path) -> None:
    for vad in (True, False):
        request = TranscriptionRequest(vad=vad)
        made = clips.transcribed(np.zeros(70 * RATE_HZ, np.float32), whisper, request, tmp_path)
        assert (made.segments, made.language, made.gate.speech_s, made.seconds) == ((), "", 0, 70)


def test_without_the_voice_detector_everything_is_decoded(tmp_path: Path) -> None:
    class Deaf(ToldEngine):
        def speech(self, samples):  # type: ignore[no-untyped-def]
            return []

    words = words_of(40)
    request = TranscriptionRequest(language="en", vad=False)
    made = clips.transcribed(told_sound(40), Deaf(words), request, tmp_path)
    assert made.text.split() == [word.text.strip() for word in words]
    assert all(segment.doubt for segment in made.segments)  # nobody but the engine heard a voice there
