"""An attempt at captions that takes over from another one, which does not know it yet."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.jobs.rig import Rig
from tests.transcription.live_kit import Clock, LiveEngine, speech, told, voices
from utils.errors import StoreUnavailable
from utils.jobs.context import Context, Shared
from utils.jobs.contract import NewJob
from utils.jobs.heart import Pulse
from utils.jobs.leases import Lease
from utils.jobs.live_work import LiveWork
from utils.jobs.records import JobName, new_record
from utils.storage.live_facts import LiveFacts
from utils.transcription.captions_file import captions_of, line
from utils.transcription.captions_rules import Caption
from utils.transcription.contract import TranscriptionRequest

SECONDS = 6.0


class Late(LiveEngine):
    """Something happens while its model is loaded."""

    meanwhile: Callable[[], object] = staticmethod(lambda: None)

    def open(self, request: TranscriptionRequest, *, note: Callable[[str], None], check: Callable[[], None]) -> LiveEngine:
        self.meanwhile()
        super().open(request, note=note, check=check)
        return self


class Ended:
    """A recording that has ended, with all its sound, and an attempt at its captions."""

    def __init__(self, folder: Path, engine: LiveEngine) -> None:
        rig = Rig(folder)
        facts = LiveFacts(16_000, "pcm_s16le", "en", True, False, started_at=0.0)
        self.sessions, self.session_id = rig.sessions, rig.session
        item = rig.sessions.create_recording(rig.session, title="Title", request={}, facts=facts)
        self.item_id, self.home = item.id, rig.home(item.id)
        growing = rig.sessions.grow_recording(rig.session, item.id)
        growing.file.append([(told(SECONDS).astype(np.float64) * 32_768).astype("<i2").tobytes()])
        growing.close()
        rig.sessions.change_recording(rig.session, item.id, lambda facts: facts.ended(SECONDS, "stop"))
        lease = Lease(self.home, 1)
        lease.take("here")
        shared = Shared()
        shared.once("transcription_engines", lambda: {engine.name: engine})
        pulse = Pulse(JobName(rig.session, item.id), lease)
        record = new_record(NewJob("live", "Title", "recording", {}), "live", priority=0, now=0.0)
        more: dict[str, Any] = {"item": item, "settings": rig.settings, "shared": shared, "must_yield": lambda: False}
        self.work = LiveWork(Context(rig.journal, pulse, record, **more))

    @property
    def text(self) -> str:
        return "".join(one.committed for one in captions_of(self.home / "captions.jsonl"))


def test_line_of_an_overtaken_attempt_that_comes_while_the_model_is_loaded_is_not_said_again(tmp_path: Path) -> None:
    words = speech(SECONDS)
    engine = Late(words, Clock(), voices=voices(words))
    ended = Ended(tmp_path, engine)
    before = ended.sessions.captions_file(ended.session_id, ended.item_id)
    before.write(line(Caption(1, words[0].text, words[:1], end=words[0].end, at=2.0)))  # type: ignore[arg-type]
    engine.meanwhile = lambda: before.write(line(Caption(2, words[1].text, (words[1],), end=words[1].end, at=2.5)))
    with before:
        ended.work.run()
        before.write(b"what nobody reads\n")
    assert ended.text == "".join(word.text for word in words)


def test_line_that_goes_only_half_onto_a_full_disk_is_the_last_one(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    words = speech(SECONDS)
    ended = Ended(tmp_path, LiveEngine(words, Clock(), voices=voices(words)))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    first = line(Caption(1, words[0].text, (words[0],), end=words[0].end, at=2.0))
    with ended.sessions.captions_file(ended.session_id, ended.item_id) as file:
        file.write(first)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(first) + 200, before[1]))  # of the lines only: all else is shorter
    try:
        with pytest.raises(StoreUnavailable) as found:
            ended.work.run()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert isinstance(found.value.__cause__, OSError) and found.value.__cause__.errno in (errno.ENOSPC, errno.EFBIG)
    assert ended.text == words[0].text
