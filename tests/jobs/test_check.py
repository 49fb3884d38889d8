"""A batch whose rows are transcribed back: real eSpeak, the small real model, and what each row is told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.jobs.batch_rig import Batches, planned
from tests.jobs.rig import Rig, rig_in
from utils.errors import BadInput
from utils.jobs.contract import NewJob
from utils.jobs.ended import EndedLog
from utils.jobs.queue import Queue
from utils.speech.contract import SpeechRequest
from utils.storage.batch_log import PlannedRow, Wish

MODEL = Path(__file__).resolve().parents[1] / "assets" / "micro-whisper"
GOOD = ["Turn on the light in the kitchen.", "Call my mother.", "Play some music in the kitchen."]
STRANGE = "Xylophones quarrel with the ubiquitous bureaucracy."  # nothing that the small model knows


@pytest.fixture
def checked(tmp_path: Path) -> Iterator[Batches]:
    """Batches of a deployment with the small model."""
    with rig_in(tmp_path) as rig:
        yield with_model(rig)


def with_model(rig: Rig, model: str = str(MODEL)) -> Batches:
    rig.settings = replace(rig.settings, whisper_model=model, stt_engine="whisper", hf_hub_offline=True)
    rig.queue = Queue("", rig.settings.queue_dir, ("speech", "transcribe"))
    return Batches(rig)


def check(batches: Batches, job_id: str) -> None:
    """Submit a check of a batch that is over, as the workflow does, and run it."""
    item = batches.item(job_id)
    job = NewJob("check", item.title, "batch", item.request, folder="bulk", item_id=job_id)
    batches.jobs.submit(batches.rig.session, job)
    batches.run(job_id)


def test_batch_with_check_goes_on_as_a_check_and_tells_every_row(checked: Batches) -> None:
    job_id = checked.put(planned([*GOOD, STRANGE]), options={"check": True})
    status = checked.run(job_id)
    assert (status.state, status.kind, status.done) == ("queued", "check", 0)
    assert checked.item(job_id).result["done"] == 4  # the rows are spoken and can be heard meanwhile
    status = checked.run(job_id)
    assert (status.state, status.error, status.done, status.total) == ("done", None, 4, 4)
    results = checked.results(job_id)
    assert [results[number].check_wer for number in (1, 2, 3)] == [0.0, 0.0, 0.0]
    assert results[1].heard == "Turn on the light in the kitchen."
    assert (results[4].check_wer or 0) >= 0.5
    assert [row["check_wer"] for row in checked.manifest(job_id)][:3] == ["0.000"] * 3
    item = checked.item(job_id)
    assert item.result["checked"] == 4
    assert item.result["check_wer"] == pytest.approx((results[4].check_wer or 0) / 4, abs=1e-4)
    kinds = [(ended.kind, ended.pool, ended.state) for ended in EndedLog(checked.rig.sessions.outputs).since(0)]
    assert kinds == [("batch", "speech", "done"), ("check", "transcribe", "done")]


def test_check_hears_only_what_is_new_after_a_row_was_spoken_again(checked: Batches) -> None:
    job_id = checked.spoken(planned(GOOD))
    check(checked, job_id)
    before = checked.results(job_id)
    checked.wish(job_id, Wish(2, "Open the window."))
    checked.run(job_id)
    assert checked.results(job_id)[2].check_wer is None
    check(checked, job_id)
    after = checked.results(job_id)
    assert (after[2].check_wer, after[2].heard) == (0.0, "Open the window.")
    assert after[1] == before[1]


def test_check_rows_longer_than_a_window_and_of_several_languages_are_heard_whole(checked: Batches) -> None:
    german = SpeechRequest("", language="de").as_dict()["language"]
    rows = [
        *planned([" ".join(f"{sentence} [pause:0.8s]" for sentence in GOOD * 6)]),
        PlannedRow(2, "0002-row", {"text": "Mach das Licht in der Küche an.", "language": german}),
        PlannedRow(3, "0003-row", {"text": "Otevřete prosím dveře.", "language": "cs"}),
    ]
    job_id = checked.spoken(rows)
    assert checked.results(job_id)[1].seconds > 30
    check(checked, job_id)
    results = checked.results(job_id)
    assert (results[1].check_wer or 0) <= 0.1
    assert len(results[1].heard.split()) >= 0.9 * sum(len(sentence.split()) for sentence in GOOD * 6)
    assert results[2].check_wer is not None
    assert all(results[number].file for number in (1, 2, 3))


def test_check_failed_and_left_out_rows_are_not_heard(checked: Batches) -> None:
    rows = [*planned([GOOD[0]]), PlannedRow(2, "0002-row", {"text": ""}, skip="There is nothing to say.")]
    job_id = checked.spoken(rows)
    check(checked, job_id)
    assert set(checked.results(job_id)) == {1}
    assert checked.status(job_id).total == 1


def test_check_row_whose_sound_is_gone_does_not_stop_the_others(checked: Batches) -> None:
    job_id = checked.spoken(planned(GOOD[:2]))
    results = checked.results(job_id)
    (checked.home(job_id) / results[1].file).write_bytes(b"no sound any more")
    check(checked, job_id)
    assert checked.status(job_id).state == "done"
    assert [checked.results(job_id)[number].check_wer for number in (1, 2)] == [None, 0.0]


def test_check_without_a_model_fails_with_a_sentence_and_keeps_the_batch(tmp_path: Path) -> None:
    with rig_in(tmp_path) as rig:
        batches = with_model(rig, str(tmp_path / "no model here"))
        job_id = batches.spoken(planned(GOOD[:1]))
        check(batches, job_id)
        status = batches.status(job_id)
        assert status.state == "failed"
        assert status.error is not None
        assert status.error["code"] == BadInput.code
        assert "Whisper model" in status.error["sentence"]
        assert batches.results(job_id)[1].state == "done"
        assert batches.item(job_id).result["done"] == 1
