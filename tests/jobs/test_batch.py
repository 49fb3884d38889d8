"""The kind "batch" with real eSpeak: what lies in the item at the end, whatever happened on the way."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.jobs.batch_rig import DEFAULTS, Batches, planned, wrong
from tests.jobs.rig import Rig, until
from utils.audio.decoder import decode_trusted
from utils.errors import NotFound, QuotaExceeded
from utils.storage.batch_log import DONE, PlannedRow, RowResult, Wish, append
from utils.storage.batch_sounds import stem_of

WORDS = ("One.", "Two.", "Three.", "Four.", "Five.", "Six.")


@pytest.fixture
def batches(rig: Rig) -> Batches:
    return Batches(rig)


def test_batch_every_row_is_a_sound_and_a_line_of_the_manifest(batches: Batches) -> None:
    job_id = batches.spoken(planned(WORDS))
    assert list(wrong(batches.home(job_id))) == []
    item, status = batches.item(job_id), batches.status(job_id)
    assert (status.done, status.total) == (6, 6)
    assert item.result["done"] == item.result["rows"] == 6
    assert item.result["failed"] == item.result["waiting"] == item.result["skipped"] == 0
    assert item.result["size_bytes"] == sum(path.stat().st_size for path in batches.home(job_id).glob("*.wav"))
    assert [file.name for file in item.files] == ["manifest.csv"]
    results = batches.results(job_id)
    assert {result.engine for result in results.values()} == {"espeak"}
    assert item.result["seconds"] == pytest.approx(sum(result.seconds for result in results.values()), abs=0.01)


def test_batch_names_on_disk_are_plain_and_begin_with_the_number(batches: Batches) -> None:
    rows = [
        PlannedRow(1, "0001-Zürich", {"text": "One."}),
        PlannedRow(2, "0002-東京", {"text": "Two."}),
        PlannedRow(3, "0003-" + "long name " * 10, {"text": "Three."}),
        PlannedRow(12345, "no number", {"text": "Four."}),
    ]
    results = batches.results(batches.spoken(rows))
    files = [results[row.number].file for row in rows]
    assert files == ["0001-zurich.wav", "0002.wav", "0003-long-name-long-name-long-name-long.wav", "12345-no-number.wav"]
    assert stem_of(rows[0]) == "0001-zurich"


def test_batch_row_that_cannot_be_spoken_fails_alone(batches: Batches) -> None:
    rows = [
        *planned(WORDS),
        PlannedRow(7, "0007", {"text": "... !"}),
        PlannedRow(8, "0008", {"text": "Eight.", "voice": "espeak:nobody"}),
    ]
    job_id = batches.put(rows)
    assert batches.run(job_id).state == "done"
    results = batches.results(job_id)
    assert [results[number].state for number in range(1, 9)] == ["done"] * 6 + ["failed"] * 2
    errors = [results[number].error for number in (7, 8)]
    assert [error and error["code"] for error in errors] == ["nothing_to_say", "unknown_voice"]
    assert batches.item(job_id).result["failed"] == 2
    assert batches.manifest(job_id)[6]["error"].startswith("There is no letter")


def test_batch_skipped_rows_are_listed_with_their_reason(batches: Batches) -> None:
    rows = [*planned(WORDS[:1]), PlannedRow(2, "0002", {}, skip="The text is empty.")]
    job_id = batches.spoken(rows)
    status, manifest = batches.status(job_id), batches.manifest(job_id)
    assert (status.done, status.total) == (1, 1)
    assert (manifest[1]["state"], manifest[1]["error"]) == ("skipped", "The text is empty.")


def test_batch_without_one_good_row_fails_with_the_first_error(batches: Batches) -> None:
    job_id = batches.put(planned(["...", "!!!"]))
    status = batches.run(job_id)
    assert status.state == "failed"
    assert status.error is not None
    assert status.error["code"] == "all_rows_failed"
    assert "Row 1: There is no letter and no digit" in status.error["sentence"]
    assert [line["state"] for line in batches.manifest(job_id)] == ["failed", "failed"]


def test_batch_identical_rows_are_spoken_once_and_share_their_sound(batches: Batches) -> None:
    rows = [PlannedRow(n, f"{n:04d}-row", {"text": "The same.", "title": f"Title {n}"}) for n in range(1, 5)]
    job_id = batches.spoken([*rows, PlannedRow(5, "0005-row", {"text": "Another."})])
    home, results = batches.home(job_id), batches.results(job_id)
    assert list(wrong(home)) == []
    inodes = [(home / results[number].file).stat().st_ino for number in range(1, 6)]
    assert len(set(inodes[:4])) == 1
    assert inodes[4] != inodes[0]
    assert {results[number].seconds for number in range(1, 5)} == {results[1].seconds}


def test_batch_edited_row_is_spoken_again_and_no_other(batches: Batches) -> None:
    job_id = batches.spoken(planned(["One.", "Two.", "Two."]))
    home = batches.home(job_id)
    before = {path.name: path.stat().st_ino for path in home.glob("*.wav")}
    batches.wish(job_id, Wish(2, "Something much longer than it was before."))
    assert batches.run(job_id).state == "done"
    assert list(wrong(home)) == []
    after = {path.name: path.stat().st_ino for path in home.glob("*.wav")}
    assert {name for name in before if before[name] != after[name]} == {"0002-row.wav"}
    result = batches.results(job_id)[2]
    assert (result.wish, result.attempts) == (1, 2)
    assert result.seconds > 2 * batches.results(job_id)[3].seconds


def test_batch_row_wished_again_does_not_take_the_sound_of_its_twin(batches: Batches) -> None:
    job_id = batches.spoken(planned(["Two.", "Two."]))
    home = batches.home(job_id)
    batches.wish(job_id, Wish(2))
    batches.run(job_id)
    assert (home / "0001-row.wav").stat().st_ino != (home / "0002-row.wav").stat().st_ino
    assert batches.results(job_id)[2].attempts == 2


def test_batch_failed_row_is_tried_again_only_when_it_is_wished(batches: Batches) -> None:
    job_id = batches.put(planned(["One.", "..."]))
    batches.run(job_id)
    batches.wish(job_id)
    batches.run(job_id)
    assert batches.results(job_id)[2].attempts == 1
    batches.wish(job_id, Wish(2), Wish(2, "Two."))
    assert batches.run(job_id).state == "done"
    assert (batches.results(job_id)[2].attempts, batches.results(job_id)[2].state) == (2, "done")
    assert list(wrong(batches.home(job_id))) == []


def test_batch_row_that_fails_with_its_new_text_leaves_no_old_sound(batches: Batches) -> None:
    job_id = batches.spoken(planned(["One.", "Two."]), options={"row_subtitles": True})
    batches.wish(job_id, Wish(2, "..."))
    assert batches.run(job_id).state == "done"
    names = {path.name for path in batches.home(job_id).iterdir()}
    assert {"0001-row.wav", "0001-row.srt", "0001-row.vtt"} <= names
    assert not {name for name in names if name.startswith("0002")}


def test_batch_sound_without_a_line_is_made_anew_and_a_torn_line_is_dropped(batches: Batches) -> None:
    job_id = batches.put(planned(WORDS[:3]))
    home = batches.home(job_id)
    (home / "0001-row.wav").write_bytes(b"torn by no one of us")
    with (home / DONE).open("ab") as log:
        log.write(b'{"number": 2, "state": "do')
    batches.run(job_id)
    assert list(wrong(home)) == []


def test_batch_that_was_interrupted_links_rows_to_those_done_before(batches: Batches) -> None:
    job_id = batches.put(planned(["The same."] * 3))
    home = batches.home(job_id)
    other = batches.spoken(planned(["The same."]))
    (home / "0001-row.wav").write_bytes((batches.home(other) / "0001-row.wav").read_bytes())
    append(home, DONE, [batches.results(other)[1]])
    batches.run(job_id)
    assert len({path.stat().st_ino for path in home.glob("*.wav")}) == 1
    assert list(wrong(home)) == []


def test_batch_known_row_whose_sound_is_gone_does_not_stop_its_twin(batches: Batches) -> None:
    job_id = batches.put(planned(["The same."] * 2))
    append(batches.home(job_id), DONE, [RowResult(1, "done", file="0001-row.wav", seconds=1.0)])
    batches.run(job_id)
    assert batches.results(job_id)[2].state == "done"
    assert (batches.home(job_id) / "0002-row.wav").stat().st_size > 1000


def test_batch_subtitles_lie_beside_every_row_and_its_twin(batches: Batches) -> None:
    job_id = batches.spoken(planned(["Good morning.", "Good morning."]), options={"row_subtitles": True})
    names = {path.name for path in batches.home(job_id).iterdir()}
    assert {"0001-row.srt", "0001-row.vtt", "0002-row.srt", "0002-row.vtt"} <= names
    assert "Good morning." in (batches.home(job_id) / "0002-row.srt").read_text("utf-8")


def test_batch_rows_keep_their_own_options(batches: Batches) -> None:
    text = "A sentence of some length, so that speed can be told."
    rows = [
        PlannedRow(1, "0001", {"text": text}),
        PlannedRow(2, "0002", {"text": text, "speed": 2.0}),
        PlannedRow(3, "0003", {"text": text, "language": "de-DE"}),
        PlannedRow(4, "0004", {"text": text, "format": "mp3"}),
    ]
    results = batches.results(batches.spoken(rows))
    assert results[2].seconds < 0.7 * results[1].seconds
    assert results[3].language == "de-DE" or results[3].language == "de"
    assert [results[number].file for number in range(1, 5)] == ["0001.wav", "0002.wav", "0003.wav", "0004.mp3"]


def test_batch_loudness_is_the_same_for_all_rows(batches: Batches) -> None:
    from utils.audio import loudness

    rows = planned(["A calm and rather long sentence.", "SHOUTING LOUDER AND LOUDER HERE.", "Short and sweet words, those are."])
    job_id = batches.spoken(rows, defaults=replace(DEFAULTS, loudness=-20.0))
    for path in batches.home(job_id).glob("*.wav"):
        sound = decode_trusted(path)
        assert loudness.measure([sound.samples], sound.rate_hz).lufs == pytest.approx(-20.0, abs=0.3)


# ---- on the way -----------------------------------------------------------------------------------------------------


def meanwhile(batches: Batches, job_id: str, rows: int, do: Callable[[], object]) -> threading.Thread:
    """Do something as soon as so many rows are done."""

    def act() -> None:
        until(lambda: len(batches.results(job_id)) >= rows)
        do()

    thread = threading.Thread(target=act)
    thread.start()
    return thread


SOME = 40


def long_rows(count: int = SOME) -> list[PlannedRow]:
    """Rows that take eSpeak long enough for something to happen meanwhile; their files cost little."""
    return planned(f"{n}. " + "This row says quite a lot of words, and says them more than once. " * 6 for n in range(count))


def test_batch_cancelled_stops_soon_keeps_its_rows_and_goes_on(batches: Batches) -> None:
    job_id = batches.put(long_rows())
    told: list[float] = []
    session = batches.rig.session
    thread = meanwhile(batches, job_id, 3, lambda: (batches.jobs.cancel(session, job_id), told.append(time.monotonic())))
    status = batches.run(job_id)
    ended = time.monotonic()
    thread.join()
    assert status.state == "cancelled"
    assert ended - told[0] < 30.0  # the promise is two seconds; a busy machine has seconds in which nothing happens at all
    done = batches.results(job_id)
    assert 3 <= len(done) < SOME
    result = batches.item(job_id).result
    assert (result["done"], result["waiting"]) == (len(done), SOME - len(done))
    assert len(batches.manifest(job_id)) == SOME
    assert not list(batches.home(job_id).glob(".*"))
    batches.jobs.retry(session, job_id)
    assert batches.run(job_id).state == "done"
    assert list(wrong(batches.home(job_id))) == []
    assert all(result.attempts == 1 for result in batches.results(job_id).values())


def test_batch_deleted_on_the_way_ends_and_nothing_comes_back(batches: Batches) -> None:
    rig = batches.rig
    job_id = batches.put(long_rows())
    home = batches.home(job_id)
    thread = meanwhile(batches, job_id, 3, lambda: rig.sessions.delete_item(rig.session, job_id, force=True))
    batches.runner()(str(rig.name(job_id)))
    thread.join()
    with pytest.raises(NotFound):
        batches.status(job_id)
    assert not home.exists()
    assert not rig.journal.open_names()


def test_batch_makes_room_for_a_session_that_waits_and_goes_on(batches: Batches) -> None:
    rig = batches.rig
    many = 2 * SOME  # so that a quick machine has not spoken them all before it looks who waits
    job_id = batches.put(long_rows(many))
    other = rig.sessions.create_session()
    thread = meanwhile(batches, job_id, 1, lambda: batches.put(planned(["Hello."]), session=other))
    batches.runner()(str(rig.name(job_id)))
    thread.join()
    record = rig.record(job_id)
    assert (record["state"], record["handed_back"]) == ("queued", 1)
    done = len(batches.results(job_id))
    assert 1 <= done < many
    assert batches.item(job_id).result["done"] == done
    (waiting,) = batches.jobs.of_session(other)
    for _ in range(20):  # on a slow machine its slice may be over, too
        if batches.status(waiting.id, other).state == "queued":
            batches.runner()(f"{other}~{waiting.id}")
    assert batches.status(waiting.id, other).state == "done"
    assert batches.run(job_id).state == "done"
    assert list(wrong(batches.home(job_id))) == []


def test_batch_over_the_quota_stops_with_its_sentence_and_keeps_what_is_done(batches: Batches) -> None:
    job_id = batches.put(planned(WORDS))
    batches.rig.sessions.quota_bytes = 100
    status = batches.run(job_id)
    assert status.state == "failed"
    assert status.error is not None
    assert status.error["code"] == QuotaExceeded.code
    batches.rig.sessions.quota_bytes = 2**30
    batches.jobs.retry(batches.rig.session, job_id)
    assert batches.run(job_id).state == "done"
    assert list(wrong(batches.home(job_id))) == []


def test_batch_log_tells_no_text(batches: Batches, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    job_id = batches.put([*planned(["A secret sentence."]), PlannedRow(2, "0002-secret", {"text": "..."})])
    batches.run(job_id)
    assert "row=2 code=nothing_to_say" in caplog.text
    assert "secret" not in caplog.text.lower()


def test_batch_scratch_of_a_dead_attempt_is_removed(batches: Batches) -> None:
    job_id = batches.put(planned(WORDS[:1]))
    left = batches.home(job_id) / ".work-0123456789abcdef"
    left.mkdir()
    (left / "x.pcm").write_bytes(b"1234")
    batches.run(job_id)
    assert not left.exists()
    assert list(wrong(batches.home(job_id))) == []


def test_stem_of_row_never_loses_its_number(tmp_path: Path) -> None:
    assert stem_of(PlannedRow(7, "0007", {})) == "0007"
    assert stem_of(PlannedRow(7, "Lesson", {})) == "0007-lesson"
    assert stem_of(PlannedRow(7, "70-lesson", {})) == "0007-70-lesson"
