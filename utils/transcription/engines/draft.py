"""The draft engine: PocketSphinx and its small US English model, from a wheel: the first run needs no download.

It writes lower case without punctuation, and words for any sound. So it is given stretches with a voice only, cut at pauses, and
what it writes counts only where the voice detector hears somebody too and the sound changes the way speech does.
"""

from __future__ import annotations

import importlib.util
import json
import queue
import re
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from utils.errors import BadInput, EngineCrashed, EngineUnreachable
from utils.transcription.contract import (
    RATE_HZ,
    Decoding,
    LanguageGuess,
    ModelInfo,
    Samples,
    Segment,
    Span,
    TranscriptionRequest,
    Word,
)
from utils.transcription.engines.voice import Voice
from utils.transcription.engines.whisper_decoding import checked

PROGRAM = Path(__file__).with_name("draft_child.py")
FRAMES_A_SECOND = 100  # PocketSphinx's own
START_S = 30.0  # until the child is ready; 0.5 measured
UTTERANCE_S = 30.0  # for any utterance, and for each second of sound 10; 0.26 measured
SOUND_FACTOR = 10.0

PAUSE_S = 0.7  # ends an utterance; with 0.3 the words lose each other: 23 instead of 18 % of errors over three recordings
PAD_S = 0.2  # around an utterance: PocketSphinx wants a little silence
LONGEST_WORD_S = 2.0  # of speech they last 0.2 to 0.41 s on average; a held tone was one word of 29.95 s
LEAST_FLUX = 0.35  # speech 0.50 to 0.71, tones, chords and tremolo 0.03 to 0.25; noise has more, but no voice
FLUX_FRAME, FLUX_STEP = 512, 256
QUIET = 10 ** (-40 / 20)  # frames this much softer than the loudest carry no sound

_FILLER = re.compile(r"^(<.*>|\[.*\]|\+\+.*\+\+)$")
_VARIANT = re.compile(r"\(\d+\)$")  # "and(2)": another way to say it
_INFO = ModelInfo("PocketSphinx (draft)", multilingual=False, can_translate=False, languages=("en",))


class DraftEngine:
    """A TranscriptionEngine, see `contract`. One for a process; each job has a child process of its own."""

    name = "draft"

    def __init__(self, *, voice: Voice | None = None, program: Path = PROGRAM) -> None:
        """Cheap: nothing is loaded.

        Args:
            voice: The voice detector, shared with other engines.
            program: What to run in the child; only tests give another one.
        """
        self._voice = voice or Voice()
        self._program = program

    def problem(self, request: TranscriptionRequest) -> str:
        """Why it cannot do it, one sentence, or ""."""
        if importlib.util.find_spec("pocketsphinx") is None:
            return "The draft engine needs pocketsphinx, which is not installed."
        if request.language not in ("", "en") or request.multilingual:
            return "The draft engine knows English only; install a Whisper model such as base or small for other languages."
        if request.task != "transcribe":
            return "The draft engine cannot translate; install a Whisper model such as base or small for that."
        return ""

    def open(self, request: TranscriptionRequest, *, note: Callable[[str], None], check: Callable[[], None]) -> Decoding:
        """Begin a job; see `contract`."""
        if problem := self.problem(request):
            if importlib.util.find_spec("pocketsphinx") is None:
                raise EngineUnreachable(problem, "Install the packages of requirements.txt again.")
            raise BadInput(problem, "Choose English, or ask the operator for a Whisper model.")
        check()
        return DraftDecoding(_Child(self._program), self._voice, words=request.word_timestamps)


class DraftDecoding:
    """A Decoding, see `contract`. Used by one thread."""

    def __init__(self, child: _Child, voice: Voice, *, words: bool) -> None:
        self._child, self._voice, self._words = child, voice, words

    @property
    def model(self) -> ModelInfo:
        """What is loaded."""
        return _INFO

    def speech(self, samples: Samples) -> list[Span]:
        """Where there is a voice, in stretches of at most 30 s."""
        return self._voice.spans(checked(samples))

    def detect(self, samples: Samples) -> LanguageGuess:
        """English, with probability 0: it knows no other and cannot tell."""
        checked(samples)
        return LanguageGuess("en", 0.0)

    def decode(self, samples: Samples, spans: Sequence[Span], language: str) -> Iterator[Segment]:
        """One segment an utterance, lazily."""
        checked(samples)
        return (segment for span in spans for segment in self._decode_span(samples, span))

    def again(self, samples: Samples, language: str) -> list[Segment]:
        """The same once more: it has no other way to listen."""
        return list(self._decode(checked(samples), 0.0))

    def close(self) -> None:
        """End the child and with it all that it holds."""
        self._child.close()

    def _decode_span(self, samples: Samples, span: Span) -> Iterator[Segment]:
        first, behind = round(max(0.0, span.start) * RATE_HZ), round(span.end * RATE_HZ)
        for segment in self._decode(samples[first:behind], first / RATE_HZ):
            yield segment if self._words else replace(segment, words=())

    def _decode(self, sound: Samples, offset: float) -> Iterator[Segment]:
        """Words of a stretch, cut at its pauses."""
        for spoken in self._voice.spans(sound, silence_s=PAUSE_S, pad_s=PAD_S):
            piece = sound[round(spoken.start * RATE_HZ) : round(spoken.end * RATE_HZ)]
            if flux(piece) < LEAST_FLUX:
                continue
            words = self._child.words(piece, offset + spoken.start)
            words = [word for word in words if word.end - word.start <= LONGEST_WORD_S]
            if words:
                text = "".join(word.text for word in words).strip()
                yield Segment(words[0].start, words[-1].end, text, tuple(words), "en")


def flux(sound: Samples) -> float:
    """How much the spectrum changes: the mean of the summed differences between normalised spectra 16 ms apart, 0 to 2.

    Only frames that carry sound count; 0 where there are none.
    """
    if len(sound) < FLUX_FRAME + FLUX_STEP:
        return 0.0
    frames = np.lib.stride_tricks.sliding_window_view(sound, FLUX_FRAME)[::FLUX_STEP]
    spectra = np.abs(np.fft.rfft(frames * np.hanning(FLUX_FRAME).astype(np.float32), axis=1))
    sums = spectra.sum(axis=1)
    loud = sums > max(float(sums.max()) * QUIET, 1e-6)
    shapes = spectra / np.maximum(sums, 1e-9)[:, None]
    both = loud[1:] & loud[:-1]
    return float(np.abs(np.diff(shapes, axis=0)).sum(axis=1)[both].mean()) if both.any() else 0.0


class _Child:
    """The process in which PocketSphinx listens; started with the first utterance."""

    def __init__(self, program: Path) -> None:
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._listener: threading.Thread | None = None
        self._closed = False
        self._starting = threading.Lock()  # whoever closes from another thread finds either no child or all of it

    def words(self, sound: Samples, offset: float) -> list[Word]:
        """What it hears in one utterance.

        Raises:
            EngineCrashed: The child died or hangs.
        """
        process = self._started()
        pcm = (np.clip(sound, -1.0, 1.0) * 32_767).astype("<i2").tobytes()
        try:
            if process.stdin is None:
                raise BrokenPipeError
            process.stdin.write(struct.pack("<I", len(pcm)) + pcm)
            process.stdin.flush()
        except (OSError, ValueError) as exc:  # the pipe is broken, or closed by another thread
            raise self._crashed() from exc
        found = self._line(UTTERANCE_S + SOUND_FACTOR * len(sound) / RATE_HZ)
        end = offset + len(sound) / RATE_HZ
        words = []
        for name, first, last in found if isinstance(found, list) else []:
            if _FILLER.match(name):
                continue
            start = min(end, offset + first / FRAMES_A_SECOND)
            words.append(
                Word(round(start, 3), round(min(end, offset + (last + 1) / FRAMES_A_SECOND), 3), " " + _VARIANT.sub("", name))
            )
        return words

    def close(self) -> None:
        """Kill it; may be called again, and by another thread while the first one listens."""
        with self._starting:
            self._closed = True
            process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        if self._listener is not None:
            self._listener.join()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:  # what was not written yet has nowhere to go
                    continue

    def _started(self) -> subprocess.Popen[bytes]:
        with self._starting:
            if self._closed:
                raise EngineCrashed("The draft engine was closed.")
            if self._process is not None:
                return self._process
            try:
                self._process = process = subprocess.Popen(  # noqa: S603 - our own program
                    [sys.executable, "-I", "-B", str(self._program)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    env={},
                    start_new_session=True,
                )
            except OSError as exc:
                raise EngineUnreachable("The process of the draft engine cannot be started.", "Try again in a while.") from exc
            self._listener = threading.Thread(target=self._listen, args=(process,), name="draft-child", daemon=True)
            self._listener.start()
        self._line(START_S)
        return process

    def _line(self, limit_s: float) -> object:
        try:
            line = self._lines.get(timeout=limit_s)
            return json.loads(line)
        except (queue.Empty, ValueError) as exc:
            raise self._crashed() from exc

    def _crashed(self) -> EngineCrashed:
        self.close()
        return EngineCrashed("The draft engine stopped on this sound.", "Try again, or install a Whisper model.")

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        if process.stdout is not None:
            for line in process.stdout:
                self._lines.put(line)
        self._lines.put(b"")
