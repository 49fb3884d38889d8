"""The captions of one recording from its first sample to its end: the loop of a live job."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Protocol

from utils.transcription.captions import TAKE_S, Captions
from utils.transcription.captions_rules import DRAFT, FRESH, WHISPER, Caption, Past, Rules
from utils.transcription.contract import Decoding, Samples

log = logging.getLogger(__name__)
LOOK_S = 0.1  # between two looks for new sound
KEPT_S = 10.0  # of the newest sound, when the rest is skipped


class Source(Protocol):
    """Sound that grows. The first read begins at `Past.settled`."""

    def read_new(self) -> Samples:
        """What has come since the last read, at most a few seconds of it; 16 kHz, mono, float32, -1..1. Empty: nothing new."""
        ...

    def left_s(self) -> float:
        """Seconds that are there and were not read."""
        ...

    def skip(self, seconds: float) -> float:
        """Leave out so much of what was not read; answers the second of the recording at which the next read begins."""
        ...


Sink = Callable[[Caption], None]


def rules_of(engine: str) -> Rules:
    """The rules for an engine by name."""
    return DRAFT if engine == "draft" else WHISPER


def caption(
    source: Source,
    decoding: Decoding,
    sink: Sink,
    *,
    ended: Callable[[], bool],
    check: Callable[[], None],
    language: str = "",
    rules: Rules = WHISPER,
    past: Past = FRESH,
    clock: Callable[[], float] = time.monotonic,
    wait: Callable[[float], object] = time.sleep,
) -> Captions:
    """Follow a recording until it has ended and everything is committed.

    Args:
        source: The sound, from `past.settled` on.
        decoding: Opened with `captions_rules.live_request`; stays the caller's to close.
        sink: Told each change; must have kept it when it returns, for a later `past`.
        ended: No more sound will come; asked before the source is read.
        check: Called ten times a second and after each decoding; raises when the work must stop.
        language: Given, or "" = found out.
        rules: `rules_of(engine.name)`.
        past: What a job that was killed had done, see `captions_file.past_of`.
        clock: Seconds, monotonic.
        wait: Sleeps.

    Returns:
        The captions, for their figures.

    Raises:
        EngineError: The engine failed.
    """
    captions = Captions(decoding, language=language, rules=rules, clock=clock, past=past)
    while True:
        check()
        over = ended()  # before reading: what came before the end is there
        came = _fed(source, captions)
        found = captions.step()
        if found is not None:
            sink(found)
        _hurry(source, captions, sink, rules)
        if not came and not captions.waiting_s:
            if over:
                break
            wait(LOOK_S)
    found = captions.finish()
    if found is not None:
        sink(found)
    return captions


def _fed(source: Source, captions: Captions) -> bool:
    """Read as much as one step takes; whether anything came."""
    came = False
    while captions.waiting_s < TAKE_S:
        new = source.read_new()
        if not len(new):
            break
        captions.feed(new)
        came = True
    return came


def _hurry(source: Source, captions: Captions, sink: Sink, rules: Rules) -> None:
    """Skip sound that waits, if it cannot be caught up with soon."""
    behind_s = source.left_s() + captions.waiting_s
    if behind_s <= rules.behind_s:
        return
    gain = TAKE_S / max(captions.cost_s, 0.01) - 1.0  # seconds won for each second
    if gain > 0 and behind_s / gain <= rules.catch_up_s:
        return
    log.warning("event=captions_skip behind_s=%.0f decode_s=%.1f", behind_s, captions.cost_s)
    found = captions.skip_to(source.skip(max(0.0, source.left_s() - KEPT_S)))
    if found is not None:
        sink(found)
