"""The voice detector: the same answers as the library that its weights come from, in flat memory."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest

from tests.transcription.engines.conftest import ROOT, Said
from tests.transcription.engines.sounds import noise, silence, tremolo
from utils.transcription.contract import RATE_HZ, Samples, Span
from utils.transcription.engines.voice import BLOCK_FRAMES, FRAME, LEAST_S, Voice

VOICE = Voice()
TEXT = "Turn on the light in the kitchen.\nClose the window.\nThe weather is good today."


def library_probabilities(sound: Samples) -> np.ndarray:
    from faster_whisper.vad import get_vad_model

    padded = np.pad(sound, (0, -len(sound) % FRAME))
    return np.asarray(get_vad_model()(padded)).reshape(-1)


def test_probabilities_are_those_of_the_library_across_blocks(speak: Said) -> None:
    sound = np.concatenate([speak(TEXT), noise(7.3, 0.02), speak("Close the window.", "de"), tremolo(3.1)] * 4)
    assert len(sound) > 2 * BLOCK_FRAMES * FRAME
    found, expected = VOICE.probabilities(sound), library_probabilities(sound)
    assert len(found) == len(expected)
    assert np.abs(found - expected).max() < 1e-3


@pytest.mark.parametrize("samples", [0, 1, FRAME - 1, FRAME, FRAME + 1, BLOCK_FRAMES * FRAME, BLOCK_FRAMES * FRAME + 1])
def test_probabilities_are_one_a_frame(samples: int) -> None:
    assert len(VOICE.probabilities(np.zeros(samples, np.float32))) == -(-samples // FRAME)


def test_sound_is_left_as_it_was(speak: Said) -> None:
    sound = speak(TEXT)  # read-only
    before = sound.copy()
    VOICE.spans(sound)
    assert np.array_equal(sound, before)


def test_spans_find_sentences_where_they_are(speak: Said) -> None:
    one = speak("Close the window.")
    at = (2.0, 7.0, 15.0)
    sound = silence(20.0)
    for start in at:
        first = round(start * RATE_HZ)
        sound[first : first + len(one)] = one
    spans = VOICE.spans(sound)
    assert len(spans) == 3
    for start, span in zip(at, spans, strict=True):
        assert start - 0.3 <= span.start <= start + 0.1
        assert start + 0.7 <= span.end <= start + len(one) / RATE_HZ + 0.3


def test_spans_join_over_short_pauses_only(speak: Said) -> None:
    sound = speak("Call my mother.\nCall my brother.", pause_s=0.8)
    assert len(VOICE.spans(sound, silence_s=0.5)) == 2
    assert len(VOICE.spans(sound, silence_s=2.0)) == 1


def test_spans_share_a_short_gap() -> None:
    seen = np.zeros(200, np.float32)
    seen[20:60] = seen[70:120] = 0.9

    class Fixed(Voice):
        def probabilities(self, samples: Samples) -> np.ndarray:
            return seen

    spans = Fixed().spans(silence(200 * FRAME / RATE_HZ), silence_s=0.1, pad_s=0.4)
    middle = 65 * FRAME / RATE_HZ
    assert spans[0].end == pytest.approx(middle) == pytest.approx(spans[1].start)
    assert spans[0].start == pytest.approx(20 * FRAME / RATE_HZ - 0.4)


def test_clicks_are_no_speech() -> None:
    class Fixed(Voice):
        def probabilities(self, samples: Samples) -> np.ndarray:
            seen = np.zeros(100, np.float32)
            seen[50 : 50 + int(LEAST_S * RATE_HZ / FRAME)] = 1.0
            return seen

    assert Fixed().spans(silence(3.2)) == []


def test_long_speech_is_cut_where_the_voice_is_weakest(speak: Said) -> None:
    spoken = np.concatenate([speak(f"{TEXT}", pause_s=0.0)] * 12)
    spans = VOICE.spans(spoken, silence_s=5.0)
    assert len(spans) >= 2
    assert all(span.end - span.start <= 30.0 for span in spans)
    assert all(one.end <= other.start for one, other in pairwise(spans))
    assert sum(span.end - span.start for span in spans) > 0.95 * len(spoken) / RATE_HZ
    levels = [np.abs(spoken[round(span.end * RATE_HZ) - 800 : round(span.end * RATE_HZ) + 800]).mean() for span in spans[:-1]]
    assert max(levels) < np.abs(spoken).mean()


def test_sound_that_is_all_voice_is_cut_without_loss() -> None:
    class Fixed(Voice):
        def probabilities(self, samples: Samples) -> np.ndarray:
            return np.ones(-(-len(samples) // FRAME), np.float32)

    sound = silence(100.0)
    spans = Fixed().spans(sound)
    assert spans[0].start == 0.0 and spans[-1].end == 100.0
    assert all(one.end == pytest.approx(other.start) for one, other in pairwise(spans))
    assert all(10.0 < span.end - span.start <= 30.0 or span is spans[-1] for span in spans)


@pytest.mark.parametrize("sound", [silence(30.0), noise(30.0, 0.01), noise(30.0, 0.2)], ids=["silence", "soft", "loud"])
def test_noise_and_silence_hold_no_voice(sound: Samples) -> None:
    assert VOICE.spans(sound) == []


def test_threads_share_one_detector(speak: Said) -> None:
    voice, sound = Voice(), speak(TEXT)
    with ThreadPoolExecutor(4) as pool:
        found: list[list[Span]] = list(pool.map(lambda _: voice.spans(sound), range(8)))
    assert all(each == found[0] for each in found) and len(found[0]) == 3


def test_memory_stays_flat_over_twenty_minutes() -> None:
    code = """
import resource
import numpy as np
from utils.transcription.engines.voice import Voice
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
voice = Voice()
sound = np.zeros(20 * 60 * 16_000, np.float32)
sound += 0.01
voice.probabilities(sound[: 60 * 16_000])
before = peak()
voice.spans(sound)
print(peak() - before)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert float(done.stdout) < 25.0  # MB; through faster_whisper.vad it is 208
