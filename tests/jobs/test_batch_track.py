"""The merged track of a batch: made once, made anew when a row changed, with speech at its times where rows have times."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.jobs.batch_rig import DEFAULTS, Batches, planned, wrong
from tests.jobs.rig import Rig
from tests.jobs.test_batch import meanwhile
from utils.audio import probe
from utils.audio.decoder import decode_trusted
from utils.speech.batch import FASTEST
from utils.storage.batch_log import PlannedRow, Wish

M4B = {"merged": "m4b", "gap_ms": 1000}
MP3 = replace(DEFAULTS, format="mp3")


@pytest.fixture
def batches(rig: Rig) -> Batches:
    return Batches(rig)


def cues(path: Path) -> list[tuple[float, float, str]]:
    def seconds(text: str) -> float:
        hours, minutes, rest = text.replace(",", ".").split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(rest)

    blocks = path.read_text("utf-8").strip().split("\n\n")
    found = [re.fullmatch(r"\d+\n(\S+) --> (\S+)\n(.*)", block, re.DOTALL) for block in blocks]
    return [(seconds(match[1]), seconds(match[2]), match[3]) for match in found if match]


def loud(samples: np.ndarray, rate_hz: int, start: float, end: float) -> float:
    piece = samples[round(start * rate_hz) : round(end * rate_hz)].astype(float)
    return float(np.abs(piece).max()) if len(piece) else 0.0


def test_batch_merged_track_holds_every_row_with_real_silence_between(batches: Batches) -> None:
    rows = [PlannedRow(n, f"{n:04d}-row", {"text": f"This is row {n}.", "title": f"Row {n}"}) for n in range(1, 6)]
    job_id = batches.spoken(rows, options=M4B, defaults=MP3)
    home, item, results = batches.home(job_id), batches.item(job_id), batches.results(job_id)
    assert list(wrong(home)) == []
    assert [(file.name, file.media_type, file.role) for file in item.files] == [
        ("merged.m4b", "audio/mp4", "audio"),
        ("merged.srt", "application/x-subrip", "subtitles"),
        ("merged.vtt", "text/vtt", "subtitles"),
        ("manifest.csv", "text/csv", "manifest"),
    ]
    sound = decode_trusted(home / "merged.m4b", format="m4a")
    lengths = [results[number].seconds for number in range(1, 6)]
    assert sound.seconds == pytest.approx(sum(lengths) + 4.0, abs=0.1)
    assert item.result["merged"]["seconds"] == pytest.approx(sum(lengths) + 4.0, abs=0.01)
    told, at = cues(home / "merged.srt"), 0.0
    chapters = probe.describe(home / "merged.m4b", format="m4a").chapters
    assert [chapter.title for chapter in chapters] == [f"Row {n}" for n in range(1, 6)]
    for number, length in enumerate(lengths):
        assert loud(sound.samples, sound.rate_hz, at, at + length) > 3000
        assert loud(sound.samples, sound.rate_hz, at + length + 0.1, at + length + 0.9) < 60
        assert chapters[number].start == pytest.approx(at, abs=0.002)
        assert told[number][2] == f"This is row {number + 1}."
        assert at - 0.001 <= told[number][0] < told[number][1] <= at + length + 0.9
        at += length + 1.0


def test_batch_merged_track_is_made_anew_only_when_a_row_changed(batches: Batches) -> None:
    job_id = batches.put([*planned(["One.", "Two."]), PlannedRow(3, "0003", {"text": "..."})], options=M4B)
    assert batches.run(job_id).state == "done"
    home = batches.home(job_id)
    first = (home / "merged.m4b").stat().st_ino
    batches.wish(job_id)
    batches.run(job_id)
    assert (home / "merged.m4b").stat().st_ino == first
    batches.wish(job_id, Wish(3, "Three, and a little more."))
    batches.run(job_id)
    assert (home / "merged.m4b").stat().st_ino != first
    assert [text for _, _, text in cues(home / "merged.srt")] == ["One.", "Two.", "Three, and a little more."]
    assert len(batches.item(job_id).files) == 4
    assert list(wrong(home)) == []


def test_batch_merged_track_of_identical_rows_repeats_sound_and_cues(batches: Batches) -> None:
    job_id = batches.spoken(planned(["One.", "Two.", "One."]), options=M4B | {"merged": "mp3"})
    home = batches.home(job_id)
    assert [text for _, _, text in cues(home / "merged.srt")] == ["One.", "Two.", "One."]
    total = sum(result.seconds for result in batches.results(job_id).values()) + 2.0
    assert decode_trusted(home / "merged.mp3").seconds == pytest.approx(total, abs=0.05)


def test_batch_merged_track_leaves_failed_and_skipped_rows_out(batches: Batches) -> None:
    rows = [*planned(["One.", "...", "Three."]), PlannedRow(4, "0004", {}, skip="Empty.")]
    job_id = batches.put(rows, options=M4B)
    assert batches.run(job_id).state == "done"
    assert [text for _, _, text in cues(batches.home(job_id) / "merged.srt")] == ["One.", "Three."]
    assert batches.item(job_id).result["merged"]["rows"] == 2


def test_batch_cancelled_while_it_merges_merges_when_it_goes_on(batches: Batches) -> None:
    rows = planned(f"Row {n} has enough words to be worth a while of merging. " * 5 for n in range(12))
    job_id = batches.put(rows, options=M4B)
    session = batches.rig.session
    thread = meanwhile(batches, job_id, 12, lambda: batches.jobs.cancel(session, job_id))
    status = batches.run(job_id)
    thread.join()
    assert status.state == "cancelled"
    assert not (batches.home(job_id) / "merged.m4b").exists()
    assert batches.item(job_id).result["done"] == 12
    batches.jobs.retry(session, job_id)
    assert batches.run(job_id).state == "done"
    assert list(wrong(batches.home(job_id))) == []
    assert batches.item(job_id).result["merged"]["rows"] == 12


def timed(*rows: tuple[str, float, float]) -> list[PlannedRow]:
    return [PlannedRow(n, f"{n:04d}", {"text": text}, start, end) for n, (text, start, end) in enumerate(rows, 1)]


def test_batch_timed_speech_begins_at_its_times_and_flags_what_runs_over(batches: Batches) -> None:
    long = "These are far too many words for such a very short time, whoever speaks them."
    rows = timed(("One.", 1.0, 2.0), (long, 3.0, 4.0), ("Three.", 4.0, 5.0), ("Four.", 12.0, 13.0))
    job_id = batches.spoken(rows, options={"merged": "mp3", "timed": True})
    home, results = batches.home(job_id), batches.results(job_id)
    assert list(wrong(home)) == []
    assert (results[1].faster, results[1].over_s) == (1.0, 0.0)
    assert results[2].faster == FASTEST
    assert results[2].over_s == pytest.approx(results[2].seconds / FASTEST - 1.0, abs=0.01)
    assert (results[4].faster, results[4].over_s) == (1.0, 0.0)
    assert batches.item(job_id).result["merged"]["over"] >= 1
    sound = decode_trusted(home / "merged.mp3")
    begins = [1.0, 3.0, 3.0 + results[2].seconds / FASTEST, 12.0]
    assert loud(sound.samples, sound.rate_hz, 0.0, 0.95) == 0.0
    for begin, cue in zip(begins, [c for c in cues(home / "merged.srt") if c[2][0] in "OTF"], strict=True):
        assert begin - 0.001 <= cue[0] <= begin + 0.3
        assert loud(sound.samples, sound.rate_hz, begin, begin + 0.4) > 1000
    assert loud(sound.samples, sound.rate_hz, 11.0, 11.95) < 60


def test_batch_timed_speech_is_sped_up_just_enough_to_fit(batches: Batches) -> None:
    natural = batches.results(batches.spoken(planned(["Just a little too long for that."])))[1].seconds
    rows = timed(("Just a little too long for that.", 0.0, natural / 1.3), ("Next.", natural / 1.3, natural + 5))
    results = batches.results(batches.spoken(rows, options={"merged": "m4b", "timed": True}))
    assert results[1].faster == pytest.approx(1.3, abs=0.01)
    assert results[1].over_s == 0.0
    assert results[1].seconds == pytest.approx(natural, abs=0.01)  # its own file keeps its pace
