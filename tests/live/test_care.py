"""Recordings that nobody ends: the server's rounds, by a clock that stands still until it is moved."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from tests.api.surface import Surface, surface
from utils.errors import BadInput, Conflict, NotFound, QuotaExceeded, StoreUnavailable
from utils.jobs.journal import Journal
from utils.jobs.kinds import KINDS
from utils.jobs.live_kind import ABANDONED_S
from utils.jobs.queue import Queue
from utils.jobs.rates import Rates
from utils.jobs.records import JobName
from utils.jobs.runner import Runner, Timing
from utils.workflows import live, live_care, live_ending, transcribe
from utils.workflows.live import Begin
from utils.workflows.live_recorder import Recorder, TooFast

UP_S = 10_000.0
SECOND = bytes(32_000)


def begun(sotto: Surface, session: str, **wanted: object) -> Recorder:
    options: dict[str, object] = {"sample_rate": 16_000, "captions": False, "transcript": False, **wanted}
    return live.begin(sotto.services, session, Begin(**options)).recorder  # type: ignore[arg-type]


def job_kinds(sotto: Surface, session: str) -> list[tuple[str, str]]:
    return [(job.kind, job.state) for job in sotto.services.jobs.of_session(session)]


def at(sotto: Surface, recorder: Recorder) -> Path:
    return sotto.services.sessions.item_path(recorder.session_id, recorder.item_id)


def work(sotto: Surface, recorder: Recorder) -> None:
    """Do its queued job, as a worker would."""
    services = sotto.services
    folder = services.settings.queue_dir
    queue, rates = Queue("", folder, ["speech"]), Rates(folder / "rates.json")
    runner = Runner(Journal(services.sessions, clock=sotto.clock), queue, KINDS, rates, services.settings, Timing())
    runner(str(JobName(recorder.session_id, recorder.item_id)))


def feed(sotto: Surface, recorder: Recorder) -> None:
    """A second of sound, at the time of the standing clock."""
    recorder.take([(None, SECOND)])
    os.utime(at(sotto, recorder) / "chunks.idx", (sotto.clock.now, sotto.clock.now))


def test_recording_that_nobody_feeds_ends_after_two_minutes_and_its_files_are_ordered(sotto: Surface) -> None:
    session = sotto.services.sessions.create_session()
    recorder = begun(sotto, session)
    feed(sotto, recorder)
    recorder.close()
    sotto.clock.now += ABANDONED_S - 1
    assert live_care.look_after(sotto.services, UP_S) == 0
    sotto.clock.now += 2
    assert (
        live_care.look_after(sotto.services, ABANDONED_S - 1) == 0
    )  # whoever recorded must have time to come back to a new server
    assert live_care.look_after(sotto.services, UP_S) == 1
    assert sotto.services.sessions.recording(session, recorder.item_id).why == "abandoned"
    assert job_kinds(sotto, session) == [("record", "queued")]
    assert sotto.services.sessions.peek_session(session).status == "processing"  # type: ignore[union-attr]
    assert live_care.look_after(sotto.services, UP_S) == 0
    with pytest.raises(Conflict):
        live.resume(sotto.services, session, recorder.item_id)


def test_recording_with_a_connection_does_not_end_however_quiet(sotto: Surface) -> None:
    session = sotto.services.sessions.create_session()
    recorder = begun(sotto, session)
    sotto.clock.now += ABANDONED_S + 60
    assert recorder.tick() == ""
    os.utime(at(sotto, recorder) / "chunks.idx", (sotto.clock.now, sotto.clock.now))  # what the tick does with the real clock
    assert live_care.look_after(sotto.services, UP_S) == 0
    recorder.close()


def test_recording_that_ended_without_a_job_gets_one_and_only_one(sotto: Surface) -> None:
    session = sotto.services.sessions.create_session()
    recorder = begun(sotto, session)
    feed(sotto, recorder)
    recorder.close()
    sotto.services.sessions.change_recording(session, recorder.item_id, lambda facts: facts.ended(sotto.clock(), "stop"))
    for _ in range(3):
        live_care.look_after(sotto.services, 0.0)
    assert job_kinds(sotto, session) == [("record", "queued")]


def test_recording_whose_captions_were_cancelled_is_finished_all_the_same(tmp_path: Path) -> None:
    with surface(tmp_path / "outputs", live_workers=1) as sotto:
        session = sotto.services.sessions.create_session()
        recorder = begun(sotto, session, captions=True)
        feed(sotto, recorder)
        assert job_kinds(sotto, session) == [("live", "queued")]
        sotto.services.jobs.cancel(session, recorder.item_id)
        recorder.close()
        live_ending.end(sotto.services, session, recorder.item_id)
        assert job_kinds(sotto, session) == [("record", "queued")]


def test_open_recording_is_never_swept(tmp_path: Path) -> None:
    with surface(tmp_path / "outputs", session_timeout_hours=1, item_timeout_hours=1, max_sessions=1) as sotto:
        session = sotto.services.sessions.create_session()
        recorder = begun(sotto, session)
        recorder.close()  # nobody holds it: its server was killed
        sotto.clock.now += 100 * 3600
        assert sotto.services.sessions.cleanup_old_sessions().removed == ()
        with pytest.raises(Conflict):
            sotto.services.sessions.delete_item(session, recorder.item_id)


def test_recording_deleted_by_force_is_no_longer_looked_after(sotto: Surface) -> None:
    session = sotto.services.sessions.create_session()
    recorder = begun(sotto, session)
    sotto.services.sessions.delete_item(session, recorder.item_id, force=True)
    assert recorder.tick() == "gone"
    recorder.close()
    assert sotto.services.sessions.open_recordings.ids() == []
    with pytest.raises(NotFound):
        live.resume(sotto.services, session, recorder.item_id)


def test_recording_that_fills_the_session_ends_with_what_it_has(tmp_path: Path) -> None:
    with surface(tmp_path / "outputs", session_quota_mb=6) as sotto:
        session = sotto.services.sessions.create_session()
        recorder = begun(sotto, session, sample_rate=48_000)
        sotto.clock.now += 3600
        with pytest.raises(QuotaExceeded):
            for _ in range(200):
                recorder.take([(None, bytes(60_000))])
        recorder.close()
        assert sotto.services.sessions.recording(session, recorder.item_id).why == "full"
        assert job_kinds(sotto, session) == [("record", "queued")]


def test_recording_faster_than_anybody_speaks_is_refused_but_not_what_was_kept_meanwhile(sotto: Surface) -> None:
    session = sotto.services.sessions.create_session()
    recorder = begun(sotto, session)
    with pytest.raises(TooFast):
        for _ in range(100):
            recorder.take([(None, SECOND)])
    sotto.clock.now += 600  # ten minutes without a connection; then all of it at once
    for _ in range(500):
        recorder.take([(None, SECOND)])
    with pytest.raises(BadInput):
        recorder.take([(None, b"odd")])
    recorder.close()


def test_two_holds_on_a_recording_the_later_one_wins_across_servers(sotto: Surface) -> None:
    """As another server on the same folder would: the first hold finds itself replaced and lets go."""
    import threading

    session = sotto.services.sessions.create_session()
    first = begun(sotto, session)
    feed(sotto, first)

    def look() -> None:
        while first.tick() != "taken_over":
            continue
        first.close()

    looking = threading.Thread(target=look)
    looking.start()
    second = live.resume(sotto.services, session, first.item_id).recorder
    looking.join()
    assert second.next_seq == 1
    assert first.take([(1, SECOND)]).acked == -1  # nothing is written by whoever has let go
    assert second.take([(1, SECOND)]).acked == 1
    second.close()


def test_statuses_of_a_session_follow_its_recordings_on_disk_and_in_session_info(sotto: Surface) -> None:
    client = sotto.program()
    session = sotto.session_of(client)
    home = sotto.services.sessions.outputs / session

    def statuses() -> set[str]:
        on_disk = json.loads((home / "session.json").read_bytes())["status"]
        return {on_disk, client.get("/api/v1/session/info").json()["status"]}

    assert statuses() == {"idle"}
    for sounds, last in ((1, "complete"), (0, "error")):
        recorder = begun(sotto, session)
        assert statuses() == {"recording"}
        for _ in range(sounds):
            recorder.take([(None, SECOND)])
        recorder.close()
        live_ending.end(sotto.services, session, recorder.item_id)
        assert statuses() == {"processing"}
        work(sotto, recorder)
        assert statuses() == {last}


def test_recording_that_is_transcribed_later_is_heard_from_its_wav_and_not_from_the_copy_for_listening(sotto: Surface) -> None:
    session = sotto.services.sessions.create_session()
    recorder = begun(sotto, session)
    recorder.take([(None, SECOND)])
    recorder.close()
    live_ending.end(sotto.services, session, recorder.item_id)
    work(sotto, recorder)
    item = sotto.services.sessions.get_item(session, recorder.item_id)
    assert (item.kind, item.file("listen.mp3") is None) == ("recording", False)
    assert transcribe.source_of(sotto.services, session, item.id).file.name == "recording.wav"


@pytest.mark.skipif(sys.platform == "win32", reason="no limits of files there")
def test_recording_whose_disk_is_full_is_finished_with_what_was_acknowledged(sotto: Surface) -> None:
    import resource

    session = sotto.services.sessions.create_session()
    recorder = begun(sotto, session)
    assert recorder.take([(0, SECOND)]).acked == 0
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(SECOND) + 100, hard))
        for _ in range(2):
            with pytest.raises(StoreUnavailable, match=r"\."):
                recorder.take([(1, SECOND), (2, SECOND)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert recorder.next_seq == 1
    recorder.close()
    os.utime(at(sotto, recorder) / "chunks.idx", (sotto.clock.now, sotto.clock.now))
    sotto.clock.now += ABANDONED_S + 1
    assert live_care.look_after(sotto.services, UP_S) == 1
    work(sotto, recorder)
    item = sotto.services.sessions.get_item(session, recorder.item_id)
    assert (item.result["seconds"], item.result["why"]) == (1.0, "abandoned")
    assert (at(sotto, recorder) / "recording.wav").read_bytes().endswith(SECOND)
