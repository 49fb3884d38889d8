"""Batches whose rows Google's stand-in speaks: in parallel, with a fallback by row, and with patience."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.fakes.google import FakeGoogle
from tests.fakes.mp3 import tone
from tests.jobs.batch_rig import DEFAULTS, Batches, planned, with_google, wrong
from tests.jobs.rig import Rig, until
from tests.jobs.test_batch import meanwhile

GOOGLE = replace(DEFAULTS, engine="gtts")
AUTO = replace(DEFAULTS, engine="auto")


@pytest.fixture
def google() -> Iterator[FakeGoogle]:
    for pitch in range(200, 900, 100):
        tone(0.4, pitch)  # each is made once: many threads that ask for the first time at once would make it many times
    with FakeGoogle() as google:
        yield google


@pytest.fixture
def batches(rig: Rig, google: FakeGoogle) -> Batches:
    return with_google(rig, google.url)


def test_batch_of_google_asks_in_parallel_and_each_text_once(batches: Batches, google: FakeGoogle) -> None:
    google.delay_s = 0.3
    texts = [f"Row {number}." for number in range(30)]
    job_id = batches.spoken(planned([*texts, *texts[:5]]), defaults=GOOGLE)
    assert list(wrong(batches.home(job_id))) == []
    assert len(google.asked) == 30
    assert google.most_in_flight >= 8
    results = batches.results(job_id)
    assert {(result.engine, result.fallback) for result in results.values()} == {("gtts", "")}
    assert [results[number].requests for number in range(1, 36)] == [1] * 30 + [0] * 5
    assert batches.item(job_id).result["requests"] == 30


def test_batch_of_google_asks_no_more_at_once_than_the_setting_says(rig: Rig, google: FakeGoogle) -> None:
    google.delay_s = 0.1
    batches = with_google(rig, google.url, workers=2)
    batches.spoken(planned(f"Row {number}." for number in range(12)), defaults=GOOGLE)
    assert google.most_in_flight == 2


def test_batch_row_that_google_does_not_speak_falls_back_alone(batches: Batches, google: FakeGoogle) -> None:
    google.fail("noaudio", text="odd")
    job_id = batches.spoken(planned(["One.", "An odd row.", "Three."]), defaults=AUTO)
    results = batches.results(job_id)
    assert [results[number].engine for number in (1, 2, 3)] == ["gtts", "espeak", "gtts"]
    assert results[2].fallback == "Google sent no sound that fits the text"
    assert batches.manifest(job_id)[1]["fallback"] == results[2].fallback
    assert batches.item(job_id).result["fallbacks"] == 1
    assert list(wrong(batches.home(job_id))) == []


def test_batch_row_that_only_google_may_speak_fails_alone(batches: Batches, google: FakeGoogle) -> None:
    google.fail("noaudio", text="odd")
    job_id = batches.put(planned(["One.", "An odd row.", "Three."]), defaults=GOOGLE)
    assert batches.run(job_id).state == "done"
    results = batches.results(job_id)
    assert [results[number].state for number in (1, 2, 3)] == ["done", "failed", "done"]
    assert results[2].error is not None
    assert results[2].error["code"] == "engine_refused"


def test_batch_goes_to_espeak_at_once_when_google_is_unreachable(rig: Rig) -> None:
    with FakeGoogle() as google:
        url = google.url  # nobody listens there any more
    batches = with_google(rig, url)
    began = time.monotonic()
    job_id = batches.spoken(planned(f"Row {number}." for number in range(100)), defaults=AUTO)
    took_s = time.monotonic() - began
    results = batches.results(job_id)
    assert {(result.engine, result.fallback) for result in results.values()} == {("espeak", "Google could not be reached")}
    assert took_s < 60  # a hundred rows with half a second for each one's second try would be slower, and time-outs far slower
    assert list(wrong(batches.home(job_id))) == []


def test_batch_asks_a_failing_google_only_with_the_rows_that_were_under_way(batches: Batches, google: FakeGoogle) -> None:
    google.fail("drop")
    job_id = batches.spoken(planned(f"Row {number}." for number in range(60)), defaults=AUTO)
    assert {result.engine for result in batches.results(job_id).values()} == {"espeak"}
    assert len({asked.text for asked in google.asked}) <= 16


def test_batch_notes_who_speaks_instead(batches: Batches, google: FakeGoogle) -> None:
    google.fail("drop")
    rows = planned(f"Row {number} has a few words more than it would need." for number in range(60))
    job_id = batches.put(rows, defaults=replace(AUTO, format="mp3"))
    notes: set[str] = set()

    def listen() -> None:
        until(lambda: notes.add(batches.status(job_id).note) or not batches.status(job_id).is_open, 60.0)

    thread = meanwhile(batches, job_id, 0, listen)
    batches.run(job_id)
    thread.join()
    assert "Google could not be reached; eSpeak NG speaks instead." in notes
    assert batches.status(job_id).note == ""


def test_batch_cancelled_does_not_wait_for_google(batches: Batches, google: FakeGoogle) -> None:
    google.fail("stall", text="slow")
    job_id = batches.put(planned(["One.", "Two.", "A slow row."]), defaults=GOOGLE)
    told: list[float] = []
    thread = meanwhile(
        batches, job_id, 2, lambda: (batches.jobs.cancel(batches.rig.session, job_id), told.append(time.monotonic()))
    )
    status = batches.run(job_id)
    ended = time.monotonic()
    thread.join()
    assert status.state == "cancelled"
    assert ended - told[0] < 5.0  # two seconds are the promise, and the time-out of the answer is fifteen
    assert len(batches.results(job_id)) == 2
    google.recover()
    batches.jobs.retry(batches.rig.session, job_id)
    assert batches.run(job_id).state == "done"
    assert list(wrong(batches.home(job_id))) == []


def test_batch_handed_back_keeps_the_requests_that_were_on_the_way(batches: Batches, google: FakeGoogle) -> None:
    rig = batches.rig
    google.delay_s = 0.4
    job_id = batches.put(planned(f"Row {number}." for number in range(48)), defaults=GOOGLE)
    other = rig.sessions.create_session()
    thread = meanwhile(batches, job_id, 1, lambda: batches.put(planned(["Hello."]), session=other))
    batches.runner()(str(rig.name(job_id)))
    thread.join()
    assert rig.record(job_id)["handed_back"] == 1
    (waiting,) = batches.jobs.of_session(other)
    batches.jobs.cancel(other, waiting.id)
    batches.run(job_id)
    assert list(wrong(batches.home(job_id))) == []
    assert len(google.asked) == 48
