"""Transcriptions in real worker processes that are killed, told to stop, or asked to make room."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.jobs.listening import DEAF_S
from tests.jobs.recordings import Recordings, recordings_in, sentences, spoken
from tests.jobs.rig import QUICK, until
from utils.jobs.transcribe_files import partial_name
from utils.workflows import transcripts

LONG = sentences(60, seed=3)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Recordings]:
    with recordings_in(tmp_path) as rig:
        yield rig


def killed_until_done(rig: Recordings, job_id: str, kills: int, dice: random.Random) -> None:
    """Kill the worker at random places of the work, then let one finish.

    Every second one may get on before it is killed: work that dies three times without a step forward is given up on purpose.
    """
    partial = rig.home(job_id) / partial_name(1)

    def lines() -> int:
        return partial.read_bytes().count(b"\n") if partial.exists() else 0

    for number in range(kills):
        before = lines()
        worker = rig.real_worker()
        until(lambda: rig.state(job_id) in ("running", "done"), 60)
        if number % 2 == 0:
            until(lambda before=before: lines() > before or rig.state(job_id) == "done", 60)
            time.sleep(0.3)
        time.sleep(dice.random() * 0.5)
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
        if rig.state(job_id) == "done":
            return
    rig.real_worker()
    status = rig.end(job_id, timeout_s=100)
    assert (status.state, status.error) == ("done", None), rig.log_text()[-3000:]


@pytest.mark.parametrize("kills", [3, pytest.param(30, marks=[pytest.mark.long, pytest.mark.timeout(600)])])
def test_worker_killed_at_any_place_goes_on_and_the_text_is_that_of_an_undisturbed_one(rig: Recordings, kills: int) -> None:
    texts = LONG if kills < 10 else sentences(600, seed=3)
    job_id = rig.start(spoken(texts), hotwords="0.02")
    killed_until_done(rig, job_id, kills, random.Random(kills))
    transcript = rig.transcript(job_id)
    assert rig.heard(job_id) == texts
    starts = [segment.start for segment in transcript.segments]
    assert starts == sorted(starts) and "incomplete" not in rig.item(job_id).result
    assert rig.unfinished(job_id) == []


def test_worker_killed_does_not_hear_again_what_is_on_the_disk(rig: Recordings) -> None:
    job_id = rig.start(spoken(LONG), hotwords="0.1")  # six seconds, so that it is seen at work
    worker = rig.real_worker()
    until(lambda: len((rig.home(job_id) / partial_name(1)).read_bytes()) if (rig.home(job_id) / partial_name(1)).exists() else 0)
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    first = (rig.home(job_id) / partial_name(1)).read_bytes().splitlines()[0]
    rig.real_worker()
    until(lambda: rig.state(job_id) == "running" and (rig.home(job_id) / partial_name(1)).read_bytes().count(b"\n") > 1)
    assert (rig.home(job_id) / partial_name(1)).read_bytes().splitlines()[0] == first
    assert rig.end(job_id, timeout_s=60).state == "done"


def test_cancel_over_the_head_of_a_deaf_engine_keeps_the_text(rig: Recordings) -> None:
    job_id = rig.start(spoken(LONG), prompt="deaf")
    rig.real_worker()
    until(lambda: (rig.home(job_id) / partial_name(1)).exists())
    rig.jobs.cancel(rig.session, job_id)
    until(lambda: rig.state(job_id) == "cancelled", DEAF_S - 5)  # before the engine listens again
    view = transcripts.view(rig.services, rig.session, job_id)
    heard = [segment.text for _, segment in view.segments]
    assert view.state == "cancelled" and heard == LONG[: len(heard)] and heard
    assert rig.item(job_id).result["incomplete"]
    assert any("The text ends at" in note for note in view.notes)


def test_long_recording_makes_room_for_another_session_and_ends_whole(tmp_path: Path) -> None:
    with recordings_in(tmp_path, timing=replace(QUICK, slice_s=60.0)) as rig:
        other = rig.sessions.create_session()
        long = rig.start(spoken(LONG), hotwords="0.05")
        rig.real_worker()
        until(lambda: (rig.home(long) / partial_name(1)).exists())
        short = rig.start(spoken(LONG[:1]), session=other)
        assert rig.end(short, session=other).state == "done"
        assert rig.state(long) in ("running", "queued")
        assert rig.end(long, timeout_s=60).state == "done"
        assert rig.heard(long) == LONG


def test_worker_told_to_stop_hands_back_and_the_next_one_ends_the_text_whole(rig: Recordings) -> None:
    job_id = rig.start(spoken(LONG), hotwords="0.04")
    worker = rig.real_worker()
    until(lambda: (rig.home(job_id) / partial_name(1)).exists(), 60)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(60) == 0
    assert rig.state(job_id) == "queued" and not list(rig.home(job_id).glob(".work-*"))
    rig.real_worker()
    assert rig.end(job_id, timeout_s=100).state == "done"
    assert rig.heard(job_id) == LONG
