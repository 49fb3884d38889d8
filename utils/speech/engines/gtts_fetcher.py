"""One piece of text -> its sound: from the session's cache, or from Google with a turn of the governor and bounded retries."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING

from utils.speech.contract import PieceCache
from utils.speech.engines.gtts_client import Failed, GoogleClient, Kind
from utils.speech.engines.gtts_governor import SLICE_S, Governor, in_words
from utils.speech.engines.gtts_voices import Speaker

if TYPE_CHECKING:
    from utils.audio.pcm import Pcm

_log = logging.getLogger(__name__)

WAITS_S = (0.5, 1.5, 4.0, 8.0)  # before the second, third, ... try
LONGEST_ASKED_S = 30.0  # bound of a Retry-After that came with a 5xx
MOST_BUSY = 6  # tries of one piece that were answered with 429; the governor's pauses grow meanwhile
TRIES = {Kind.NO_CONNECTION: 5, Kind.FAULT: 4, Kind.NO_SOUND: 3, Kind.BUSY: MOST_BUSY, Kind.FINAL: 1}
FIRST_TRIES = 2  # of NO_CONNECTION while nothing has come yet: whoever waits for another engine should not wait long


class Stopped(Exception):
    """The speech that wanted this piece has ended; never leaves the gTTS engine."""


@dataclass(frozen=True)
class Means:
    """What fetching needs, shared by all speeches of a process.

    Attributes:
        client: Sends.
        governor: Says when.
        sleep: Rests between two tries.
        endpoint: Part of the cache's key: another server may speak differently.
        patience_s: Longest pause asked by Google that is waited for.
    """

    client: GoogleClient
    governor: Governor
    sleep: Callable[[float], None]
    endpoint: str
    patience_s: float


class Fetcher:
    """Fetches the pieces of one speech; called from several threads.

    Attributes:
        requests: Sent so far, tries included.
        cached: Pieces that needed none: from the cache, or the same as one under way.
    """

    def __init__(self, means: Means, speaker: Speaker, session_id: str, cache: PieceCache) -> None:
        self._means = means
        self._speaker = speaker
        self._session_id = session_id
        self._cache = cache
        self._version = metadata.version("gTTS")
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._reached = False
        self._resting: dict[int, float] = {}  # thread -> length of its wait in seconds
        self.requests = 0
        self.cached = 0

    def stop(self) -> None:
        """Let every thread that waits for a turn or a try end soon; what is on the wire ends by its time-outs."""
        self._stopped.set()

    def sound(self, piece: str) -> Pcm:
        """The samples of one piece at `gtts_sound.RATE_HZ`.

        Raises:
            EngineError: No sound after all tries.
            Stopped: Nobody wants it any more.
        """
        from utils.speech.engines.gtts_sound import read_sound

        key = cache_key(self._speaker, piece, self._means.endpoint, self._version)
        kept = self._cache.get(key)
        if kept is not None:
            try:
                samples = read_sound(kept, piece)
            except Failed:
                pass  # a damaged file in the cache: fetch it again, it is replaced
            else:
                self.count_cached()
                return samples
        mp3, samples = self._fetch(piece)
        self._check()
        self._cache.put(key, mp3)
        return samples

    def count_cached(self) -> None:
        """One more piece that needed no request."""
        with self._lock:
            self.cached += 1

    def trouble(self) -> str:
        """One sentence for the person who waits, or empty when all goes well."""
        pause_s = self._means.governor.pause_s()
        if pause_s >= 1:
            return f"Google asked us to slow down; going on in {in_words(_stepped(pause_s))}."
        with self._lock:
            rest_s = max(self._resting.values(), default=0.0)
        return f"Google's speech service did not answer properly; trying again after {in_words(rest_s)}." if rest_s >= 1 else ""

    def _fetch(self, piece: str) -> tuple[bytes, Pcm]:
        from utils.speech.engines.gtts_sound import read_sound

        attempt = 0
        while True:
            attempt += 1
            try:
                mp3 = self._ask(piece)
                samples = read_sound(mp3, piece)
                self._reached = True
                return mp3, samples
            except Failed as failed:
                _log.info("session %s: gTTS request failed: %s, try %d", self._session_id, failed.kind.value, attempt)
                most = TRIES[failed.kind]
                if failed.kind is Kind.NO_CONNECTION and not self._reached:
                    most = FIRST_TRIES
                if attempt >= most:
                    raise (self._means.governor.busy() if failed.kind is Kind.BUSY else failed.error) from failed
                if failed.kind is not Kind.BUSY:  # there the governor holds us back
                    asked_s = min(failed.asked_s or 0.0, LONGEST_ASKED_S)
                    self._rest(max(asked_s, WAITS_S[min(attempt, len(WAITS_S)) - 1]))

    def _ask(self, piece: str) -> bytes:
        """One request, with the governor told how it went."""
        governor = self._means.governor
        with governor.turn(self._session_id, self._check, self._means.patience_s) as turn:
            self._check()
            with self._lock:
                self.requests += 1
            try:
                mp3 = self._means.client.fetch(piece, self._speaker)
            except Failed as failed:
                if failed.kind is Kind.BUSY:
                    governor.slow_down(turn, failed.asked_s)
                raise
            governor.answered(turn)
            return mp3

    def _rest(self, seconds: float) -> None:
        """Wait before another try, in slices, so that a stop is noticed."""
        me = threading.get_ident()
        with self._lock:
            self._resting[me] = seconds
        try:
            while seconds > 0:
                self._check()
                self._means.sleep(min(seconds, SLICE_S))
                seconds -= SLICE_S
        finally:
            with self._lock:
                del self._resting[me]

    def _check(self) -> None:
        if self._stopped.is_set():
            raise Stopped


def cache_key(speaker: Speaker, piece: str, endpoint: str, version: str) -> str:
    """Over everything that changes the sound; speed and pitch are no part of it, for they are applied afterwards."""
    slow = False
    parts = ["gtts", version, endpoint, speaker.language, speaker.tld, slow, piece]
    return hashlib.sha256(json.dumps(parts).encode("ascii")).hexdigest()


def _stepped(seconds: float) -> float:
    """In steps of 10 s while it is long, so that a note is not rewritten all the time."""
    return seconds if seconds <= 10 else -(-seconds // 10) * 10.0
