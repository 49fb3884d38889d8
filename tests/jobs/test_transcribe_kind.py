"""The kind "transcribe" in this process: what it stores, what it keeps when it is stopped, and what it leaves behind."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.jobs.recordings import Recordings, recordings_in, sentences, spoken, wav
from tests.jobs.rig import until
from utils.audio.codec import decode_trusted
from utils.jobs.transcribe_files import partial_name
from utils.transcription.contract import TranscriptionRequest
from utils.workflows import transcribe

TEXTS = sentences(8)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Recordings]:
    with recordings_in(tmp_path) as rig:
        yield rig


def test_recording_transcribed_stores_text_and_player_and_leaves_nothing_else(rig: Recordings) -> None:
    item = rig.done(spoken(TEXTS))
    assert rig.heard(item.id) == TEXTS
    assert [(file.name, file.role) for file in item.files] == [
        ("transcript.json", "transcript"), ("player.json", "peaks"), ("source.wav", "source"),
    ]  # fmt: skip
    assert rig.unfinished(item.id) == []
    facts = item.result
    assert (facts["engine"], facts["model"], facts["language"], facts["draft"]) == ("whisper", "Lengths", "en", False)
    assert (facts["segments"], facts["words"], facts["no_speech"]) == (len(TEXTS), sum(len(text.split()) for text in TEXTS), False)
    player = json.loads((rig.home(item.id) / "player.json").read_bytes())
    assert len(player["words"]) == facts["words"] and max(player["peaks"]) == 100
    assert player["seconds"] == pytest.approx(facts["seconds"], abs=0.001)


def test_upload_transcribed_moves_into_the_transcript_without_copying(rig: Recordings) -> None:
    upload = rig.upload(spoken(TEXTS[:2]))
    inode = rig.sessions.file_path(rig.session, upload.id, "source.wav").stat().st_ino
    job = transcribe.start(rig.services, rig.session, [upload.id], TranscriptionRequest())[0]
    assert rig.sessions.file_path(rig.session, job.id, "source.wav").stat().st_ino == inode
    assert [item.id for item in rig.sessions.list_items(rig.session)[0]] == [job.id]


def test_recording_without_sound_says_no_speech(rig: Recordings) -> None:
    item = rig.done(wav([0] * 16_000 * 3))
    assert item.result["no_speech"] and item.result["segments"] == 0
    assert rig.transcript(item.id).language == ""


def test_source_not_kept_is_gone_when_the_text_is_there(rig: Recordings) -> None:
    item = rig.done(spoken(TEXTS[:2]), keep_source=False)
    assert [file.role for file in item.files] == ["transcript", "peaks"]
    assert sorted(path.name for path in rig.home(item.id).iterdir()) == ["item.json", "job.json", "player.json", "transcript.json"]


def test_format_that_browsers_do_not_play_gets_a_copy_for_listening(rig: Recordings, tmp_path: Path) -> None:
    item = rig.done(as_format(spoken(TEXTS[:3]), tmp_path / "a.aiff", "aiff", "pcm_s16be"))
    assert [file.role for file in item.files] == ["transcript", "audio", "peaks", "source"]
    copy = decode_trusted(rig.home(item.id) / "listen.mp3")
    assert copy.seconds == pytest.approx(item.result["seconds"], abs=0.05)


def test_damaged_recording_tells_its_losses_and_gets_a_copy_for_listening(rig: Recordings) -> None:
    data = spoken(TEXTS)
    item = rig.done(data[: len(data) * 3 // 4])
    assert item.result["losses"] and "listen.mp3" in {file.name for file in item.files}
    assert rig.heard(item.id) == TEXTS[: len(rig.heard(item.id))]


def test_cancelled_job_keeps_the_text_marked_as_incomplete(rig: Recordings) -> None:
    job_id = rig.start(spoken(sentences(40)), hotwords="0.05")
    running = threading.Thread(target=rig.run, args=(job_id,))
    running.start()
    until((rig.home(job_id) / partial_name(1)).exists)
    rig.jobs.cancel(rig.session, job_id)
    running.join(60)
    item = rig.item(job_id)
    heard = rig.heard(job_id)
    assert rig.state(job_id) == "cancelled"
    assert item.result["incomplete"] and 0 < len(heard) < 40
    assert heard == sentences(40)[: len(heard)]
    assert 0 < rig.transcript(job_id).options["done_s"] < item.result["seconds"]


def test_cancelled_job_retried_goes_on_and_ends_whole(rig: Recordings) -> None:
    job_id = rig.start(spoken(sentences(40)), hotwords="0.02")
    running = threading.Thread(target=rig.run, args=(job_id,))
    running.start()
    until((rig.home(job_id) / partial_name(1)).exists)
    rig.jobs.cancel(rig.session, job_id)
    running.join(60)
    lines = (rig.home(job_id) / partial_name(1)).read_bytes()
    rig.jobs.retry(rig.session, job_id)
    assert rig.run(job_id).state == "done"
    assert rig.heard(job_id) == sentences(40)
    assert "incomplete" not in rig.item(job_id).result
    assert lines and rig.unfinished(job_id) == []


def test_engine_that_fails_fails_its_recording_alone(rig: Recordings) -> None:
    bad = rig.start(spoken(TEXTS[:2]), prompt="crash")
    good = rig.start(spoken(TEXTS[:2]))
    failed = rig.run(bad)
    assert failed.state == "failed" and failed.error and failed.error["code"] == "engine_crashed"
    assert rig.run(good).state == "done"
    assert "source.wav" in {path.name for path in rig.home(bad).iterdir()}


def test_source_of_another_item_that_is_gone_fails_with_a_sentence(rig: Recordings) -> None:
    first = rig.done(spoken(TEXTS[:2]))
    speech = rig.sessions.create_item(
        rig.session, folder="single", kind="speech", title="Speech", request={},
        built={"speech.wav": rig.sessions.file_path(rig.session, first.id, "source.wav")},
        listed=[first.files[-1].__class__("speech.wav", "audio/wav", first.files[-1].size_bytes, "audio")],
    )  # fmt: skip
    job = transcribe.start(rig.services, rig.session, [speech.id], TranscriptionRequest())[0]
    rig.sessions.delete_item(rig.session, speech.id)
    failed = rig.run(job.id)
    assert failed.state == "failed" and failed.error and failed.error["code"] == "bad_input"


def as_format(data: bytes, path: Path, container: str, codec: str) -> bytes:
    """A WAV file in another container."""
    import io

    import av

    with av.open(io.BytesIO(data)) as source, av.open(str(path), "w", format=container) as target:
        stream = target.add_stream(codec, rate=16_000)
        stream.layout = "mono"  # type: ignore[attr-defined]
        for frame in source.decode(audio=0):
            target.mux(stream.encode(frame))  # type: ignore[attr-defined]
        target.mux(stream.encode(None))  # type: ignore[attr-defined]
    return path.read_bytes()
