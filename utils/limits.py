"""Limits of rate: token buckets, one for each key."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

MOST_KEYS = 10_000


@dataclass
class _Bucket:
    tokens: float
    at: float


class Buckets:
    """Lets each key through `burst` times at once, and then `per_s` times a second.

    Args:
        per_s: Tokens a second that come back.
        burst: Most that a key can save up.
        clock: Monotonic seconds.
        most_keys: Beyond this many keys the full buckets are forgotten, and then the fullest.
    """

    def __init__(
        self, per_s: float, burst: float, *, clock: Callable[[], float] = time.monotonic, most_keys: int = MOST_KEYS
    ) -> None:
        self.per_s = per_s
        self.burst = burst
        self._clock = clock
        self._most_keys = most_keys
        self._lock = threading.Lock()
        self._buckets: dict[str, _Bucket] = {}

    def take(self, key: str, tokens: float = 1.0) -> float:
        """Take tokens of a key; 0.0 when they were there, else the seconds until they are (and none is taken)."""
        with self._lock:
            now = self._clock()
            bucket = self._buckets.get(key)
            if bucket is None:
                if len(self._buckets) >= self._most_keys:
                    self._forget(now)
                bucket = self._buckets[key] = _Bucket(self.burst, now)
            bucket.tokens, bucket.at = self._now_in(bucket, now), now
            if bucket.tokens >= tokens:
                bucket.tokens -= tokens
                return 0.0
            return (tokens - bucket.tokens) / self.per_s

    def _now_in(self, bucket: _Bucket, now: float) -> float:
        return min(self.burst, bucket.tokens + max(0.0, now - bucket.at) * self.per_s)

    def _forget(self, now: float) -> None:
        by_fill = sorted(self._buckets, key=lambda key: self._now_in(self._buckets[key], now), reverse=True)
        for key in by_fill[: max(1, self._most_keys // 4)]:
            del self._buckets[key]
