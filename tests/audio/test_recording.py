"""Recordings are decoded in a limited child: sound, report, refusals, cancelling."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.audio import sounds
from utils.audio import codec
from utils.audio.recording import RATE_HZ, Decoded, decode, inspect, samples
from utils.errors import RecordingTooLong, StoreUnavailable, UnreadableSound


def made(folder: Path, form: str = "wav", seconds: float = 3.0) -> Path:
    """A file of ours with a tone of 440 Hz."""
    path = folder / f"tone.{form}"
    codec.encode([sounds.tone(440, seconds)], sounds.RATE_HZ, path, form)
    return path


def decoded(source: Path, *, max_seconds: float = 60.0) -> Decoded:
    return decode(source, source.with_suffix(".pcm"), max_seconds=max_seconds)


@pytest.mark.parametrize("form", ["wav", "mp3"])
def test_decode_our_own_file_gives_its_sound_at_16_khz(tmp_path: Path, form: str) -> None:
    done = decoded(made(tmp_path, form))

    sound = samples(done.pcm, 0, done.pcm.sample_count)
    assert done.pcm.rate_hz == RATE_HZ
    assert done.report.seconds == pytest.approx(3.0, abs=0.06)
    assert sounds.frequency((sound[RATE_HZ : 2 * RATE_HZ] * 32_767).astype(np.int16), RATE_HZ) == pytest.approx(440, abs=1)
    assert done.report.losses() == []
    assert inspect(tmp_path / f"tone.{form}").seconds == pytest.approx(3.0, abs=0.1)


def test_decode_longer_than_allowed_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RecordingTooLong, match="2 seconds"):
        decoded(made(tmp_path), max_seconds=2.0)

    assert not (tmp_path / "tone.pcm").exists()


@pytest.mark.parametrize("data", [b"", b"hello world\n" * 500])
def test_decode_what_is_no_recording_is_refused_in_a_sentence(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "talk.mp3").write_bytes(data)

    with pytest.raises(UnreadableSound):
        decoded(tmp_path / "talk.mp3")


def test_decode_a_missing_file_is_the_store_s_fault(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable):
        decoded(tmp_path / "gone.wav")


def test_check_that_raises_ends_the_child_and_passes(tmp_path: Path) -> None:
    def check() -> None:
        raise KeyError("stop")

    with pytest.raises(KeyError, match="stop"):
        decode(made(tmp_path), tmp_path / "out.pcm", max_seconds=60, check=check)

    assert not (tmp_path / "out.pcm").exists()
