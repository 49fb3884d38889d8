"""What is written about a job: its name, its record (`job.json`), and how a new one begins."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from utils.errors import AppError
from utils.jobs.contract import NewJob
from utils.storage import names

Record = dict[str, Any]
RECORD = "job.json"


class WorkerDied(AppError):
    """The job's worker process died on it again and again."""

    code = "worker_died"


@dataclass(frozen=True, order=True)
class JobName:
    """Which job: the item that it fills, in its session. Written `<session>~<item>` in markers and queues."""

    session_id: str
    item_id: str

    def __str__(self) -> str:
        return f"{self.session_id}~{self.item_id}"

    @property
    def logged(self) -> str:
        """As logs name it: without the words of the title in the item's id."""
        return names.without_words(str(self))

    @classmethod
    def parse(cls, text: str) -> JobName | None:
        """The inverse of `str`; None for anything else."""
        session_id, _, item_id = text.partition("~")
        return cls(session_id, item_id) if names.is_session_id(session_id) and names.is_item_id(item_id) else None


def new_record(job: NewJob, pool: str, *, priority: int, now: float, base: int = 0) -> Record:
    """A queued job that nobody has tried yet.

    Fields: `base` is the number of the last lease that belongs to an earlier job or try by hand, `lease` the number of the
    attempt that wrote last, `handed_back` how many attempts ended of their own will: tries = lease - base - handed_back.
    `weight` is the size of the work for estimates. `request`, if there, is what the item's request shall become: it was there
    before with another one.
    """
    return {
        "kind": job.kind,
        "pool": pool,
        "title": job.title,
        "cost": job.cost,
        "weight": job.cost if job.weight is None else job.weight,
        "state": "queued",
        "done": 0,
        "total": 0,
        "note": "",
        "error": None,
        "priority": priority,
        "submitted_at": now,
        "started_at": None,
        "ended_at": None,
        "attempt": 0,
        "base": base,
        "lease": base,
        "handed_back": 0,
        "not_before": 0.0,
    }


def encode(record: Record) -> bytes:
    """The record as bytes of `job.json`."""
    return json.dumps(record, ensure_ascii=False).encode()


def decode(data: bytes) -> Record:
    """The inverse of `encode`; {} for anything that is no record."""
    try:
        record = json.loads(data)
    except ValueError:
        return {}
    return record if isinstance(record, dict) and "state" in record else {}
