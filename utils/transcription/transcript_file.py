"""`transcript.json`: a transcript on disk, with its version, bounded in size, checked when it is read."""

from __future__ import annotations

import hashlib
import json
import math
import os
from pathlib import Path
from typing import Any

from utils.errors import Conflict, NotFound, StoreUnavailable
from utils.transcription.contract import SCHEMA, Segment, Transcript, Word
from utils.transcription.plain_json import read_json

NAME = "transcript.json"
MAX_BYTES = 128 * 2**20  # a day of speech takes about 25 MB
_DAMAGED = "This transcript is damaged and cannot be read."
_HINT = "Transcribe the recording again."
_MOST = 2**53


def to_bytes(transcript: Transcript) -> bytes:
    """The file; numbers that are none (an engine's slip) are written as null."""
    try:
        return _dumped(vars(transcript))
    except ValueError:
        return _dumped(_finite(transcript.as_dict()))


def from_bytes(data: bytes) -> Transcript:
    """The inverse of `to_bytes`.

    Raises:
        Conflict: The bytes are no transcript, damaged, over MAX_BYTES or of a newer version.
    """
    plain = read_json(data, MAX_BYTES, SCHEMA, _DAMAGED, _HINT)
    try:
        if not isinstance(plain["segments"], list):
            raise Conflict(_DAMAGED, _HINT)
        transcript = Transcript.from_dict(plain)
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise Conflict(_DAMAGED, _HINT) from exc
    if not _is_sound(transcript):
        raise Conflict(_DAMAGED, _HINT)
    return transcript


def load(path: Path) -> Transcript:
    """From disk.

    Raises:
        NotFound: There is no such file.
        Conflict: As `from_bytes`.
    """
    return from_bytes(read(path))


def read(path: Path) -> bytes:
    """The file's bytes, never more than are allowed.

    Raises:
        NotFound: There is no such file.
        Conflict: It is over MAX_BYTES.
    """
    try:
        with path.open("rb") as file:
            size_bytes = os.fstat(file.fileno()).st_size
            data = file.read() if size_bytes <= MAX_BYTES else b""
    except OSError as exc:
        raise NotFound("There is no transcript here.", "It may have been removed, or is not finished yet.") from exc
    if size_bytes > MAX_BYTES:
        raise Conflict(_DAMAGED, _HINT)
    return data


def save(path: Path, transcript: Transcript) -> None:
    """Write into a folder that only this job uses; whole or not at all. Publishing is the store's work.

    Raises:
        StoreUnavailable: The disk is full or refuses.
    """
    temporary = path.with_name(f".tmp-{path.name}")
    try:
        temporary.write_bytes(to_bytes(transcript))
        os.replace(temporary, path)
    except OSError as exc:
        temporary.unlink(missing_ok=True)
        raise StoreUnavailable("The transcript could not be written to the disk.", "Free some space and try again.") from exc


def digest(data: bytes) -> str:
    """Short name of exactly these bytes, for `EditFile.base`."""
    return hashlib.sha256(data).hexdigest()[:32]


def _dumped(plain: dict[str, Any]) -> bytes:
    # `vars` of frozen dataclasses instead of `asdict`: 20 times quicker for a long interview. Lone surrogates become "?".
    text = json.dumps(plain, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=vars)
    return text.encode("utf-8", "replace")


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return value


def _is_sound(transcript: Transcript) -> bool:
    """Types as promised: what is read here is used without further looks."""
    gate = transcript.gate
    texts = [transcript.language, transcript.engine, transcript.model, transcript.task]
    numbers = [transcript.seconds, gate.checked, gate.again, gate.doubtful, gate.speech_s]
    for part in gate.dropped:
        texts.append(part.reason)
        numbers += (part.start, part.end, part.words)
    return (
        all(isinstance(text, str) for text in texts)
        and all(map(_is_number, numbers))
        and _is_score(transcript.language_probability)
        and isinstance(transcript.options, dict)
        and isinstance(transcript.sound, dict)
        and all(map(_is_segment, transcript.segments))
    )


def _is_segment(segment: Segment) -> bool:
    scores = (segment.avg_logprob, segment.no_speech_prob, segment.compression_ratio, segment.temperature)
    return (
        isinstance(segment.text, str)
        and isinstance(segment.language, str)
        and isinstance(segment.doubt, str)
        and _is_number(segment.start)
        and _is_number(segment.end)
        and all(map(_is_score, scores))
        and all(map(_is_word, segment.words))
    )


def _is_word(word: Word) -> bool:
    return isinstance(word.text, str) and _is_number(word.start) and _is_number(word.end) and _is_score(word.probability)


def _is_score(value: object) -> bool:
    return value is None or _is_number(value)


def _is_number(value: object) -> bool:
    """JSON can hold `1e999` and whole numbers of any size; no time or score is like that."""
    return (isinstance(value, float) and math.isfinite(value)) or (type(value) is int and abs(value) <= _MOST)
