"""What every transcription engine owes, see `utils.transcription.contract`. Both are real; Whisper has the small test model."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import psutil
import pytest

from tests.offspring import left_over, offspring
from tests.transcription.engines.conftest import ROOT, Open, Said
from tests.transcription.engines.sounds import noise, silence, tremolo
from utils.errors import BadInput
from utils.transcription.contract import RATE_HZ, Decoding, Samples, Segment, Span, TranscriptionEngine, TranscriptionRequest

ENGINES = ("whisper", "draft")
SHORT = "Close the window."
TEXT = "Turn on the light.\nClose the window.\nCall my mother."
each_engine = pytest.mark.parametrize("engine", ENGINES)


def heard(decoding: Decoding, sound: Samples) -> list[Segment]:
    return list(decoding.decode(sound, decoding.speech(sound), "en"))


@each_engine
def test_model_names_itself_without_a_path(opened: Open, engine: str) -> None:
    info = opened(engine).model
    assert info.name and "/" not in info.name
    assert "en" in info.languages and info.multilingual is (len(info.languages) > 1)
    assert info.device == "cpu"


@each_engine
@pytest.mark.parametrize("seconds", [0.0, 0.01, 40.0])
def test_silence_gives_nothing(opened: Open, engine: str, seconds: float) -> None:
    decoding = opened(engine)
    assert decoding.speech(silence(seconds)) == []
    assert heard(decoding, silence(seconds)) == []
    assert decoding.again(silence(min(seconds, 30.0)), "en") == []


@each_engine
def test_spans_of_silence_give_no_words(opened: Open, engine: str) -> None:
    sound = silence(20.0)
    assert list(opened(engine).decode(sound, [Span(0.0, 9.0), Span(10.0, 20.0)], "en")) == []


@each_engine
def test_no_spans_give_no_words(opened: Open, engine: str, speak: Said) -> None:
    assert list(opened(engine).decode(speak(TEXT), [], "en")) == []


@each_engine
def test_noise_gives_no_words(opened: Open, engine: str) -> None:
    decoding, sound = opened(engine), noise(10.0)
    assert decoding.speech(sound) == []
    assert list(decoding.decode(sound, [Span(0.0, 10.0)], "en")) == []


@each_engine
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_no_numbers_are_refused_at_once(opened: Open, engine: str, bad: float) -> None:
    decoding, sound = opened(engine), silence(2.0)
    sound[12_345] = bad
    for use in (
        lambda: decoding.speech(sound),
        lambda: decoding.detect(sound),
        lambda: decoding.decode(sound, [Span(0.0, 2.0)], "en"),
        lambda: decoding.again(sound, "en"),
    ):
        with pytest.raises(BadInput):
            use()


@each_engine
@pytest.mark.parametrize("sound", [np.zeros((2, 16_000), np.float32), np.zeros(16_000, np.int16), np.zeros(16_000)])
def test_sound_of_another_shape_is_refused(opened: Open, engine: str, sound: Samples) -> None:
    with pytest.raises(BadInput):
        opened(engine).speech(sound)


@each_engine
def test_speech_gives_words_with_rising_times_inside_their_spans(opened: Open, engine: str, speak: Said) -> None:
    sound = speak(TEXT)
    decoding = opened(engine)
    spans = decoding.speech(sound)
    segments = list(decoding.decode(sound, spans, "en"))
    words = [word for segment in segments for word in segment.words]
    assert len(segments) >= 3 and len(words) >= 4
    assert all(0.0 <= word.start <= word.end <= len(sound) / RATE_HZ for word in words)
    assert all(one.start <= other.start for one, other in pairwise(words))
    assert all(one.end <= other.start for one, other in pairwise(segments))
    assert all(any(span.start <= word.start and word.end <= span.end for span in spans) for word in words)
    for segment in segments:
        assert segment.text == segment.text.strip() == "".join(word.text for word in segment.words).strip()
        assert (segment.start, segment.end) == (segment.words[0].start, segment.words[-1].end)
        assert segment.language == "en"


@each_engine
def test_speech_finds_each_sentence(opened: Open, engine: str, speak: Said) -> None:
    sound = np.concatenate([silence(3.0), speak(TEXT, pause_s=2.0), silence(3.0)])
    spans = opened(engine).speech(sound)
    assert len(spans) == 3
    assert 2.5 < spans[0].start < 3.2
    assert all(one.end <= other.start for one, other in pairwise(spans))


@each_engine
def test_speech_never_answers_more_than_whisper_takes(opened: Open, engine: str) -> None:
    spans = opened(engine).speech(tremolo(95.0))
    assert sum(span.end - span.start for span in spans) > 90.0
    assert all(span.end - span.start <= 30.0 for span in spans)


@each_engine
def test_only_the_spans_are_decoded(opened: Open, engine: str, speak: Said) -> None:
    sound = speak(TEXT)
    decoding = opened(engine)
    second = decoding.speech(sound)[1]
    segments = list(decoding.decode(sound, [second], "en"))
    assert segments
    assert all(second.start <= segment.start and segment.end <= second.end for segment in segments)


@each_engine
def test_words_can_be_left_out(opened: Open, engine: str, speak: Said) -> None:
    segments = heard(opened(engine, word_timestamps=False), speak(SHORT))
    assert segments
    assert all(segment.text and not segment.words for segment in segments)


@each_engine
def test_decoding_may_be_left_in_the_middle(opened: Open, engine: str, speak: Said) -> None:
    sound = speak(TEXT)
    decoding = opened(engine)
    segments = decoding.decode(sound, decoding.speech(sound), "en")
    assert next(segments).text
    segments.close()  # type: ignore[attr-defined]
    assert heard(decoding, speak(SHORT)) == heard(opened(engine), speak(SHORT)) != []


@each_engine
def test_jobs_one_after_another_hear_the_same(opened: Open, engine: str, speak: Said) -> None:
    first = opened(engine)
    one = heard(first, speak(SHORT))
    first.close()
    assert heard(opened(engine), speak(SHORT)) == one != []


@each_engine
def test_jobs_in_threads_hear_the_same(opened: Open, engine: str, speak: Said) -> None:
    sound = speak(SHORT)
    jobs = [opened(engine) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda job: heard(job, sound), jobs))
    assert found[0] == found[1] != []


@each_engine
def test_close_may_be_called_again_and_ends_what_was_started(opened: Open, engine: str, speak: Said) -> None:
    before = offspring()
    decoding = opened(engine)
    assert heard(decoding, speak(SHORT))
    decoding.close()
    decoding.close()
    assert left_over(before) == set()


@each_engine
def test_again_hears_a_stretch_alone(opened: Open, engine: str, speak: Said) -> None:
    sound = speak(SHORT)
    segments = opened(engine, word_timestamps=False).again(sound, "en")
    assert segments and segments[0].words
    assert segments[-1].end <= len(sound) / RATE_HZ


@each_engine
def test_many_jobs_leave_no_memory_behind(opened: Open, engine: str, speak: Said) -> None:
    sound = speak(SHORT)
    process = psutil.Process()

    def run(times: int) -> int:
        for _ in range(times):
            decoding = opened(engine)
            if engine == "whisper":
                assert heard(decoding, sound)
            else:
                decoding.speech(sound)
            decoding.close()
        return int(process.memory_info().rss)

    settled = run(3)
    assert run(6) - settled < 30 * 2**20


@each_engine
def test_cancelling_while_it_opens_passes_through(engines: dict[str, TranscriptionEngine], engine: str) -> None:
    class Stop(Exception):
        pass

    def check() -> None:
        raise Stop

    with pytest.raises(Stop):
        engines[engine].open(TranscriptionRequest(language="en"), note=lambda sentence: None, check=check)


def test_importing_the_engines_loads_no_library() -> None:
    code = """
import sys
from utils.settings import Settings
from utils.transcription import engines, models, selftest
from utils.transcription.contract import TranscriptionRequest
settings = Settings(hf_hub_offline=True)
built = engines.build(settings)
engines.choose(built, settings, TranscriptionRequest())
models.offers(settings)
selftest.outlook(settings)
heavy = {"faster_whisper", "ctranslate2", "huggingface_hub", "onnxruntime", "pocketsphinx", "av", "tokenizers", "httpx", "requests"}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
