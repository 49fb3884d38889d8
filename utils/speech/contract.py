"""What speech is made from and what an engine owes: requests, voices, parts, marks, and the SpeechEngine protocol.

An engine gets parts of cleaned text and writes raw PCM into an open file. It reports marks (which text sounds from when to
when), so that subtitles are exact. Everything that an engine cannot do itself (`native`) is done to its sound afterwards,
in `synthesize`. Adding an engine is one module in `engines/` and one line in `engines/__init__.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, BinaryIO, Protocol

SPEED_RANGE = (0.5, 2.0)  # factor
PITCH_RANGE = (-12.0, 12.0)  # semitones
PAUSE_RANGE_MS = (0, 5_000)
LOUDNESS_RANGE_LUFS = (-36.0, -9.0)
DEFAULT_LOUDNESS_LUFS = -16.0  # EBU Tech 3343 and podcast practice for speech


@dataclass(frozen=True)
class Voice:
    """One speaker of one engine.

    Attributes:
        id: `<engine>:<what the engine calls it>`, e.g. `espeak:en-us+f3` or `gtts:en:co.uk`.
        engine: Name of the engine.
        name: For people, e.g. "English (America), female 3".
        language: BCP 47 tag, e.g. `en-US`.
    """

    id: str
    engine: str
    name: str
    language: str

    @property
    def key(self) -> str:
        """The voice as its engine calls it: the id without the engine's name."""
        return self.id.partition(":")[2]


@dataclass(frozen=True)
class SpeechRequest:
    """What somebody asked for; kept in the item, so that it can be asked again with changes.

    Attributes:
        text: As typed, with `[pause:1.5s]` marks allowed.
        language: BCP 47 tag.
        engine: `auto`, or the name of an engine.
        accent: gTTS host variant from the fixed list (e.g. `co.uk`), or None.
        voice: Id of a Voice, or None for the engine's own for this language (and accent).
        speed: Factor, 0.5 to 2.0, pitch unchanged.
        pitch: Semitones, -12 to 12, speed unchanged.
        pause_ms: Silence added between sentences, 0 to 5000.
        paragraph_ms: Silence added between paragraphs, 0 to 5000.
        loudness: Integrated loudness in LUFS (EBU R 128), or None to leave the level alone.
        trim: Cut silence at both ends.
        format: A key of `audio.codec.FORMATS`.
        title: For people; empty means the first words of the text.
        dictionary: Pairs (word, spoken as).
    """

    text: str
    language: str = "en-US"
    engine: str = "auto"
    accent: str | None = None
    voice: str | None = None
    speed: float = 1.0
    pitch: float = 0.0
    pause_ms: int = 0
    paragraph_ms: int = 400
    loudness: float | None = DEFAULT_LOUDNESS_LUFS
    trim: bool = True
    format: str = "mp3"
    title: str = ""
    dictionary: tuple[tuple[str, str], ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain data that survives JSON."""
        return asdict(self) | {"dictionary": [list(pair) for pair in self.dictionary]}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> SpeechRequest:
        """The inverse of `as_dict`; unknown keys of newer versions are left out."""
        known = {field.name for field in fields(cls)}
        kept = {key: value for key, value in data.items() if key in known}
        kept["dictionary"] = tuple((str(word), str(spoken)) for word, spoken in kept.get("dictionary", ()))
        return cls(**kept)


@dataclass(frozen=True)
class Part:
    """A stretch of cleaned text that is spoken in one go, and the silence after it in seconds."""

    text: str
    pause_after_s: float = 0.0


@dataclass(frozen=True)
class Mark:
    """Which text sounds when, in seconds from the start of the PCM that the engine wrote.

    Attributes:
        start: Seconds.
        end: Seconds.
        text: The word (eSpeak) or piece (gTTS) as it stands in the part.
        part: Index of the Part it belongs to.
    """

    start: float
    end: float
    text: str
    part: int


@dataclass(frozen=True)
class Prosody:
    """How an engine that can should speak: speed as a factor, pitch in semitones."""

    speed: float = 1.0
    pitch: float = 0.0


@dataclass(frozen=True)
class Spoken:
    """What an engine did.

    Attributes:
        rate_hz: Rate of the PCM that it wrote (s16le, mono).
        sample_count: Samples written, silences included.
        marks: In order; they do not overlap.
        requests: Requests sent to a service; 0 for an engine of our own.
        cached: Pieces that came from the session's cache.
        parts_redone: Parts that were spoken a second time, split into sentences, after a crash.
        pitch_left: Semitones of the wanted pitch that lie beyond the reach of an engine with native pitch; still to be done to its
            sound, as for an engine without.
        part_ends: Sample behind each part and the silence after it, so that parts of several texts can be told apart.
    """

    rate_hz: int
    sample_count: int
    marks: tuple[Mark, ...]
    requests: int = 0
    cached: int = 0
    parts_redone: int = 0
    pitch_left: float = 0.0
    part_ends: tuple[int, ...] = ()


# Told how many samples, counted from where the engine began to write, will not change any more, and their rate in Hz. Whoever
# listens reads them from the file while the engine goes on; what it raises ends the speech.
Settled = Callable[[int, int], None]


class PieceCache(Protocol):
    """Bytes of pieces that were fetched before, kept inside one session."""

    def get(self, key: str) -> bytes | None:
        """The bytes stored under `key` (hexadecimal), or None."""
        ...

    def put(self, key: str, data: bytes) -> None:
        """Store bytes; a failure to store is not an error of the speech."""
        ...


class Run(Protocol):
    """What a running synthesis may use: who it is for, and how to report and to stop."""

    @property
    def session_id(self) -> str:
        """For fairness between sessions and for logs."""
        ...

    @property
    def cache(self) -> PieceCache:
        """The session's own cache of pieces."""
        ...

    def progress(self, done: float, total: float) -> None:
        """Report how much is done, in any unit; called often. Raises Cancelled (or a child of it) when the work must stop."""
        ...

    def note(self, sentence: str) -> None:
        """Tell the person who waits something in one sentence, e.g. why it is slow; an empty one takes it back."""
        ...


class SpeechEngine(Protocol):
    """Adapter to one speech library or service. Thread-safe; imports its library on first use, never at module import."""

    @property
    def name(self) -> str:
        """`espeak`, `gtts`, ...; part of voice ids."""
        ...

    @property
    def label(self) -> str:
        """For people: "eSpeak NG"."""
        ...

    @property
    def native(self) -> frozenset[str]:
        """Which of "speed" and "pitch" the engine does itself."""
        ...

    def requests(self, parts: Sequence[Part]) -> int:
        """How many requests to a service `parts` would cost; pure and quick."""
        ...

    def available(self) -> str:
        """Empty when the engine can work here, else the reason in one sentence. No network."""
        ...

    def speak(
        self, parts: Sequence[Part], voice: Voice, prosody: Prosody, out: BinaryIO, run: Run, settled: Settled | None = None
    ) -> Spoken:
        """Speak all parts in order into `out` (raw s16le mono), silence after each as asked.

        Success means that all of the text is in the sound and that the length is plausible for it. With `settled` somebody listens
        while it is spoken: it is told after each part at the latest.

        Raises:
            EngineError: or one of its children; what was written to `out` is then to be thrown away.
            Cancelled: `run.progress` said so.
        """
        ...
