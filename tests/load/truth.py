"""What each visitor of the load test owns, and whether what came back is exactly that: its words, its sound, nobody else's."""

from __future__ import annotations

import io
import random
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.local_run import LocalRun
from tests.jobs.recordings import wav
from tests.transcription.clips import SENTENCES, joined, wer
from utils.settings import Settings
from utils.speech.choose import Chooser
from utils.speech.contract import SpeechRequest
from utils.speech.engines import build
from utils.speech.synthesize import synthesize

CANARY = re.compile(rb"canary[-_ ]?([0-9a-f]{10})")
SPOKEN = 4  # sentences of a recording
SAME = 0.999  # correlation of two takes of one text
EDGE_SAMPLES = 2_205  # a tenth of a second
DOUBTFUL_WER = 45.0  # percent; two recordings share half of their sentences at most, and the small model was seen 21 % away


@dataclass
class Owner:
    """One visitor.

    Attributes:
        canary: A word that nobody else has; it stands in every text and title.
        said: Sentences of its recording.
        recording: That recording as a WAV file.
        texts: How many texts it has made.
    """

    canary: str
    said: tuple[str, ...]
    recording: bytes
    texts: int = 0

    def text(self) -> str:
        """The next text to be spoken; each is another one, so that no cache helps."""
        self.texts += 1
        return f"{self.canary} text {self.texts}. The library closes at six, and the meeting is on Friday."

    def foreign(self, data: bytes) -> list[str]:
        """Canaries of others in what was sent to this one."""
        return sorted({found.decode() for found in CANARY.findall(data)} - {self.canary.removeprefix("canary-")})


@dataclass
class Truth:
    """All owners, and what was found wrong so far. Used by one thread at a time.

    Attributes:
        wrong: One line each; empty is the aim.
    """

    owners: list[Owner]
    wrong: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._folder = TemporaryDirectory()
        settings = Settings(outputs_dir=Path(self._folder.name) / "outputs", tts_engine="espeak")
        self._chooser = Chooser(build(settings), default="espeak")

    def close(self) -> None:
        self._folder.cleanup()

    def reference(self, text: str, format: str) -> tuple[bytes, bytes]:
        """The sound that this text must give, and its subtitles, made here."""
        with TemporaryDirectory(dir=self._folder.name) as folder:
            request = SpeechRequest(text, language="en-US", format=format)
            synthesize(request, chooser=self._chooser, folder=Path(folder), stem="speech", run=LocalRun())
            sound, words = Path(folder, f"speech.{format}"), Path(folder, "speech.vtt")
            return sound.read_bytes(), words.read_bytes()

    def check_speech(self, owner: Owner, text: str, format: str, sound: bytes, words: bytes) -> None:
        expected, subtitles = self.reference(text, format)
        if sound != expected:
            self.wrong.append(f"{owner.canary}: the sound of another text, {len(sound)} bytes")
        if words != subtitles:
            self.wrong.append(f"{owner.canary}: the words of another text")

    def check_stream(self, owner: Owner, text: str, sound: bytes) -> None:
        """A WAV file that was sent while it was spoken: its header does not know its length, and its loudness may differ."""
        expected, found = (_samples(data) for data in (self.reference(text, "wav")[0], sound))
        common, alike = min(len(expected), len(found)), 0.0
        if abs(len(expected) - len(found)) <= EDGE_SAMPLES:  # a stream's edges are not cut as a file's are
            ends = ((expected[:common], found[:common]), (expected[-common:], found[-common:]))
            alike = max(float(np.corrcoef(one, other)[0, 1]) for one, other in ends)
        if alike < SAME:
            self.wrong.append(f"{owner.canary}: another sound from /v1, {len(found)} of {len(expected)} samples, alike {alike:.4f}")

    def check_transcript(self, owner: Owner, heard: str) -> None:
        own = wer(" ".join(owner.said), heard)
        nearest = min((wer(" ".join(other.said), heard) for other in self.owners if other is not owner), default=100.0)
        if own > DOUBTFUL_WER or nearest <= own:
            away = f"{own:.0f} % away from its own and {nearest:.0f} % from the nearest other"
            self.wrong.append(f"{owner.canary}: the transcript of another recording, {away}")

    def check_zip(self, owner: Owner, data: bytes, titles: int) -> None:
        """Whole, with all that this owner has made so far and nothing else."""
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if archive.testzip() is not None:
                self.wrong.append(f"{owner.canary}: a damaged ZIP")
            listed = archive.read("manifest.csv")
            names = "\n".join(archive.namelist()).encode()
        if owner.foreign(listed) or owner.foreign(names):
            self.wrong.append(f"{owner.canary}: files of {owner.foreign(listed + names)}")
        if len(CANARY.findall(names)) < titles:
            self.wrong.append(f"{owner.canary}: {len(CANARY.findall(names))} names in the ZIP of {titles} items")

    def check_foreign(self, owner: Owner, data: bytes, where: str) -> None:
        if foreign := owner.foreign(data):
            self.wrong.append(f"{owner.canary}: {where} shows {foreign}")


def _samples(data: bytes) -> Any:
    start = data.index(b"data") + 8
    return np.frombuffer(data[start : len(data) - (len(data) - start) % 2], "<i2").astype(np.float64)


def owners(count: int, seed: int = 1) -> list[Owner]:
    """So many, whose recordings share half of their sentences at most."""
    dice, found, taken = random.Random(seed), list[Owner](), list[set[str]]()
    while len(found) < count:
        said = tuple(dice.sample(SENTENCES, SPOKEN))
        if all(len(other & set(said)) <= SPOKEN // 2 for other in taken):
            taken.append(set(said))
            found.append(Owner(f"canary-{dice.getrandbits(40):010x}", said, _spoken(said)))
    return found


def _spoken(said: Sequence[str]) -> bytes:
    samples: Any = joined(said).samples
    return wav((np.clip(samples, -1, 1) * 32_767).astype("<i2"))
