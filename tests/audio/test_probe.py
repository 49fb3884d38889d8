"""Facts about files, without decoding them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.audio import sounds
from tests.audio.sounds import RATE_HZ
from utils.audio import codec, probe
from utils.audio.codec import FORMATS, BadSound

CODECS = {"mp3": "mp3float", "wav": "pcm_s16le", "opus": "opus", "flac": "flac", "m4a": "aac", "aac": "aac", "pcm": "pcm_s16le"}


@pytest.mark.parametrize("key", list(FORMATS))
def test_describe_every_format_tells_length_rate_and_codec(tmp_path: Path, key: str) -> None:
    path = tmp_path / f"sound{FORMATS[key].suffix}"
    codec.encode([sounds.speech(7.25)], RATE_HZ, path, key)
    sound = probe.describe(path)
    assert sound.seconds == pytest.approx(7.25, abs=0.1)
    assert (sound.rate_hz, sound.channels, sound.codec) == (FORMATS[key].rate_hz(RATE_HZ), 1, CODECS[key])
    assert sound.chapters == ()


def test_describe_file_without_a_known_suffix_is_recognised(tmp_path: Path) -> None:
    path = tmp_path / "piece"
    codec.encode([sounds.speech(1)], RATE_HZ, path, "mp3")
    assert probe.describe(path).codec == "mp3float"


@pytest.mark.parametrize("data", [b"", b"no sound" * 100, bytes(5_000)])
@pytest.mark.parametrize("name", ["x.mp3", "x.wav", "x.m4a", "x.opus", "x.flac", "x.aac", "x"])
def test_describe_what_is_no_sound_is_refused(tmp_path: Path, name: str, data: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(BadSound):
        probe.describe(path)
