"""The workflows of recordings: growing text, corrections, checks of speech, estimates, archives, what the player hears."""

from __future__ import annotations

import csv
import io
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.jobs.recordings import SENTENCES, Recordings, recordings_in, sentences, spoken, wav
from tests.jobs.rig import until
from utils.errors import BadInput, Conflict, ModelUnavailable, NotFound, PreconditionFailed
from utils.jobs.transcribe_files import partial_name
from utils.speech.contract import SpeechRequest
from utils.storage.item import Item, ItemFile
from utils.transcription.contract import TranscriptionRequest
from utils.transcription.edits import SetText
from utils.workflows import transcribe, transcripts

TEXTS = sentences(6, seed=7)
ALL = ("txt", "srt", "vtt", "tsv", "json", "lrc", "docx")


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Recordings]:
    with recordings_in(tmp_path) as rig:
        yield rig


def speech_item(rig: Recordings, said: list[str], sounds: list[str]) -> Item:
    """A speech item whose sound says `sounds`."""
    upload = rig.upload(spoken(sounds))
    path = rig.sessions.file_path(rig.session, upload.id, "source.wav")
    return rig.sessions.create_item(
        rig.session,
        folder="single",
        kind="speech",
        title="Lesson",
        request=SpeechRequest(" ".join(said), language="en-GB").as_dict(),
        result={"language": "en-GB", "seconds": 3.0},
        built={"speech.wav": path},
        listed=(ItemFile("speech.wav", "audio/wav", path.stat().st_size, "audio"),),
    )


def test_view_of_a_growing_text_shows_what_there_is(rig: Recordings) -> None:
    texts = sentences(40)
    job_id = rig.start(spoken(texts), hotwords="0.03")
    assert transcripts.view(rig.services, rig.session, job_id).transcript is None
    running = threading.Thread(target=rig.run, args=(job_id,))
    running.start()
    until((rig.home(job_id) / partial_name(1)).exists)
    view = transcripts.view(rig.services, rig.session, job_id)
    heard = [segment.text for _, segment in view.segments]
    assert view.state == "running" and heard and heard == texts[: len(heard)]
    assert view.transcript is not None and view.transcript.engine == "whisper" and view.etag == ""
    with pytest.raises(Conflict):
        transcripts.edit(rig.services, rig.session, job_id, 0, SetText(0, "Not yet."))
    assert transcripts.render(rig.services, rig.session, job_id, "txt").data
    running.join()
    view = transcripts.view(rig.services, rig.session, job_id)
    assert [segment.text for _, segment in view.segments] == texts and view.state == "done"


def test_view_of_doubtful_places_only(rig: Recordings) -> None:
    item = rig.done(spoken(TEXTS))
    assert transcripts.view(rig.services, rig.session, item.id, only="doubtful").total == 0
    with pytest.raises(BadInput):
        transcripts.view(rig.services, rig.session, item.id, only="some")


def test_edit_with_an_old_revision_is_refused_and_the_newer_text_stays(rig: Recordings) -> None:
    item = rig.done(spoken(TEXTS))
    revision = transcripts.edit(rig.services, rig.session, item.id, 0, SetText(0, "First tab."))
    with pytest.raises(PreconditionFailed):
        transcripts.edit(rig.services, rig.session, item.id, 0, SetText(0, "Second tab."))
    assert transcripts.view(rig.services, rig.session, item.id).segments[0][1].text == "First tab."
    assert transcripts.undo(rig.services, rig.session, item.id, revision) > revision
    assert transcripts.view(rig.services, rig.session, item.id).segments[0][1].text == TEXTS[0]


def test_edits_of_many_tabs_at_once_are_all_kept_or_refused(rig: Recordings) -> None:
    item = rig.done(spoken(TEXTS))
    kept: list[str] = []

    def tab(name: str) -> None:
        for number in range(5):
            revision = transcripts.view(rig.services, rig.session, item.id).revision
            try:
                transcripts.edit(rig.services, rig.session, item.id, revision, SetText(0, f"{name} {number}"))
            except PreconditionFailed:
                continue
            kept.append(name)

    threads = [threading.Thread(target=tab, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert kept and transcripts.view(rig.services, rig.session, item.id).revision == len(kept)


def test_correction_of_a_broken_off_text_is_kept_aside_when_the_rest_is_heard(rig: Recordings) -> None:
    texts = sentences(40)
    job_id = rig.start(spoken(texts), hotwords="0.03")
    running = threading.Thread(target=rig.run, args=(job_id,))
    running.start()
    until((rig.home(job_id) / partial_name(1)).exists)
    rig.jobs.cancel(rig.session, job_id)
    running.join()
    transcripts.edit(rig.services, rig.session, job_id, 0, SetText(0, "Corrected by hand."))
    rig.jobs.retry(rig.session, job_id)
    assert rig.run(job_id).state == "done"
    view = transcripts.view(rig.services, rig.session, job_id)
    assert [segment.text for _, segment in view.segments] == texts and not view.edited
    assert {"transcript-part.json", "edits-part.json"} <= {path.name for path in rig.home(job_id).iterdir()}
    assert [file.name for file in rig.item(job_id).files if file.role == "older"] == ["transcript-part.json"]


def test_heard_again_without_corrections_leaves_no_older_text(rig: Recordings) -> None:
    item = rig.done(spoken(TEXTS))
    transcribe.again(rig.services, rig.session, item.id, TranscriptionRequest(language="de"))
    assert rig.run(item.id).state == "done"
    assert rig.transcript(item.id).language == "de"
    assert rig.unfinished(item.id) == [] and not any(file.role == "older" for file in rig.item(item.id).files)
    names = {path.name for path in rig.home(item.id).iterdir()}
    assert "transcript-2.json" in names and "transcript.json" not in names


def test_heard_again_and_cancelled_keeps_the_old_text(rig: Recordings) -> None:
    item = rig.done(spoken(TEXTS))
    transcribe.again(rig.services, rig.session, item.id, TranscriptionRequest(language="de"))
    rig.jobs.cancel(rig.session, item.id)
    view = transcripts.view(rig.services, rig.session, item.id)
    assert [segment.text for _, segment in view.segments] == TEXTS and view.transcript and view.transcript.language == "en"


def test_heard_again_without_its_recording_is_refused_in_a_sentence(rig: Recordings) -> None:
    item = rig.done(spoken(TEXTS[:2]), keep_source=False)
    with pytest.raises(BadInput):
        transcribe.again(rig.services, rig.session, item.id, TranscriptionRequest())


def test_speech_checked_by_transcribing_tells_its_word_error_rate(rig: Recordings) -> None:
    said = [SENTENCES[1], SENTENCES[3], SENTENCES[5]]
    right, wrong = speech_item(rig, said, said), speech_item(rig, said, [said[0], SENTENCES[0], said[2]])
    rates = []
    for item in (right, wrong):
        job = transcribe.check(rig.services, rig.session, item.id)
        assert rig.run(job.id).state == "done"
        rates.append(rig.item(job.id).result["wer"])
        assert rig.sessions.get_item(rig.session, item.id) == item  # by reference: it stays as it was
    assert rates[0] == 0.0 and rates[1] > 0.2
    view = transcripts.view(rig.services, rig.session, job.id)
    assert view.comparison is not None and view.comparison.wer == pytest.approx(rates[1], abs=1e-4)


def test_check_of_what_is_no_speech_is_refused(rig: Recordings) -> None:
    upload = rig.upload(spoken(TEXTS[:1]))
    with pytest.raises(BadInput):
        transcribe.check(rig.services, rig.session, upload.id)


def test_estimate_comes_from_what_this_machine_took(rig: Recordings) -> None:
    first = rig.start(spoken(sentences(20)), hotwords="0.05")
    assert rig.jobs.status(rig.session, first).eta_s is None  # nothing is known yet
    rig.run(first)
    short = rig.start(spoken(sentences(10)))
    long = rig.start(spoken(sentences(40)))
    known = [rig.jobs.status(rig.session, job_id).eta_s for job_id in (short, long)]
    assert known[0] is not None and known[1] is not None and 0 < known[0] < known[1]


def test_archive_holds_every_form_of_every_transcript_and_a_manifest(rig: Recordings) -> None:
    first, second = rig.done(spoken(TEXTS)), rig.done(spoken(TEXTS[:2]))
    waiting = rig.start(spoken(TEXTS[:1]))
    entries = transcripts.archive(rig.services, rig.session, [first.id, second.id, waiting], ALL)
    names = [entry.name for entry in entries]
    assert len(names) == len(set(names)) == 2 * len(ALL) + 1 and names[-1] == "manifest.csv"
    data = entries[-1].source
    assert isinstance(data, bytes)
    lines = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))
    assert [line["state"] for line in lines] == ["done", "done", "queued"]
    assert lines[0]["words"] == str(first.result["words"]) and lines[2]["files"] == ""


def test_listen_is_the_source_the_copy_or_the_speech_that_was_checked(rig: Recordings) -> None:
    item = rig.done(spoken(TEXTS[:2]))
    assert transcripts.listen(rig.services, rig.session, item.id) == f"/api/v1/items/{item.id}/files/source.wav?inline=1"
    forgotten = rig.done(spoken(TEXTS[:2]), keep_source=False)
    assert transcripts.listen(rig.services, rig.session, forgotten.id) is None
    speech = speech_item(rig, TEXTS[:1], TEXTS[:1])
    job = transcribe.check(rig.services, rig.session, speech.id)
    assert transcripts.listen(rig.services, rig.session, job.id) == f"/api/v1/items/{speech.id}/files/speech.wav?inline=1"
    rig.sessions.delete_item(rig.session, speech.id)
    assert transcripts.listen(rig.services, rig.session, job.id) is None


def test_recording_longer_than_allowed_is_refused_before_it_is_queued(rig: Recordings) -> None:
    upload = rig.upload(wav([0] * 16_000 * 40))
    services = replace(rig.services, settings=replace(rig.settings, max_media_hours=0.01))
    with pytest.raises(Exception, match="MAX_MEDIA_HOURS"):
        transcribe.start(services, rig.session, [upload.id], TranscriptionRequest())


@pytest.mark.parametrize(
    ("settings", "request_", "error"),
    [
        ({"stt_engine": "draft"}, {"engine": "whisper"}, BadInput),
        ({"stt_engine": "draft"}, {"language": "de"}, BadInput),
        ({"stt_engine": "draft"}, {"task": "translate"}, BadInput),
        ({"stt_engine": "whisper", "hf_hub_offline": True}, {}, ModelUnavailable),
        ({"hf_hub_offline": True}, {"engine": "whisper"}, ModelUnavailable),
    ],
)
def test_request_that_no_engine_here_can_do_is_refused_at_once(
    rig: Recordings, settings: dict[str, Any], request_: dict[str, Any], error: type[Exception]
) -> None:
    services = replace(rig.services, settings=replace(rig.settings, **settings))
    with pytest.raises(error):
        transcribe.check_request(services, TranscriptionRequest(**request_))
    transcribe.check_request(replace(services, settings=replace(services.settings, stt_engine="draft")), TranscriptionRequest())


def test_somebody_elses_items_are_not_there(rig: Recordings) -> None:
    upload = rig.upload(spoken(TEXTS[:1]))
    item = rig.done(spoken(TEXTS[:1]))
    other = rig.sessions.create_session()
    for call in (
        lambda: transcribe.start(rig.services, other, [upload.id], TranscriptionRequest()),
        lambda: transcribe.again(rig.services, other, item.id, TranscriptionRequest()),
        lambda: transcripts.view(rig.services, other, item.id),
        lambda: transcripts.render(rig.services, other, item.id, "srt"),
        lambda: transcripts.listen(rig.services, other, item.id),
    ):
        with pytest.raises(NotFound):
            call()


def test_text_of_a_failed_job_can_be_read(rig: Recordings) -> None:
    job_id = rig.start(spoken(sentences(40)), hotwords="0.02")
    running = threading.Thread(target=rig.run, args=(job_id,))
    running.start()
    until((rig.home(job_id) / partial_name(1)).exists)
    rig.sessions.write_file(rig.session, job_id, "cancel", b"")  # as if its worker had died and nobody had been told
    running.join()
    record = json.loads((rig.home(job_id) / "job.json").read_bytes())
    assert record["state"] == "cancelled"
    assert transcripts.view(rig.services, rig.session, job_id).segments
