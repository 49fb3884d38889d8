"""Where there is a voice: Silero VAD, whose weights come inside the wheel of faster-whisper, run block by block.

The weights are run here and not through `faster_whisper.vad`, because that needs 200 MB for 20 minutes of sound and loads the
whole of faster-whisper, which the draft engine has no use for. The probabilities are the same; a test compares them.
"""

from __future__ import annotations

import importlib.util
import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from utils.errors import EngineUnreachable
from utils.transcription.contract import RATE_HZ, Samples, Span

FRAME = 512  # samples that one probability is for, 32 ms; fixed by the weights
CONTEXT = 64  # samples of the frame before that the weights see too
BLOCK_FRAMES = 1_000  # 32 s at once: 2 MB of input, and memory that does not grow with the sound
STATE = (1, 1, 128)
FRAME_S = FRAME / RATE_HZ

VOICE = 0.5  # from this probability on it is a voice, Silero's own default
NO_VOICE = 0.35  # below it is none; between the two it stays what it was
LEAST_S = 0.09  # shorter stretches are clicks; the shortest words last 0.15 s
LONGEST_S = 30.0  # what Whisper takes in one go

Probabilities = NDArray[np.float32]


class Voice:
    """The voice detector. One for a process; made cheaply, loaded on first use, and used by several threads."""

    def __init__(self) -> None:
        self._session: Any = None
        self._lock = threading.Lock()

    def probabilities(self, samples: Samples) -> Probabilities:
        """How likely each frame of FRAME samples holds a voice, 0 to 1; the last one is filled up with silence."""
        session = self._loaded()
        count = -(-len(samples) // FRAME)
        found = [np.zeros(0, dtype=np.float32)]
        h = c = np.zeros(STATE, dtype=np.float32)
        before = np.zeros(CONTEXT, dtype=np.float32)
        for first in range(0, count, BLOCK_FRAMES):
            block = np.asarray(samples[first * FRAME : (first + BLOCK_FRAMES) * FRAME], dtype=np.float32)
            frames = np.pad(block, (0, -len(block) % FRAME)).reshape(-1, FRAME)
            heads = np.vstack([before, frames[:-1, -CONTEXT:]])
            before = frames[-1, -CONTEXT:]
            out, h, c = session.run(None, {"input": np.hstack([heads, frames]), "h": h, "c": c})
            found.append(np.asarray(out, dtype=np.float32).reshape(-1))
        return np.concatenate(found)

    def spans(self, samples: Samples, *, silence_s: float = 0.5, pad_s: float = 0.2, longest_s: float = LONGEST_S) -> list[Span]:
        """Stretches with a voice, in order, without overlap, each at most `longest_s`.

        Args:
            samples: Sound.
            silence_s: A pause this long ends a stretch.
            pad_s: Added on both sides, where the neighbour leaves room: the first sound of a word is often too soft to be seen.
            longest_s: Longer stretches are cut where the voice is weakest in their second half.
        """
        seen = self.probabilities(samples)
        raw = _runs(seen, round(silence_s / FRAME_S))
        most = max(2, int((longest_s - 2 * pad_s) / FRAME_S))
        cut = [piece for run in raw for piece in _pieces(seen, *run, most)]
        return _padded(cut, pad_s, len(samples) / RATE_HZ)

    def _loaded(self) -> Any:
        with self._lock:
            if self._session is None:
                self._session = _session()
            return self._session


def _session() -> Any:
    """An onnxruntime session on one thread, that keeps no memory for later."""
    found = importlib.util.find_spec("faster_whisper")
    try:
        import onnxruntime  # type: ignore[import-untyped,unused-ignore]
    except ImportError as exc:
        raise EngineUnreachable("The voice detector needs onnxruntime, which is not installed.", "Install it again.") from exc
    if found is None or not found.submodule_search_locations:
        raise EngineUnreachable("The voice detector comes with faster-whisper, which is not installed.", "Install it again.")
    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads = options.intra_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 4
    weights = Path(found.submodule_search_locations[0]) / "assets" / "silero_vad_v6.onnx"
    try:
        return onnxruntime.InferenceSession(str(weights), providers=["CPUExecutionProvider"], sess_options=options)
    except Exception as exc:  # onnxruntime's own errors share no better base
        raise EngineUnreachable("The weights of the voice detector cannot be loaded.", "Install faster-whisper again.") from exc


def _runs(seen: Probabilities, quiet: int) -> list[tuple[int, int]]:
    """Frames (first, behind the last) of each stretch with a voice; pauses shorter than `quiet` frames stay inside."""
    runs: list[tuple[int, int]] = []
    start = end = -1  # of the stretch; `end`: first frame of the pause that may end it
    for at, value in enumerate(seen.tolist()):
        if value >= VOICE:
            start, end = (at if start < 0 else start), -1
        elif start >= 0 and value < NO_VOICE:
            end = at if end < 0 else end
            if at - end + 1 >= quiet:
                runs.append((start, end))
                start = end = -1
    if start >= 0:
        runs.append((start, end if end >= 0 else len(seen)))
    return [run for run in runs if (run[1] - run[0]) * FRAME_S >= LEAST_S]


def _pieces(seen: Probabilities, start: int, end: int, most: int) -> list[tuple[int, int]]:
    """Cut a stretch of more than `most` frames where the voice is weakest over 0.1 s in the second half of each piece."""
    pieces = []
    while end - start > most:
        low = start + most // 2
        smooth = np.convolve(seen[low : start + most], np.ones(3) / 3, mode="same")
        at = low + int(np.argmin(smooth[1:-1])) + 1 if len(smooth) > 2 else start + most
        pieces.append((start, at))
        start = at
    return [*pieces, (start, end)]


def _padded(frames: list[tuple[int, int]], pad_s: float, seconds: float) -> list[Span]:
    """Seconds, widened on both sides; where two would meet, each gets half of the gap."""
    spans = []
    for at, (first, behind) in enumerate(frames):
        start, end = first * FRAME_S, min(seconds, behind * FRAME_S)
        gap_before = start - (frames[at - 1][1] * FRAME_S if at else -np.inf)
        gap_behind = (frames[at + 1][0] * FRAME_S if at + 1 < len(frames) else np.inf) - end
        spans.append(Span(max(0.0, start - min(pad_s, gap_before / 2)), min(seconds, end + min(pad_s, gap_behind / 2))))
    return spans
