from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.fakes.mp3 import RATE_HZ, encode, tone
from tests.speech.engines.gtts_kit import pitch_hz
from utils.audio import codec
from utils.errors import EngineRefused
from utils.speech.engines.gtts_client import Failed, Kind
from utils.speech.engines.gtts_sound import PADDING_SAMPLES, QUIET, read_sound, without_padding

TEXT = "About forty characters of English prose."  # 2.7 s


def hum(seconds: float, pitch: int = 220) -> NDArray[np.int16]:
    """A tone with edges of 2 ms, as speech has them; a click would sound in the padding before it already."""
    steps = np.arange(round(seconds * RATE_HZ))
    edge = np.clip(np.minimum(steps + 1, len(steps) - steps) / (0.002 * RATE_HZ), 0, 1)
    return (9000 * edge * np.sin(steps * (2 * np.pi * pitch / RATE_HZ) + 1)).astype(np.int16)


@pytest.mark.parametrize("seconds", [2.0, 2.001, 2.345, 2.7, 3.2101])
def test_read_sound_padding_of_the_encoder_is_gone(seconds: float) -> None:
    samples = read_sound(encode(hum(seconds)), TEXT)
    assert len(samples) / RATE_HZ == pytest.approx(seconds, abs=0.002)
    assert pitch_hz(samples, RATE_HZ) == pytest.approx(220, abs=1)


def test_read_sound_twenty_pieces_join_without_growing() -> None:
    lengths_s = [2.0 + 0.0137 * number for number in range(20)]
    pieces = [encode(hum(seconds)) for seconds in lengths_s]
    as_it_comes_s = sum(codec.decode_trusted(piece, RATE_HZ, format="mp3").seconds for piece in pieces)
    joined = np.concatenate([read_sound(piece, TEXT) for piece in pieces])
    assert as_it_comes_s - sum(lengths_s) > 20 * 0.04  # what joining undecoded MP3 costs
    assert len(joined) / RATE_HZ == pytest.approx(sum(lengths_s), abs=20 * 0.002)


def test_without_padding_speech_at_both_ends_is_never_cut() -> None:
    loud = hum(0.5)
    assert np.array_equal(without_padding(loud), loud)


def test_without_padding_natural_silence_stays_but_for_the_padding() -> None:
    quiet = np.full(RATE_HZ // 4, QUIET // 2, dtype=np.int16)
    left = without_padding(np.concatenate([quiet, hum(0.5), quiet]))
    assert len(left) == 2 * len(quiet) + RATE_HZ // 2 - 2 * PADDING_SAMPLES


@pytest.mark.parametrize("count", [0, 1, 500, PADDING_SAMPLES, PADDING_SAMPLES + 1, 2 * PADDING_SAMPLES, 2 * PADDING_SAMPLES + 1])
def test_without_padding_short_silence_of_any_length_is_no_error(count: int) -> None:
    assert len(without_padding(np.zeros(count, dtype=np.int16))) == max(0, count - 2 * PADDING_SAMPLES)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 40_000,
        b"<html>" * 9_000,
        b"RIFF" + b"\0" * 4 + b"WAVEfmt " + b"\x10\0\0\0\1\0\1\0\xc0]\0\0\x80\xbb\0\0\2\0\x10\0data" + b"\x7f" * 130_000,
        encode(hum(0.2)),
        encode(hum(14.0)),
        tone(20.0, 300) * 10,
        encode((hum(2.7) // 1000).astype(np.int16)),
    ],
    ids=["empty", "zeros", "html", "wav", "too short", "too long", "far too long", "silent"],
)
def test_read_sound_of_anything_but_the_piece_is_refused(data: bytes) -> None:
    with pytest.raises(Failed) as caught:
        read_sound(data, TEXT)
    assert caught.value.kind is Kind.NO_SOUND
    assert isinstance(caught.value.error, EngineRefused)
    assert TEXT not in caught.value.error.sentence
