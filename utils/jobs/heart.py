"""The heart of a worker process: keeps the leases of its running jobs fresh, and watches over jobs that do not listen."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from utils.jobs.leases import Lease
from utils.jobs.records import JobName

log = logging.getLogger(__name__)

TICK_S = 0.5
STUBBORN_S = 1.0  # a job that does not react to cancel for this long is closed over its head
HUNG_S = 1800.0  # without a sign of life from the work itself; engines have time limits of their own, well below


@dataclass
class Pulse:
    """One running job.

    Attributes:
        name: Which.
        lease: What it holds.
        signed_at: Monotonic time of its last sign of life; written by the job's thread.
        told_at: Monotonic time at which its cancellation was noticed here; 0 before.
    """

    name: JobName
    lease: Lease
    signed_at: float = field(default_factory=time.monotonic)
    told_at: float = 0.0


class Heart:
    """Beats for every running job of this process."""

    def __init__(self, lease_s: float, on_stubborn: Callable[[Pulse], None]) -> None:
        """`on_stubborn` is called for a job that does not react to its cancellation."""
        self._every_s = lease_s / 4
        self._on_stubborn = on_stubborn
        self._pulses: list[Pulse] = []
        self._rests_since = time.monotonic()
        self._changed = threading.Condition()

    def start(self) -> None:
        """Begin; ends with the process."""
        threading.Thread(target=self._live, name="heart", daemon=True).start()

    def add(self, pulse: Pulse) -> None:
        """Begin to beat for a job."""
        with self._changed:
            self._pulses.append(pulse)
            self._changed.notify()

    def remove(self, pulse: Pulse) -> None:
        """Stop; once this returns the lease is not touched again, so a release stays a release."""
        with self._changed:
            if pulse in self._pulses:
                self._pulses.remove(pulse)
            self._rests_since = time.monotonic()

    def rests_for_s(self) -> float:
        """Since the last job here ended, or the start; 0 while one runs."""
        with self._changed:
            return 0.0 if self._pulses else time.monotonic() - self._rests_since

    def hung(self) -> int:
        """Jobs here that gave no sign of life for HUNG_S."""
        now = time.monotonic()
        with self._changed:
            return sum(now - pulse.signed_at > HUNG_S for pulse in self._pulses)

    def _live(self) -> None:
        beaten_at = 0.0
        while True:
            with self._changed:
                while not self._pulses:
                    self._changed.wait()
                if time.monotonic() - beaten_at >= self._every_s:
                    beaten_at = time.monotonic()
                    self._beat()
                stubborn = [pulse for pulse in self._pulses if self._is_stubborn(pulse)]
                self._pulses = [pulse for pulse in self._pulses if pulse not in stubborn]
            for pulse in stubborn:
                self._close(pulse)
            time.sleep(min(TICK_S, self._every_s))

    def _beat(self) -> None:
        for pulse in self._pulses:
            if time.monotonic() - pulse.signed_at > HUNG_S:
                continue  # the process lives but the work does not: let the lease go stale
            try:
                pulse.lease.beat()
            except OSError as exc:  # the item is gone, or the disk: the job will find out by itself
                log.info("event=no_heartbeat job=%s cause=%s", pulse.name.logged, type(exc).__name__)

    def _is_stubborn(self, pulse: Pulse) -> bool:
        if not pulse.lease.is_told_to_stop:
            return False
        pulse.told_at = pulse.told_at or time.monotonic()
        return time.monotonic() - pulse.told_at >= STUBBORN_S

    def _close(self, pulse: Pulse) -> None:
        try:
            self._on_stubborn(pulse)
        except Exception as exc:  # noqa: BLE001 - the heart must not stop: other jobs live by it
            log.warning("event=close_failed job=%s cause=%s", pulse.name.logged, type(exc).__name__)
