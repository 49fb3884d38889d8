"""The merged track of a batch: made when all rows were tried, made anew when any of them has changed since."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any

from utils.jobs.batch_work import BatchWork
from utils.speech import track, track_layout
from utils.speech.track_layout import Placed, TrackRow
from utils.storage.batch_ledger import read_cues
from utils.storage.batch_log import RowResult
from utils.storage.item import ItemFile
from utils.subtitles import Cue

STEM = "merged"
BYTES_A_SECOND = 9_000  # of M4B and MP3, about
NOTE_STEPS = 20
MEDIA_TYPES = {".m4b": "audio/mp4", ".mp3": "audio/mpeg", ".srt": "application/x-subrip", ".vtt": "text/vtt"}
FORM = 1  # of the track; another number, and old ones are made anew


def merge(work: BatchWork) -> None:
    """Make the merged track if the batch shall have one and has not. It is made in one piece: what stops it begins anew."""
    rows = _rows(work)
    if not work.options.merged or not rows:
        return
    context, options = work.context, work.options
    lay_out = track_layout.at_their_times if options.timed else track_layout.one_after_another
    placed = lay_out(rows, options.gap_ms / 1000)
    key = _key(work, rows)
    if context.item.result.get("merged", {}).get("key") == key and all(
        (work.folder / file.name).is_file() for file in context.item.files
    ):
        return
    context.sessions.check_quota(context.session_id, round(placed[-1].end * BYTES_A_SECOND))
    with context.scratch() as scratch:
        made = track.merge(
            placed,
            scratch,
            STEM,
            options.merged,
            title=context.item.title,
            cues_of=lambda number: _cues(work, number),
            report=lambda part: _report(work, part),
        )
        context.publish_all({name: scratch / name for name, _ in made.files})
    context.note("")
    _flag(work, placed)
    files = [ItemFile(name, MEDIA_TYPES[name[-4:]], (work.folder / name).stat().st_size, role) for name, role in made.files]
    facts = {"key": key, "seconds": round(made.seconds, 3), "rows": len(rows), "over": sum(one.over_s > 0 for one in placed)}
    context.finish({**context.item.result, "merged": facts}, files)


def _rows(work: BatchWork) -> list[TrackRow]:
    rows = []
    for row in work.rows:
        result = work.progress.results.get(row.number)
        if result is not None and result.state == "done":
            title = work.request_of(row).title or row.name
            path = work.folder / result.file
            rows.append(TrackRow(row.number, title, path, result.seconds, result.engine, row.start, row.end))
    return rows


def _key(work: BatchWork, rows: Sequence[TrackRow]) -> str:
    """What the track depends on, in one word."""
    results = work.progress.results
    told: list[Any] = [FORM, work.options.as_dict(), work.context.item.title]
    told += [[asdict(row) | {"path": row.path.name}, results[row.number].wish, results[row.number].attempts] for row in rows]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def _cues(work: BatchWork, number: int) -> Iterator[Cue]:
    at = work.progress.results[number].cues_at
    if at is not None:
        yield from (Cue(*cue) for cue in read_cues(work.folder, at))


def _report(work: BatchWork, part: float) -> None:
    work.context.stay()
    percent = int(part * NOTE_STEPS) * 100 // NOTE_STEPS
    work.context.note(f"The rows are being put together into one track: {percent} %.")


def _flag(work: BatchWork, placed: Sequence[Placed]) -> None:
    """Write into the results which rows were sped up or run over their times."""
    changed: list[RowResult] = []
    for one in placed:
        result = work.progress.results[one.row.number]
        flagged = replace(result, over_s=round(one.over_s, 3), faster=round(one.faster, 4))
        if flagged != result:
            changed.append(flagged)
    work.write_down({}, changed)
