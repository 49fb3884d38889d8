"""What jobs can do: the registry. A kind's own module imports engines late, when the first job of that kind runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from utils.jobs.batch_kind import run_batch
from utils.jobs.check_kind import CHECK, follows_batch, run_check
from utils.jobs.live_kind import LIVE, LIVE_POOL, RECORD, follows_live, follows_record, run_live, run_record, telling
from utils.jobs.say_kind import run_say
from utils.jobs.speech_kind import run_speech
from utils.jobs.transcribe_kind import run_transcribe
from utils.settings import AUTO, Settings

if TYPE_CHECKING:
    from utils.jobs.context import Context

Work = Callable[["Context"], None]


@dataclass(frozen=True)
class Kind:
    """One sort of job.

    Attributes:
        pool: Which workers run it: `speech`, `transcribe` or `live`.
        run: Does it. It calls `context.progress` often, and lets what that raises pass.
        resumable: It keeps checkpoints and goes on from them, so a time slice may end it in favour of others.
        slice_s: Its own time slice, or None for the worker's.
        gives_way: It stops and goes on cheaply, so it makes room at once for sessions whose work has not had a turn yet.
        follow: Asked when it is done: the kind as which the same job goes on, or "" if that was all.
    """

    pool: str
    run: Work
    resumable: bool = False
    slice_s: float | None = None
    gives_way: bool = False
    follow: Callable[[Context], str] | None = None


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "speech": Kind("speech", run_speech),
        "sample": Kind("speech", run_speech),
        "say": Kind("speech", run_say),
        "batch": Kind("speech", run_batch, resumable=True, slice_s=60.0, gives_way=True, follow=follows_batch),
        CHECK: Kind("transcribe", run_check, resumable=True, gives_way=True),
        "transcribe": Kind("transcribe", telling(run_transcribe, last=True), resumable=True, gives_way=True),
        LIVE: Kind(LIVE_POOL, run_live, resumable=True, follow=follows_live),
        RECORD: Kind("speech", telling(run_record, last=False), follow=follows_record),
    }
)


def pools_of(kinds: Mapping[str, Kind]) -> tuple[str, ...]:
    """The pools that these kinds need."""
    return tuple(sorted({kind.pool for kind in kinds.values()}))


def threads_of(settings: Settings) -> dict[str, int]:
    """How many threads this machine's worker of each pool has; of the pool `live` at least, before it was measured."""
    live = 1 if settings.live_workers == AUTO else settings.live_workers
    return {"speech": settings.speech_workers, "transcribe": settings.transcribe_workers, LIVE_POOL: live}
