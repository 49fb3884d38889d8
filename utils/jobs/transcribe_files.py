"""The files of a transcript's item, and the text of work that is not done: what a cancel keeps, what can be read meanwhile.

    transcript.json     the text of run 1; run 2, with other options, makes transcript-2.json, and so on
    transcript-part.json  the text that a cancelled run has left; transcript-part-2.json of run 2
    edits.json          corrections to it; edits-2.json belongs to transcript-2.json, and so on
    partial.jsonl       what the running work has finished; partial-2.jsonl of run 2
    partial.json        what is known of the running work before it ends: engine, model, losses
    player.json         peaks and words for the player

A run never touches the files of another one: which text counts is said by `item.json` alone, which is replaced whole.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from utils.storage.item import Item, ItemFile

if TYPE_CHECKING:
    from utils.transcription.contract import Transcript

HEADER = "partial.json"
PLAYER = "player.json"
LISTEN = "listen.mp3"
TRANSCRIPT_ROLE, OLDER_ROLE, SOURCE_ROLE = "transcript", "older", "source"
INCOMPLETE = "incomplete"  # key in options and result of a text that ends early


def _numbered(stem: str, suffix: str, run: int) -> str:
    return f"{stem}{suffix}" if run == 1 else f"{stem}-{run}{suffix}"


def run_of(request: Mapping[str, Any]) -> int:
    """Which run a request of an item asks for; the first one is 1."""
    return int(request.get("run", 1))


def transcript_name(run: int) -> str:
    """File of a run's text."""
    return _numbered("transcript", ".json", run)


def part_name(run: int) -> str:
    """File of the text that a run has left which was broken off."""
    return _numbered("transcript-part", ".json", run)


def partial_name(run: int) -> str:
    """File in which a run's text grows."""
    return _numbered("partial", ".jsonl", run)


def edits_name(transcript: str) -> str:
    """File of the corrections to the text in the file `transcript`."""
    return transcript.replace("transcript", "edits", 1)


def current(item: Item) -> ItemFile | None:
    """The file of the text that counts, or None while there is none."""
    return item.role(TRANSCRIPT_ROLE)


def result_of(transcript: Transcript, facts: Mapping[str, Any]) -> dict[str, Any]:
    """What the item tells of its text, so that lists need not read it.

    Args:
        transcript: The text.
        facts: `engine_label`, `fallback` and the like, which are not in the text.
    """
    from utils.transcription.contract import SCHEMA

    words = sum(len(segment.words) or len(segment.text.split()) for segment in transcript.segments)
    made: dict[str, Any] = {
        "engine": transcript.engine,
        "engine_label": transcript.model,
        "model": transcript.model,
        "language": transcript.language,
        "language_probability": transcript.language_probability,
        "task": transcript.task,
        "seconds": round(transcript.seconds, 3),
        "speech_s": round(transcript.gate.speech_s, 3),
        "words": words,
        "segments": len(transcript.segments),
        "doubtful": transcript.gate.doubtful,
        "dropped": len(transcript.gate.dropped),
        "losses": [],
        "draft": transcript.is_draft,
        "fallback": "",
        "no_speech": not transcript.segments,
        "schema": SCHEMA,
    }
    if transcript.options.get(INCOMPLETE):
        made[INCOMPLETE] = True
        made["no_speech"] = False
    return made | dict(facts)


def so_far(folder: Path, request: Mapping[str, Any]) -> tuple[Transcript, dict[str, Any]] | None:
    """The text that unfinished work has left in its item, with the facts for `result_of`; None when there is none.

    It is marked: its options carry INCOMPLETE and `done_s`, the place in seconds to which it goes.
    """
    from utils.transcription import partial
    from utils.transcription.contract import RATE_HZ, Transcript

    found = partial.Partial(folder / partial_name(run_of(request))).windows()
    if not found:
        return None
    header, last = read_header(folder), found[-1]
    transcript = Transcript(
        segments=tuple(segment for result in found for segment in result.segments),
        language=last.language,
        language_probability=last.language_probability,
        engine=str(header.get("engine", "")),
        model=str(header.get("model", "")),
        seconds=last.total / RATE_HZ,
        task=str(request.get("task", "transcribe")),
        options=dict(request),
        gate=partial.sum_of([result.gate for result in found]),
        sound=dict(header.get("sound", {})),
    )
    if last.next < last.total:
        done_s = round(last.next / RATE_HZ, 3)
        transcript = replace(transcript, options={**transcript.options, INCOMPLETE: True, "done_s": done_s})
    return transcript, dict(header.get("facts", {}))


def read_header(folder: Path) -> dict[str, Any]:
    """What is known of the running work; {} when nothing is."""
    try:
        found = json.loads((folder / HEADER).read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def transcript_data(transcript: Transcript) -> bytes:
    """The bytes of `transcript.json`."""
    from utils.transcription import transcript_file

    return transcript_file.to_bytes(transcript)


def listed(item: Item, name: str, size_bytes: int, *, more: tuple[ItemFile, ...] = ()) -> tuple[ItemFile, ...]:
    """The item's files once the text in the file `name` counts: that one first."""
    text = ItemFile(name, "application/json", size_bytes, TRANSCRIPT_ROLE)
    replaced = {name, *(file.name for file in more)}
    others = [file for file in item.files if file.name not in replaced and file.role != TRANSCRIPT_ROLE]
    return (text, *more, *others)


def footage(seconds: float) -> str:
    """`M:SS` or `H:MM:SS`, as a place in a recording is told."""
    whole = int(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"
