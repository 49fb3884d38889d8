"""The yardstick for rows: eSpeak NG by ctypes and an MP3 encoder in one process, one row after the other.

Run as a child: `python -m benchmarks.bare_rows <file with one text a line> <folder>` prints its seconds.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from benchmarks.bare_espeak import Bare


def main(texts_file: str, folder: str) -> None:
    """Speak every line into a file of its own."""
    bare = Bare()
    texts = Path(texts_file).read_bytes().splitlines()
    bare.speak(b"Warm up.", Path(folder) / "warm.mp3")
    began = time.perf_counter()
    for number, text in enumerate(texts):
        bare.speak(text, Path(folder) / f"{number}.mp3")
    print(time.perf_counter() - began)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
