"""JSON in the shape of OpenAI's `verbose_json`, with all that only we know under `sotto`."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

from utils.transcription.contract import Segment, Transcript
from utils.transcription.cue_atoms import milliseconds
from utils.transcription.cues import CueSheet
from utils.transcription.formats_notes import joined, notes, one_line

_FRAMES_A_SECOND = 100  # of Whisper's `seek`


def verbose_json(transcript: Transcript, sheet: CueSheet) -> bytes:
    """One object: task, language, duration, text, segments, words; and `sotto` with doubts, gate, cues and their report."""
    texts = [one_line(segment.text) for segment in transcript.segments]
    data = {
        "task": transcript.task,
        "language": transcript.language,
        "duration": _seconds(transcript.seconds),
        "text": joined(texts),
        "segments": [_segment(number, segment, texts[number]) for number, segment in enumerate(transcript.segments)],
        "words": [
            {
                "word": one_line(word.text),
                "start": _seconds(word.start),
                "end": _seconds(max(word.start, word.end)),
                "probability": _known(word.probability),
            }
            for segment in transcript.segments
            for word in segment.words
        ],
        "sotto": _ours(transcript, sheet),
    }
    try:
        return _dumped(data)
    except ValueError:  # lone surrogates, numbers that are none
        return _dumped(_writable(data))


def _dumped(data: dict[str, Any]) -> bytes:
    return json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _segment(number: int, segment: Segment, text: str) -> dict[str, Any]:
    return {
        "id": number,
        "seek": int(_seconds(segment.start) * _FRAMES_A_SECOND),
        "start": _seconds(segment.start),
        "end": _seconds(max(segment.start, segment.end)),
        "text": text,
        "tokens": [],
        "temperature": _known(segment.temperature) or 0.0,
        "avg_logprob": _known(segment.avg_logprob),
        "compression_ratio": _known(segment.compression_ratio),
        "no_speech_prob": _known(segment.no_speech_prob),
    }


def _ours(transcript: Transcript, sheet: CueSheet) -> dict[str, Any]:
    return {
        "schema": transcript.schema,
        "engine": transcript.engine,
        "model": transcript.model,
        "draft": transcript.is_draft,
        "notes": notes(transcript),
        "language_probability": _known(transcript.language_probability),
        "doubts": {str(number): segment.doubt for number, segment in enumerate(transcript.segments) if segment.doubt},
        "gate": asdict(transcript.gate),
        "sound": transcript.sound,
        "options": transcript.options,
        "cues": [{"start": cue.start, "end": cue.end, "text": cue.text} for cue in sheet.cues],
        "report": sheet.report.as_dict(),
    }


def _seconds(at_s: float) -> float:
    """From whole milliseconds, like every other format."""
    return milliseconds(at_s) / 1000


def _known(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _writable(value: Any) -> Any:
    """What JSON cannot write (lone surrogates, numbers that are none) left out; options and gate come from elsewhere."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "ignore").decode()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {_writable(str(key)): _writable(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_writable(each) for each in value]
    return value
