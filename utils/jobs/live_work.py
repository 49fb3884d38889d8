"""One attempt at the captions of a recording: its growing sound in, lines of captions.jsonl out."""

from __future__ import annotations

import errno
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from utils.errors import NotFound
from utils.jobs.context import Context, LeaseLost
from utils.jobs.live_kind import ABANDONED_S
from utils.jobs.live_sound import LiveSound
from utils.storage.chunks import confirmed
from utils.storage.live_facts import LiveFacts
from utils.storage.recordings import ABOUT, CAPTIONS
from utils.transcription.contract import TranscriptionEngine

if TYPE_CHECKING:
    from utils.transcription.captions_rules import Caption

FACTS_EVERY_S = 0.2
SHOW_EVERY_S = 5.0


class LiveWork:
    """What an attempt works with."""

    def __init__(self, context: Context, clock: Callable[[], float] = time.monotonic) -> None:
        """Look at the recording.

        Args:
            context: Of the job.
            clock: Seconds, monotonic.
        """
        self.context = context
        self._clock = clock
        self._place = (context.session_id, context.item.id)
        self._home: Path = context.sessions.item_path(*self._place)
        self._facts: LiveFacts = context.sessions.recording(*self._place)
        self._began = self._looked_at = self._shown_at = clock()

    def run(self) -> None:
        """Follow the recording to its end."""
        from utils.transcription import captions_file, captions_rules, captions_run, engines

        context, settings = self.context, self.context.settings
        if not self._facts.captions:
            return
        known = context.shared.once("transcription_engines", lambda: engines.build(settings, live=True))
        request = captions_rules.live_request(self._facts.language, model=settings.live_model)
        engine, why = engines.choose(known, settings, request)
        decoding = engine.open(request, note=context.note, check=self._check)
        try:
            self._tell_who(engine, decoding.model.name, why)
            context.note(why)
            with self._lines() as lines:
                past = captions_file.past_of(captions_file.captions_of(self._home / CAPTIONS))  # of our copy
                with self._sound(past.settled) as sound:
                    captions_run.caption(
                        sound,
                        decoding,
                        lambda caption: self._keep(lines, caption),
                        ended=lambda: sound.is_over,
                        check=self._check,
                        language=self._facts.language,
                        rules=captions_run.rules_of(engine.name),
                        past=past,
                    )
        finally:
            decoding.close()

    @contextmanager
    def _sound(self, begin_s: float) -> Iterator[LiveSound]:
        """The samples as they come; those of WebM by way of a limited child, from the beginning in each attempt."""
        facts, home = self._facts, self._home

        def arrived() -> int:
            return confirmed(home, facts.sound)

        if facts.format == "pcm_s16le":
            with LiveSound(home / facts.sound, facts.sample_rate, begin_s, there_bytes=arrived, ended=self._ended) as sound:
                yield sound
            return
        from utils.audio.growing import RATE_HZ, Growing

        most_s = self.context.settings.live_max_hours * 3600 + 60
        with self.context.scratch() as scratch:
            pcm = scratch / "decoded"
            with Growing(home / facts.sound, pcm, arrived=arrived, ended=self._ended, max_seconds=most_s) as growing:
                decoded = LiveSound(
                    pcm, RATE_HZ, begin_s, there_bytes=lambda: pcm.stat().st_size, ended=lambda: self._ended() and growing.is_over
                )
                with decoded as sound:
                    yield sound

    def _lines(self) -> BinaryIO:
        """Our own copy: who was overtaken and does not know it yet writes into the old one. So look what was said after this."""
        self.context.check()
        return self.context.sessions.captions_file(*self._place)

    def _keep(self, lines: BinaryIO, caption: Caption) -> None:
        from utils.storage.faults import no_item, told
        from utils.transcription.captions_file import line

        self.context.check_ours()
        data = line(caption)
        with told(no_item()):
            if lines.write(data) != len(data):  # half a line: nothing may follow it
                raise OSError(errno.ENOSPC, "No space left on device")
        if self._clock() - self._shown_at >= SHOW_EVERY_S:
            self._shown_at = self._clock()
            self.context.show(round(caption.at, 1), 0)

    def _tell_who(self, engine: TranscriptionEngine, model: str, why: str) -> None:
        data = json.dumps({"engine": engine.name, "model": model, "fallback": why}).encode()
        self.context.sessions.write_file(*self._place, ABOUT, data, durable=False)

    def _check(self) -> None:
        """Called often: raises what ends the attempt."""
        self.context.stay()

    def _ended(self) -> bool:
        """Has the recording ended? If nobody feeds it any more, it ends here: the server may be gone."""
        now = self._clock()
        if self._facts.is_open and now - self._looked_at >= FACTS_EVERY_S:
            self._looked_at = now
            try:
                self._facts = self.context.sessions.recording(*self._place)
                if self._facts.is_open and now - self._began > ABANDONED_S and self._is_abandoned():
                    self._facts = end_recording(self.context, "abandoned")
            except NotFound as exc:
                raise LeaseLost("The recording is gone.") from exc
        return not self._facts.is_open

    def _is_abandoned(self) -> bool:
        fed_at = self.context.sessions.recording_fed_at(*self._place)
        return self.context.now() - fed_at > ABANDONED_S


def end_recording(context: Context, why: str) -> LiveFacts:
    """Say that a recording has ended, if it has not ended before."""
    now = context.sessions.clock()
    return context.sessions.change_recording(context.session_id, context.item.id, lambda facts: facts.ended(now, why))
