"""What a transcript is and what an engine owes: requests, words, segments, reports, and the TranscriptionEngine protocol.

Engines get arrays of samples, never a path: strangers' files are decoded elsewhere, in a limited child process. An engine
decodes one window of at most 20 minutes at a time; cutting a recording into windows, judging what came out (the gate) and
keeping it on disk is done above the engines, in `transcribe` and `gate`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 16_000  # what every engine hears, one channel
SCHEMA = 1  # of transcript.json
TASKS = ("transcribe", "translate")
ENGINES = ("auto", "whisper", "draft")
DOUBTFUL_BELOW = 0.5  # probability of a word under which it is worth a second look, in the page as in documents

Samples = NDArray[np.float32]  # one dimension, -1..1, finite, RATE_HZ
Progress = Callable[[float, float], None]  # seconds of sound done, of total; raises when the work must stop


@dataclass(frozen=True)
class Word:
    """A timed word.

    Attributes:
        start: Seconds from the beginning of the recording.
        end: Seconds.
        text: As written, with the space before it where the language writes one: joined words are the segment's text.
        probability: 0 to 1, or None where the engine cannot tell.
    """

    start: float
    end: float
    text: str
    probability: float | None = None


@dataclass(frozen=True)
class Segment:
    """The engine's stretch of text.

    Attributes:
        start: Seconds from the beginning of the recording.
        end: Seconds.
        text: Without space at its ends.
        words: In order; empty where word times were not asked for.
        language: BCP 47 tag as Whisper knows it, or "".
        avg_logprob: Mean log probability of its tokens (batched: of its whole chunk), or None.
        no_speech_prob: The engine's own doubt that there was speech, or None.
        compression_ratio: UTF-8 bytes over zlib bytes of the text, or None.
        temperature: At which it was decoded, or None.
        doubt: Why it may be wrong, a key of `gate.REASONS`, or "".
    """

    start: float
    end: float
    text: str
    words: tuple[Word, ...] = ()
    language: str = ""
    avg_logprob: float | None = None
    no_speech_prob: float | None = None
    compression_ratio: float | None = None
    temperature: float | None = None
    doubt: str = ""


@dataclass(frozen=True)
class Span:
    """A stretch of sound, in seconds."""

    start: float
    end: float


@dataclass(frozen=True)
class Dropped:
    """Text that was left out because there was no voice where it claimed to be.

    Attributes:
        start: Seconds.
        end: Seconds.
        reason: A key of `gate.REASONS`.
        words: How many.
    """

    start: float
    end: float
    reason: str
    words: int


@dataclass(frozen=True)
class GateReport:
    """What the gate did.

    Attributes:
        checked: Stretches that were looked at.
        again: How many of them were decoded a second time.
        doubtful: Segments that were kept and marked.
        dropped: What was left out, and where.
        speech_s: Seconds that hold speech; 0 means "no speech".
    """

    checked: int = 0
    again: int = 0
    doubtful: int = 0
    dropped: tuple[Dropped, ...] = ()
    speech_s: float = 0.0


@dataclass(frozen=True)
class TranscriptionRequest:
    """What somebody asked for; kept in the item, so that it can be asked again with changes.

    Attributes:
        language: A language that Whisper knows (`en`, `de`, ...), or "" = detect.
        task: `transcribe`, or `translate` (speech in any language -> English text).
        engine: `auto`, `whisper` or `draft`.
        model: A size, hub name or folder that the server offers; "" = WHISPER_MODEL.
        prompt: Text that sets style and spelling; with `hotwords` at most MAX_HINT_TOKENS tokens.
        hotwords: Names and terms that are likely to occur.
        vad: Leave out what the voice detector calls no speech.
        batch: Decode several chunks at once (fast); False = one after the other.
        word_timestamps: Times for each word.
        beam_size: 1 to 10.
        temperature: 0 to 1, at which decoding begins; Whisper itself goes up from there where the text fails its checks.
        multilingual: The language may change inside the recording.
        track: Number of the audio track, 0 = the first; None = the default one.
        preset: Subtitle preset that is shown first, a key of `presets.PRESETS`.
        keep_source: False = forget the recording when the text is there.
        title: For people; empty means the file's name.
        reference: What should have been said, for a check by transcribing; "" = none.
        short: Whisper may hear windows shorter than 30 s, which takes half the time; for captions.
    """

    language: str = ""
    task: str = "transcribe"
    engine: str = "auto"
    model: str = ""
    prompt: str = ""
    hotwords: str = ""
    vad: bool = True
    batch: bool = True
    word_timestamps: bool = True
    beam_size: int = 5
    temperature: float = 0.0
    multilingual: bool = False
    track: int | None = None
    preset: str = "netflix"
    keep_source: bool = True
    title: str = ""
    reference: str = ""
    short: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Plain data that survives JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> TranscriptionRequest:
        """The inverse of `as_dict`; unknown keys (newer versions, `source`) are left out."""
        known = {known.name for known in fields(cls)}
        return cls(**{key: value for key, value in data.items() if key in known})


@dataclass(frozen=True)
class Transcript:
    """All that is known about a recording's words; everything else is rendered from it.

    Attributes:
        segments: In order of time.
        language: As given or found, or "" when there was no speech.
        language_probability: 0 to 1, None when the language was given.
        engine: `whisper` or `draft`.
        model: Its name for people.
        seconds: Length of the decoded sound.
        task: One of TASKS.
        options: The request, plain data.
        gate: What the gate did.
        sound: `audio.recording.SoundReport` as plain data: losses, gaps, bad packets.
        schema: Version of this form.
    """

    segments: tuple[Segment, ...]
    language: str
    language_probability: float | None
    engine: str
    model: str
    seconds: float
    task: str = "transcribe"
    options: dict[str, Any] = field(default_factory=dict)
    gate: GateReport = GateReport()
    sound: dict[str, Any] = field(default_factory=dict)
    schema: int = SCHEMA

    @property
    def text(self) -> str:
        """The segments' texts, one a line."""
        return "\n".join(segment.text for segment in self.segments)

    @property
    def is_draft(self) -> bool:
        """Made by the built-in draft engine."""
        return self.engine == "draft"

    def as_dict(self) -> dict[str, Any]:
        """Plain data for `transcript.json`."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Transcript:
        """The inverse of `as_dict`; fields of newer versions are left out."""
        kept = {known.name: data[known.name] for known in fields(cls) if known.name in data}
        kept["segments"] = tuple(segment_from(entry) for entry in kept["segments"])
        gate = dict(kept.get("gate") or {})
        gate["dropped"] = tuple(Dropped(**entry) for entry in gate.get("dropped", ()))
        kept["gate"] = GateReport(**gate)
        return cls(**kept)


def segment_from(data: dict[str, Any]) -> Segment:
    """The inverse of `dataclasses.asdict` of a segment."""
    kept = {known.name: data[known.name] for known in fields(Segment) if known.name in data}
    kept["words"] = tuple(Word(**word) for word in kept.get("words", ()))
    return Segment(**kept)


@dataclass(frozen=True)
class LanguageGuess:
    """The language of a window and how sure the engine is, 0 to 1."""

    language: str
    probability: float


@dataclass(frozen=True)
class ModelInfo:
    """What is loaded.

    Attributes:
        name: For people, e.g. "Whisper base" or the folder's name; never a path.
        multilingual: It knows more than English.
        can_translate: It was trained for the task `translate` (not so: turbo, distilled and English-only models).
        languages: Tags that it knows.
        device: `cpu` or `cuda`.
        compute_type: As CTranslate2 names it, or "".
        note: One sentence for the operator, e.g. why the CPU was taken; or "".
    """

    name: str
    multilingual: bool
    can_translate: bool
    languages: tuple[str, ...]
    device: str = "cpu"
    compute_type: str = ""
    note: str = ""


class Decoding(Protocol):
    """One job's use of an engine; times in what it answers count from the beginning of the samples given."""

    @property
    def model(self) -> ModelInfo:
        """What is loaded."""
        ...

    def speech(self, samples: Samples) -> list[Span]:
        """Where the voice detector hears speech, in order. Flat memory up to 20 minutes. Also asked while `decode` is at work."""
        ...

    def detect(self, samples: Samples) -> LanguageGuess:
        """Language of at most 30 s of sound."""
        ...

    def decode(self, samples: Samples, spans: Sequence[Span], language: str) -> Iterator[Segment]:
        """Text of the spans, in the way that the request asks for (batched or sequential); lazily, in order of time.

        Args:
            samples: One window.
            spans: The stretches to decode; each at most 30 s.
            language: Given or detected; "" only for a multilingual request.
        """
        ...

    def again(self, samples: Samples, language: str) -> list[Segment]:
        """One suspect stretch (at most 30 s) alone: sequentially, with the temperature list, thresholds and word times."""
        ...

    def close(self) -> None:
        """Give back what the job used; the model stays loaded for the next one."""
        ...


class TranscriptionEngine(Protocol):
    """Adapter to one transcription library; made once a worker process, used by several threads."""

    @property
    def name(self) -> str:
        """`whisper` or `draft`."""
        ...

    def problem(self, request: TranscriptionRequest) -> str:
        """Why this engine cannot do it (no model here and the hub cannot be reached, ...), one sentence; "" = it can.

        Cheap and without loading the model; the hub is not asked twice within a minute.
        """
        ...

    def open(self, request: TranscriptionRequest, *, note: Callable[[str], None], check: Callable[[], None]) -> Decoding:
        """Fetch and load what is needed, test it on first use, and begin a job.

        Args:
            request: The options of the job; what cannot work with the model raises BadInput.
            note: Told in a sentence what takes long, e.g. bytes fetched of the model.
            check: Called often while fetching; raises when the job must stop.

        Raises:
            EngineUnreachable: The model cannot be had; the sentence says why.
            BadInput: An option cannot work with this model.
        """
        ...
