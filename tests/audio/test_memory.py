"""Long sound passes through everything with flat memory, and importing the room loads no sound library."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("resource", reason="only POSIX tells the highest memory of a process")
MOST_MB = 30
ROOT = Path(__file__).parents[2]

LATE = """
import sys
from utils.audio import codec, effects, edges, edit, formats, frames, loudness, peaks, probe
from utils import subtitles
assert not {"av", "pydub"} & set(sys.modules), "imported too early"
"""

LONG = """
import resource, sys
from pathlib import Path
import numpy as np
from utils.audio import codec, edges, effects, loudness, peaks
from utils.audio.pcm import PcmFile

def high_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)

def all_of_it(path, seconds, key):
    rate_hz = 22_050
    block = (np.sin(np.arange(rate_hz) / 9) * 6_000).astype("<i2")
    with path.open("wb") as file:
        for _ in range(seconds):
            file.write(block)
    pcm, picture = PcmFile(path, rate_hz), peaks.Peaks()
    start, stop = edges.find(pcm)
    gain = loudness.gain(loudness.measure(pcm.blocks(start, stop), rate_hz), -16.0)
    changed = effects.apply(pcm.blocks(start, stop), rate_hz, effects.speed(1.25), effects.pitch(2))
    codec.encode(picture.collect(loudness.amplify(changed, gain)), rate_hz, path.with_suffix(".out"), key)
    count = sum(len(block) for block in codec.decode_blocks(path.with_suffix(".out"), rate_hz, format=key))
    assert abs(count - pcm.sample_count / 1.25) <= rate_hz * 0.1 and max(picture.values()) == 100

folder, seconds, key = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
all_of_it(folder / "short.pcm", 5, key)
before = high_mb()
all_of_it(folder / "long.pcm", seconds, key)
print(high_mb() - before)
"""


def grown_mb(folder: Path, seconds: int, key: str) -> float:
    command = [sys.executable, "-W", "error", "-c", LONG, str(folder), str(seconds), key]
    return float(subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout)


def test_import_of_the_room_loads_no_sound_library() -> None:
    subprocess.run([sys.executable, "-c", LATE], check=True, cwd=ROOT)


@pytest.mark.parametrize("key, seconds", [("flac", 1_200), ("mp3", 240)])
def test_pipeline_long_sound_keeps_memory_flat(tmp_path: Path, key: str, seconds: int) -> None:
    """20 minutes are 53 MB of PCM."""
    assert grown_mb(tmp_path, seconds, key) < MOST_MB


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("key", ["mp3", "wav", "opus", "flac", "m4a", "aac", "pcm"])
def test_pipeline_hours_of_sound_keep_memory_flat(tmp_path: Path, key: str) -> None:
    """100,000 characters of speech: 2.3 hours, 365 MB of PCM."""
    assert grown_mb(tmp_path, 8_280, key) < MOST_MB
