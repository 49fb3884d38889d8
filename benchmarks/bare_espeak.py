"""The yardstick: eSpeak NG by ctypes and an MP3 encoder in one process, nothing kept, nothing checked.

Run as a child: `python -m benchmarks.bare_espeak <text file> <folder> <runs>` prints the seconds of the best run.
"""

from __future__ import annotations

import ctypes
import sys
import time
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
import espeakng_loader
import numpy as np

AUDIO_OUTPUT_SYNCHRONOUS, CHARS_UTF8, END_PAUSE = 2, 1, 0x1000
CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class Bare:
    """The library in this process."""

    def __init__(self) -> None:
        """Load it, with one voice."""
        self._lib = lib = ctypes.CDLL(espeakng_loader.get_library_path())
        data = espeakng_loader.get_data_path().encode()
        self.rate_hz: int = lib.espeak_Initialize(AUDIO_OUTPUT_SYNCHRONOUS, 0, data, 0)
        lib.espeak_Synth.argtypes = [ctypes.c_char_p, ctypes.c_size_t, *[ctypes.c_uint] * 4, ctypes.c_void_p, ctypes.c_void_p]
        lib.espeak_SetVoiceByName(b"en-us")
        lib.espeak_SetParameter(1, 175, 0)
        self._pcm = pcm = bytearray()

        @CALLBACK  # type: ignore[untyped-decorator]
        def keep(samples: object, count: int, _events: object) -> int:
            if samples and count > 0:
                pcm.extend(ctypes.string_at(samples, count * 2))  # type: ignore[arg-type]
            return 0

        self._keep = keep  # must stay referenced
        lib.espeak_SetSynthCallback(keep)

    def speak(self, text: bytes, path: Path) -> None:
        """Speak a text and write it as MP3."""
        self._pcm.clear()
        text += b"\0"
        self._lib.espeak_Synth(text, len(text), 0, 1, 0, CHARS_UTF8 | END_PAUSE, None, None)
        self._lib.espeak_Synchronize()
        encode(np.frombuffer(bytes(self._pcm), dtype="<i2"), self.rate_hz, path)


def main(text_file: str, folder: str, runs: int) -> None:
    """Speak the text `runs` times and print the seconds of the quickest."""
    bare, text = Bare(), Path(text_file).read_bytes()
    times = []
    for number in range(runs):
        began = time.perf_counter()
        bare.speak(text, Path(folder) / f"{number}.mp3")
        times.append(time.perf_counter() - began)
    print(min(times))


def encode(samples: np.ndarray[tuple[int], np.dtype[np.int16]], rate_hz: int, path: Path) -> None:
    """MP3 at 64 kbit/s, mono, as PyAV's own examples do it."""
    with av.open(str(path), "w", format="mp3") as out:
        stream = out.add_stream("libmp3lame", rate=rate_hz, layout="mono")
        stream.bit_rate = 64_000
        convert = av.AudioResampler(stream.codec_context.format, "mono", rate_hz)
        for start in chain(range(0, len(samples), 4096), [None]):
            frame = None
            if start is not None:
                frame = av.AudioFrame.from_ndarray(samples[start : start + 4096].reshape(1, -1), format="s16", layout="mono")
                frame.sample_rate, frame.pts, frame.time_base = rate_hz, start, Fraction(1, rate_hz)
            for ready in convert.resample(frame):
                out.mux(stream.encode(ready))
        out.mux(stream.encode(None))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
