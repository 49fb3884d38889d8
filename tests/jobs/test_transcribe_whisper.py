"""The real kind with the real engine and the small model: a recording of known sentences, whole and broken off."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.jobs.recordings import Recordings, recordings_in, spoken
from tests.jobs.rig import until
from tests.transcription.clips import MICRO, wer
from utils.jobs.kinds import KINDS
from utils.jobs.runner import Runner
from utils.jobs.transcribe_files import partial_name

SAID = ["Good night.", "Close the door.", "The weather is hot today.", "No, thank you.", "Can I get a small latte with milk?"]


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Recordings]:
    with recordings_in(tmp_path) as rig:
        model = {"whisper_model": str(MICRO), "whisper_device": "cpu", "whisper_compute_type": "int8", "hf_hub_offline": True}
        rig.settings = replace(rig.settings, **model)
        rig.services = replace(rig.services, settings=rig.settings)
        yield rig


def run(runner: Runner, rig: Recordings, job_id: str) -> str:
    runner(str(rig.name(job_id)))
    return rig.state(job_id)


def test_recording_heard_by_whisper_is_what_was_said_also_when_it_was_broken_off(rig: Recordings) -> None:
    texts = SAID * 6  # more than one call of the engine
    runner = rig.runner(KINDS)
    whole, broken = rig.start(spoken(texts), language="en"), rig.start(spoken(texts), language="en")
    assert run(runner, rig, whole) == "done"
    running = threading.Thread(target=run, args=(runner, rig, broken))
    running.start()
    until((rig.home(broken) / partial_name(1)).exists, 60)
    if rig.state(broken) == "running":
        rig.jobs.cancel(rig.session, broken)
    running.join()
    if rig.state(broken) == "cancelled":
        rig.jobs.retry(rig.session, broken)
        assert run(runner, rig, broken) == "done"
    for job_id in (whole, broken):
        facts = rig.item(job_id).result
        assert (facts["engine"], facts["draft"], facts["language"]) == ("whisper", False, "en")
        assert wer(" ".join(texts), " ".join(rig.heard(job_id))) < 5.0
        assert rig.unfinished(job_id) == []
