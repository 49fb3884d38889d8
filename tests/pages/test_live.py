"""The Live page around its recorder: what the recorder is told, and what becomes of a recording."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.conftest import Stage, drawn, words
from utils.errors import BadInput
from utils.jobs import live_slots
from utils.jobs.contract import JobStatus
from utils.jobs.live_kind import OF_RECORDING, RECORD
from utils.jobs.machine import Sign
from utils.storage.item import Item, ItemFile
from utils.storage.live_facts import LiveFacts
from utils.storage.recordings import CAPTIONS
from utils.transcription import captions_file, transcript_file
from utils.transcription.captions_rules import Caption
from utils.transcription.contract import Segment, Transcript
from utils.ui import state

CANARY = "<img src=x onerror=alert(1)> **bold** $x$"


def opened(stage: Stage) -> AppTest:
    """The page in a new tab."""
    return stage.open().switch_page("../../pages/live.py").run()


def began(stage: Stage, title: str = "Meeting") -> Item:
    """A recording that is open."""
    assert stage.session_id
    stage.clock.now += 1
    facts = LiveFacts(16_000, language="de", captions=False, started_at=stage.clock.now)
    return stage.services.sessions.create_recording(stage.session_id, title=title, request={OF_RECORDING: True}, facts=facts)


def over(stage: Stage, item: Item) -> None:
    """It has ended, and nothing more is to be done."""
    assert stage.session_id
    sessions = stage.services.sessions
    sessions.change_recording(stage.session_id, item.id, lambda facts: facts.ended(stage.clock.now, "stop"))
    sessions.open_recordings.drop(stage.session_id, item.id)


def made(stage: Stage, text: str, title: str = "Meeting") -> Item:
    """A recording with its files and its text."""
    assert stage.session_id
    item, sessions = began(stage, title), stage.services.sessions
    over(stage, item)
    transcript = Transcript((Segment(0.0, 2.0, text, (), "en"),), "en", None, "whisper", "micro", 2.0)
    files = {
        "listen.mp3": (b"sound", "audio/mpeg", "audio"),
        "recording.wav": (b"sound", "audio/wav", "source"),
        "captions.srt": (b"1", "application/x-subrip", "captions"),
        "captions.txt": (b"1", "text/plain", "captions"),
        "transcript.json": (transcript_file.to_bytes(transcript), "application/json", "transcript"),
    }
    for name, (data, _, _) in files.items():
        sessions.write_file(stage.session_id, item.id, name, data)
    listed = tuple(ItemFile(name, media, len(data), role) for name, (data, media, role) in files.items())
    sessions.become_transcript(stage.session_id, item.id)
    return sessions.update_item(stage.session_id, item.id, files=listed, result={"seconds": 2.0})


def test_live_recorder_is_told_limit_languages_and_that_there_is_nothing_open(stage: Stage) -> None:
    told = drawn(opened(stage), "live")[0]
    assert (told["limit"], told["open"], told["address"]) == (4 * 3600, None, "/api/v1/live")
    assert told["languages"][0][1] and told["hint"]


def test_live_open_recording_is_handed_to_the_recorder_and_is_no_card(stage: Stage) -> None:
    item = began(stage)
    page = opened(stage)
    assert drawn(page, "live")[0]["open"] == {"id": item.id, "sample_rate": 16_000, "language": "de"}
    assert "Meeting" not in words(page)


def test_live_recording_shows_its_text_as_it_was_said_and_its_files(stage: Stage) -> None:
    item = made(stage, CANARY, CANARY)
    page = opened(stage)
    assert not page.exception
    said = words(page)
    assert "<img" not in "".join(element.proto.body for element in page.html)
    assert "&lt;img src=x onerror=alert(1)&gt; **bold** $x$" in said
    for name in ("files/recording.wav", "files/listen.mp3", "files/captions.srt", "transcript.srt", "transcript.txt"):
        assert f'href="/api/v1/items/{item.id}/{name}"' in said


def test_live_text_is_opened_where_it_can_be_corrected(stage: Stage) -> None:
    item = made(stage, "Good morning.")
    page = opened(stage)
    page.button("live_read").click().run()
    assert page.session_state["transcribe_open"] == item.id
    assert page.markdown[0].value.startswith("# Transcribe")


def test_live_recording_in_work_says_that_it_is_kept_and_failed_says_why(stage: Stage) -> None:
    assert stage.session_id
    item = began(stage)
    over(stage, item)
    job = JobStatus(item.id, stage.session_id, RECORD, "running", "Meeting", submitted_at=stage.clock.now)
    stage.jobs.jobs[item.id] = job
    page = opened(stage)
    assert "your recording is kept" in words(page)
    stage.jobs.fail(item.id, BadInput("Nothing was recorded: no sound has come.", "Check the microphone."))
    page = opened(stage)
    assert "Nothing was recorded" in words(page)
    page.button("live_retry").click().run()
    assert stage.jobs.jobs[item.id].state == "queued"


def test_live_other_recordings_are_lines_below_the_newest(stage: Stage) -> None:
    older, newer = made(stage, "One.", "First"), made(stage, "Two.", "Second")
    page = opened(stage)
    assert [line["key"] for line in drawn(page, "roster")[0]["rows"]] == [older.id]
    assert drawn(page, "player")[0]["label"] == newer.title


def test_live_differences_of_captions_and_final_text_are_marked(stage: Stage) -> None:
    assert stage.session_id
    item = made(stage, "Close the window.")
    line = captions_file.line(Caption(1, " Close a window.", end=2.0, at=2.0))
    stage.services.sessions.write_file(stage.session_id, item.id, CAPTIONS, line)
    page = stage.open()
    page.session_state["live_otherwise"] = True
    page = page.switch_page("../../pages/live.py").run()
    assert "Close <del>a</del> <ins>the</ins> window" in words(page)


def test_live_open_recording_is_seen_in_files_and_not_deleted_by_a_click(stage: Stage) -> None:
    item = began(stage)
    page = stage.open().switch_page("../../pages/files.py").run()
    [row] = drawn(page, "drawer")[0]["rows"]
    assert (row["title"], row["mark"], row["facts"].split(" · ")[:2]) == ("Meeting", "running", ["recording", "still open"])
    page.session_state["files_open"] = item.id
    page = page.run()
    assert "still being recorded" in words(page)
    assert not page.get("menu_button")
    page.button("files_recorder").click().run()
    assert page.markdown[0].value.startswith("# Live")
    assert drawn(page, "live")[0]["open"]["id"] == item.id


def test_live_offers_english_only_while_a_worker_cannot_get_its_model(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(stage.services.settings.outputs_dir / "none"))
    folder = stage.services.settings.queue_dir
    fetchable = replace(stage.services, settings=replace(stage.services.settings, whisper_model="base", stt_engine="auto"))
    monkeypatch.setattr(state, "services", lambda: fetchable)
    sign = Sign(folder, "live")
    sign.give()
    os.utime(sign.path, (stage.clock.now, stage.clock.now))
    live_slots.tell(folder, sign.path, 1)
    assert len(drawn(opened(stage), "live")[0]["languages"]) > 50
    live_slots.tell(folder, sign.path, 1, draft=True)
    told = drawn(opened(stage), "live")[0]
    assert told["languages"] == [["en", "English"]] and told["draft"].startswith("Draft quality, and English only")


def test_live_captions_of_the_draft_engine_are_labelled(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    draft = replace(stage.services, settings=replace(stage.services.settings, stt_engine="draft"))
    monkeypatch.setattr(state, "services", lambda: draft)
    told = drawn(opened(stage), "live")[0]
    assert told["draft"].startswith("Draft quality")
    assert told["mine"] and stage.session_id not in told["mine"]
