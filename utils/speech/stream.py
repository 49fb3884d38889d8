"""One sound on its way: what an engine has settled is cut at its ends, levelled, changed and encoded at once.

The first seconds decide where the sound begins and how loud it is: one gain for all of it, held lower in a stretch whose peaks
would go over the limit, and changed in the silence between stretches.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Protocol

from utils.audio import edges, effects, loudness
from utils.audio.codec import encode_stream
from utils.audio.pcm import Pcm, PcmFile
from utils.errors import Cancelled
from utils.speech.choose import Choice
from utils.speech.contract import Run, Spoken
from utils.speech.finish import Finish, chains_of, silence, storing

FIRST_S = 8.0  # of sound: enough to measure its loudness to a decibel or so
PIECE_SAMPLES = 8_192  # that the encoder gets at a time: what it makes of them is sent before it gets more
PATIENCE_S = 0.05  # how often somebody who waits looks whether the work must stop


class Outlet(Protocol):
    """Where the sound goes; exactly one of the two is called, once."""

    def begin(self, choice: Choice) -> BinaryIO:
        """Sound of this voice begins: where it is written to, a little at a time. It is closed in the end."""
        ...

    def take(self, choice: Choice, built: Path) -> None:
        """The sound is finished and lies here, in the folder that was given."""
        ...


class _Unwanted(Exception):
    """Nobody wants the sound any more."""


class Stream:
    """Takes what an engine has settled, and in a thread of its own levels it, changes it and encodes it.

    Attributes:
        path: Of the engine's sound.
        outlet: Where ours goes.
        wanted: What is to be done to it; set before the engine speaks.
    """

    wanted: Finish

    def __init__(self, path: Path, choice: Choice, outlet: Outlet, run: Run) -> None:
        self.path = path
        self.outlet = outlet
        self._choice = choice
        self._run = run
        self._changed = threading.Condition()
        self._ready: deque[int] = deque()  # ends of stretches that are settled and not yet looked at
        self._rate_hz = 0
        self._over = self._unwanted = False
        self._failure: BaseException | None = None
        self._thread: threading.Thread | None = None
        self._samples = 0  # that went out, before effects

    @property
    def has_begun(self) -> bool:
        """Something may have been heard: nobody else can speak now."""
        return self._thread is not None

    def settled(self, samples: int, rate_hz: int) -> None:
        """So many samples of the engine's file stay as they are. Raises what went wrong on this side meanwhile."""
        with self._changed:
            self._rate_hz = rate_hz
            if self._thread is None:
                self._ready.clear()  # what the first look is for
            self._ready.append(samples)
            self._changed.notify()
        if self._failure is not None:
            raise self._failure
        if self._thread is None and samples >= FIRST_S * rate_hz and edges.peak(self._sound(0, samples)) > edges.LEAST:
            self._thread = threading.Thread(target=self._encode, name="say", daemon=True)
            self._thread.start()

    def end(self, spoken: Spoken) -> float:
        """The engine has spoken all; wait until all is encoded. The length of the sound in seconds."""
        with self._changed:
            self._ready.append(spoken.sample_count)
            self._over = True
            self._changed.notify()
        thread = self._thread
        while thread is not None and thread.is_alive():
            thread.join(PATIENCE_S)
            self._run.progress(1.0, 1.0)
        if self._failure is not None:
            raise self._failure
        return self._samples / self._rate_hz / self.wanted.speed + self.wanted.lead_s + self.wanted.tail_s

    def close(self) -> None:
        """End the thread, whatever it does."""
        with self._changed:
            self._unwanted = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _encode(self) -> None:
        try:
            with storing(), closing(self.outlet.begin(self._choice)) as out:
                rate_hz = self._rate_hz
                lead, tail = round(self.wanted.lead_s * rate_hz), round(self.wanted.tail_s * rate_hz)
                spoken = effects.apply(self._levelled(), rate_hz, *chains_of(self.wanted))
                encode_stream(chain(silence(lead), spoken, silence(tail)), rate_hz, out, self.wanted.format)
        except _Unwanted:
            self._failure = Cancelled("Nobody listens any more.")
        except BaseException as exc:  # noqa: BLE001 - raised in the engine's thread
            self._failure = exc

    def _sound(self, start: int, stop: int) -> PcmFile:
        return PcmFile(self.path, self._rate_hz, start, stop)

    def _levelled(self) -> Iterator[Pcm]:
        """The sound without silence at its ends, at its level, as it is settled."""
        first = self._sound(0, self._ready[0])
        highest = edges.peak(first)
        level = max(edges.LEAST, round(highest * edges.THRESHOLD))
        at = edges.find(first)[0] if self.wanted.trim else 0
        measured = loudness.measure(first.blocks(), self._rate_hz)
        limit = loudness.PEAK_LIMIT * loudness.FULL_SCALE
        gain = 1.0 if self.wanted.loudness is None else loudness.gain(measured, self.wanted.loudness)
        over = False
        while not over:
            stop, over = self._next()
            stop = self._until(at, stop, level, over=over)
            stretch = self._sound(at, stop)
            at = stop
            loudest = edges.peak(stretch)
            held = min(gain, limit / loudest) if loudest and self.wanted.loudness is not None else gain
            yield from self._told(loudness.amplify(stretch.blocks(), held))

    def _until(self, at: int, stop: int, level: int, *, over: bool) -> int:
        """Up to where the sound may go out: what is silent at its end waits, for nobody knows whether more follows."""
        if not self.wanted.trim:
            return stop
        behind = edges.behind(self._sound(at, stop), level)
        if over:
            behind += round(edges.MARGIN_S * self._rate_hz) if behind else 0
        return min(stop, at + behind)

    def _next(self) -> tuple[int, bool]:
        """Wait for the end of the next settled stretch; whether it is the last one."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._ready) or self._unwanted)
            if self._unwanted:
                raise _Unwanted
            return self._ready.popleft(), self._over and not self._ready

    def _told(self, blocks: Iterable[Pcm]) -> Iterator[Pcm]:
        for block in blocks:
            for start in range(0, len(block), PIECE_SAMPLES):
                if self._unwanted:
                    raise _Unwanted
                piece = block[start : start + PIECE_SAMPLES]
                self._samples += len(piece)
                yield piece
