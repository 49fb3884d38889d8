"""Real eSpeak speech of sentences that the test model knows, as 16 kHz samples, with the words and when each begins."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from tests.speech.engines.espeak_kit import say
from utils.audio.pcm import PcmFile
from utils.transcription.contract import RATE_HZ, Progress, Transcript, TranscriptionEngine, TranscriptionRequest, Word
from utils.transcription.partial import Partial
from utils.transcription.transcribe import transcribe
from utils.transcription.windows import LENGTHS, Lengths

MICRO = Path(__file__).parents[1] / "assets" / "micro-whisper"

# The reliable English ones of tests/assets/micro-whisper/sentences.md without runs of digits and numbers.
SENTENCES = (
    "Turn on the light in the kitchen.", "Turn off the light in the bedroom.", "Turn off the radio in the office.",
    "Turn on the fan in the garden.", "Turn off the fan.", "Turn on the radio.", "Close the window.", "Open the window.",
    "Close the door.", "Good morning.", "Good night.", "Thank you very much.", "Hello, how are you?", "What time is it?",
    "Yes, please.", "No, thank you.", "Stop the music.", "The weather is good today.", "The weather is cold today.",
    "The weather is hot today.", "Play some music in the kitchen.", "Play some music in the bedroom.", "Call my mother.",
    "Call my brother.", "Call my sister.", "Go forward ten meters.", "Go back five meters.",
    "Can I get a small latte with milk?",
    "Make me a double shot espresso with brown sugar.", "I'd like an iced coffee with some cream.",
)  # fmt: skip


@dataclass(frozen=True)
class Clip:
    """Samples of one or more sentences, what is said in them, and its words in seconds."""

    samples: NDArray[np.float32]
    text: str
    words: tuple[Word, ...]

    @property
    def seconds(self) -> float:
        return len(self.samples) / RATE_HZ


@cache
def clip(text: str, voice: str = "en-us") -> Clip:
    """One sentence, without the silence that eSpeak leaves at its end."""
    with TemporaryDirectory() as folder:
        pcm, spoken = say(Path(folder), text, key=voice)
    frame = av.AudioFrame.from_ndarray(pcm.reshape(1, -1), format="s16", layout="mono")
    frame.sample_rate = spoken.rate_hz
    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE_HZ)
    parts = [part.to_ndarray()[0] for part in (*resampler.resample(frame), *resampler.resample(None))]
    samples = np.concatenate(parts).astype(np.float32)
    samples = samples[: int(np.flatnonzero(np.abs(samples) > 0.003)[-1]) + 160]
    words = tuple(Word(mark.start, min(mark.end, len(samples) / RATE_HZ), mark.text) for mark in spoken.marks)
    return Clip(samples, text, words)


def joined(texts: Sequence[str], *, pause_s: float = 0.8, lead_s: float = 0.3, voice: str = "en-us") -> Clip:
    """Sentences with silence between them."""
    parts: list[Any] = [np.zeros(int(lead_s * RATE_HZ), np.float32)]
    words: list[Word] = []
    length = len(parts[0])
    for text in texts:
        one = clip(text, voice)
        words += [Word(word.start + length / RATE_HZ, word.end + length / RATE_HZ, word.text) for word in one.words]
        parts += [one.samples, np.zeros(int(pause_s * RATE_HZ), np.float32)]
        length += len(parts[-1]) + len(parts[-2])
    return Clip(np.concatenate(parts), " ".join(texts), tuple(words))


def drawn(count: int, seed: int = 1) -> list[str]:
    """So many of SENTENCES, none twice in a row."""
    dice = random.Random(seed)
    made: list[str] = []
    while len(made) < count:
        text = dice.choice(SENTENCES)
        if not made or made[-1] != text:
            made.append(text)
    return made


class NoLosses:
    def as_dict(self) -> dict[str, Any]:
        return {}


@dataclass(frozen=True)
class OnDisk:
    """Stands where `audio.recording.Decoded` stands."""

    pcm: PcmFile
    report: NoLosses = field(default_factory=NoLosses)


def on_disk(folder: Path, samples: NDArray[np.float32], name: str = "sound.pcm") -> OnDisk:
    path = folder / name
    (np.clip(samples, -1, 1) * 32_767).astype("<i2").tofile(path)
    return OnDisk(PcmFile(path, RATE_HZ))


def transcribed(
    samples: NDArray[np.float32],
    engine: TranscriptionEngine,
    request: TranscriptionRequest,
    folder: Path,
    *,
    progress: Progress = lambda done, total: None,
    check: Callable[[], None] = lambda: None,
    lengths: Lengths = LENGTHS,
) -> Transcript:
    """The way of a recording from samples on, with what is done so far in `folder`."""
    return transcribe(
        on_disk(folder, samples),  # type: ignore[arg-type]
        engine,
        request,
        partial=Partial(folder / "partial.jsonl"),
        progress=progress,
        note=lambda sentence: None,
        check=check,
        lengths=lengths,
    )


def wer(reference: str, heard: str) -> float:
    """Word error rate in percent, without case and punctuation."""
    import jiwer

    def plain(text: str) -> str:
        return " ".join("".join(c if c.isalnum() or c == "'" else " " for c in text.lower()).split())

    return 100 * float(jiwer.wer(plain(reference), plain(heard)))
