"""What the server does, as text for Prometheus: `/metrics`, for the operator alone. Names no session, no title, no path."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from anyio import to_thread
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from utils.api import problems
from utils.api.readiness import TellsHealth
from utils.errors import AppError
from utils.jobs.ended import Ended, EndedLog
from utils.services import Services
from utils.workflows import operator

if TYPE_CHECKING:
    from prometheus_client.core import Metric

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS_S = (0.1, 0.5, 1, 5, 15, 60, 300, 1800, 7200)
BEARER = "Bearer "


class Metrics:
    """ASGI app of one address. Everybody but the operator is told that there is nothing."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._collector = Collector(services)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        allowed = scope["type"] == "http" and operator.is_operator(self._services, _token(scope))
        if not allowed:
            await problems.NothingHere()(scope, receive, send)
        elif scope["method"] not in ("GET", "HEAD"):
            await problems.wrong_method(["GET", "HEAD"])(scope, receive, send)
        else:
            text = await to_thread.run_sync(self._collector.text)
            await Response(text, media_type=MEDIA_TYPE, headers={"Cache-Control": "no-store"})(scope, receive, send)


def _token(scope: Scope) -> str:
    given = Headers(scope=scope).get("authorization", "")
    return given[len(BEARER) :] if given.startswith(BEARER) else ""


class _Spread:
    """A histogram under way."""

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS_S) + 1)
        self.total = 0.0

    def add(self, value: float) -> None:
        place = next((number for number, bound in enumerate(BUCKETS_S) if value <= bound), len(BUCKETS_S))
        self.counts[place] += 1
        self.total += value

    def buckets(self) -> list[tuple[str, float]]:
        """Cumulative counts by upper bound, as Prometheus wants them."""
        names = [*(f"{bound:g}" for bound in BUCKETS_S), "+Inf"]
        return [(name, float(sum(self.counts[: number + 1]))) for number, name in enumerate(names)]


class Collector:
    """Gathers the figures: what this process counted, what lies on disk, and how jobs ended on every machine."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._lock = threading.Lock()
        self._log = EndedLog(services.sessions.outputs)
        self._states: dict[tuple[str, str, str, str], int] = defaultdict(int)
        self._codes: dict[tuple[str, str, str], int] = defaultdict(int)
        self._waits: dict[tuple[str, str], _Spread] = defaultdict(_Spread)
        self._work_s: dict[tuple[str, str], float] = defaultdict(float)
        self._sound_s: dict[tuple[str, str], float] = defaultdict(float)

    def text(self) -> bytes:
        """All of it in Prometheus' own form."""
        from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, generate_latest

        with self._lock:
            registry = CollectorRegistry(auto_describe=False)
            for make in (ProcessCollector, PlatformCollector, GCCollector):
                make(registry=registry)
            registry.register(self)
            return generate_latest(registry)

    def collect(self) -> Iterator[Metric]:
        """Called by the library."""
        for ended in self._log.news():
            self._count(ended)
        yield from self._requests()
        yield from self._jobs_ended()
        yield from self._now()

    def _count(self, ended: Ended) -> None:
        self._states[ended.machine, ended.pool, ended.kind, ended.state] += 1
        if ended.code:
            self._codes[ended.machine, ended.kind, ended.code] += 1
        self._waits[ended.machine, ended.pool].add(ended.waited_s)
        if ended.sound_s:
            self._work_s[ended.machine, ended.kind] += ended.ran_s
            self._sound_s[ended.machine, ended.kind] += ended.sound_s

    def _requests(self) -> Iterator[Metric]:
        tally = self._services.tally
        labels = ("method", "route", "status")
        yield _counter("sotto_http_requests", "Answers by route.", labels, tally.of("requests").items())
        yield _counter("sotto_v1_callers", "Requests to /v1 by key.", ("key",), tally.of("callers").items())
        yield _counter("sotto_throttled", "Answers of 429 by rate.", ("rate",), tally.of("throttled").items())
        yield _counter("sotto_operator_sign_ins", "Tries of the operator's token.", ("outcome",), tally.of("sign_ins").items())

    def _jobs_ended(self) -> Iterator[Metric]:
        from prometheus_client.core import HistogramMetricFamily

        labels = ("machine", "pool", "kind", "state")
        yield _counter("sotto_jobs_ended", "Jobs that are over, of the kept days.", labels, self._states.items())
        yield _counter("sotto_job_errors", "Failed jobs by code.", ("machine", "kind", "code"), self._codes.items())
        waits = HistogramMetricFamily("sotto_job_wait_seconds", "From submission to first work.", labels=("machine", "pool"))
        for key, spread in self._waits.items():
            waits.add_metric(key, spread.buckets(), spread.total)
        yield waits
        yield _counter("sotto_work_seconds", "Time of work on sound; over sotto_sound_seconds it is the real-time factor.",
                       ("machine", "kind"), self._work_s.items())  # fmt: skip
        yield _counter("sotto_sound_seconds", "Sound made or heard.", ("machine", "kind"), self._sound_s.items())

    def _now(self) -> Iterator[Metric]:
        services = self._services
        if isinstance(services.jobs, TellsHealth):
            health = services.jobs.health().as_dict()
            states = (((pool, state), number) for pool, counts in health["pools"].items() for state, number in counts.items())
            yield _gauge("sotto_jobs_open", "Open jobs.", ("pool", "state"), states)
            workers = (((pool,), number) for pool, number in health["workers"].items())
            yield _gauge("sotto_workers", "Live worker processes on all machines.", ("pool",), workers)
            yield _gauge(
                "sotto_oldest_waiting_seconds", "Age of the job that waits longest.", (), [((), health["oldest_waiting_s"])]
            )
        try:
            disk = operator.disk(services)
            sessions = services.sessions.get_active_session_count()
            last = next((done for done in services.sessions.sweeps(40) if not done.dry_run), None)
        except AppError:
            return  # /readyz says what is wrong with the folder
        yield _gauge("sotto_sessions", "Sessions on disk.", (), [((), sessions)])
        yield _gauge("sotto_disk_free_bytes", "Free space of the outputs folder.", (), [((), disk.free_bytes)])
        yield _gauge("sotto_disk_total_bytes", "Size of the disk that holds it.", (), [((), disk.total_bytes)])
        if last is not None:
            facts = ("removed", "items_removed", "kept", "active", "odd", "errors", "freed_bytes", "seconds")
            values = [((name,), float(getattr(last, name))) for name in facts]
            yield _gauge("sotto_sweep_last", "What the newest sweep did, by any server.", ("fact",), values)
            yield _gauge("sotto_sweep_last_timestamp_seconds", "When it began.", (), [((), last.when)])


def _counter(name: str, about: str, labels: tuple[str, ...], values: Iterable[tuple[tuple[str, ...], float]]) -> Metric:
    from prometheus_client.core import CounterMetricFamily

    family = CounterMetricFamily(name, about, labels=labels)
    for key, value in values:
        family.add_metric(key, value)
    return family


def _gauge(name: str, about: str, labels: tuple[str, ...], values: Iterable[tuple[tuple[str, ...], float]]) -> Metric:
    from prometheus_client.core import GaugeMetricFamily

    family = GaugeMetricFamily(name, about, labels=labels)
    for key, value in values:
        family.add_metric(key, value)
    return family
