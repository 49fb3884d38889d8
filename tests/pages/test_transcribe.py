"""The Transcribe page: what arrives, its options, what is in work, what came of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.pages.conftest import Clock, CountingEngine, drawn, words
from tests.pages.stage import tone
from tests.pages.transcribe_stage import MODEL, HearingJobs, TranscribeStage, press, segment, transcript
from utils.errors import UnreadableSound
from utils.jobs.file_jobs import SESSION_LIMIT
from utils.services import Services
from utils.session_manager import SessionManager, set_manager
from utils.settings import Settings
from utils.transcription.contract import Dropped, GateReport, TranscriptionRequest
from utils.transcription.models import DRAFT_NOTE
from utils.ui import state
from utils.ui.transcribe_fields import DRAFT, key

CANARY = '<img src=x onerror="alert(1)">**bold** $x$ :red[r]'


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TranscribeStage]:
    """A server with a Whisper model and one visitor."""
    yield from staged(tmp_path, monkeypatch, {"WHISPER_MODEL": str(MODEL)})


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TranscribeStage]:
    """A server without any Whisper model."""
    yield from staged(tmp_path, monkeypatch, {"WHISPER_MODEL": str(tmp_path / "nothing")})


def staged(folder: Path, patch: pytest.MonkeyPatch, environment: dict[str, str]) -> Iterator[TranscribeStage]:
    clock = Clock()
    patch.setenv("HF_HUB_CACHE", str(folder / "cache"))
    settings = Settings.load({"OUTPUTS_DIR": str(folder / "outputs"), **environment}, dotenv=folder / ".env")
    sessions = SessionManager.from_settings(settings, clock)
    jobs = HearingJobs(sessions)
    no_supervisor: Any = None  # started by the server's lifespan, which no page sees
    engines: dict[str, Any] = {"espeak": CountingEngine("eSpeak NG", 0)}
    services = Services(settings, sessions, jobs, engines, no_supervisor, clock=clock)
    session_id = sessions.create_session()
    patch.setattr(state, "services", lambda: services)
    patch.setattr(state, "current_session", lambda: session_id)
    yield TranscribeStage(services, jobs, session_id, clock)
    set_manager(None)


# ---- what arrives


def test_transcribe_empty_page_says_what_will_be_here_and_cannot_start(stage: TranscribeStage) -> None:
    page = stage.open()
    assert "Transcripts appear here" in words(page)
    assert page.button(key=key("go")).disabled
    told = drawn(page, "intake")[0]
    assert "500 MB" in told["limitWords"] and "MAX_UPLOAD_MB" in told["limitWords"]
    assert told["limit"] == 500 * 2**20
    assert "12 h" in told["hint"] and "video/*" in told["accept"] and ".mp3" in told["accept"]


def test_transcribe_what_has_arrived_is_listed_for_every_tab_and_started_with_the_options(stage: TranscribeStage) -> None:
    stage.sent("one.wav")
    stage.sent("two.wav")
    page = stage.open()
    assert [line["title"] for line in drawn(page, "intake")[0]["waiting"]] == ["one", "two"]
    assert page.button(key=key("go")).label == "Transcribe 2 recordings"
    page.selectbox(key=key("language")).set_value("de").run()
    press(page, "go")
    asked = [TranscriptionRequest.from_dict(job.request) for job in stage.jobs.asked]
    assert [one.language for one in asked] == ["de", "de"]
    assert drawn(page, "intake")[0]["waiting"] == []
    again = stage.open()
    assert again.selectbox(key=key("language")).value == "de"


def test_transcribe_options_of_more_reach_the_request(stage: TranscribeStage) -> None:
    stage.sent()
    page = stage.open()
    page.session_state[key("more")] = True
    page.run()
    page.text_input(key=key("hotwords")).set_value("Okonkwo").run()
    page.text_area(key=key("prompt")).set_value("An interview.").run()
    page.selectbox(key=key("batch")).set_value(False).run()
    page.slider(key=key("beam")).set_value(2).run()
    for name in ("words", "vad", "forget"):
        toggle = page.toggle(key=key(name))
        toggle.set_value(not toggle.value).run()
    press(page, "go")
    made = TranscriptionRequest.from_dict(stage.jobs.asked[0].request)
    assert (made.hotwords, made.prompt, made.batch, made.beam_size) == ("Okonkwo", "An interview.", False, 2)
    assert (made.word_timestamps, made.vad, made.keep_source) == (False, False, False)


def test_transcribe_a_refused_track_is_one_sentence_and_makes_nothing(stage: TranscribeStage) -> None:
    stage.sent()
    page = stage.open()
    page.session_state[key("track")] = 9
    press(page, "go")
    assert 'role="alert"' in words(page) and "track" in words(page)
    assert stage.jobs.asked == []
    assert len(drawn(page, "intake")[0]["waiting"]) == 1


def test_transcribe_a_recording_by_microphone_waits_like_a_file(stage: TranscribeStage) -> None:
    page = stage.open()
    page.session_state[key("microphone")] = True
    page.run()
    page.audio_input[0].upload("audio.wav", tone(1.0)).run()
    assert not page.exception
    waiting = drawn(page, "intake")[0]["waiting"]
    assert [line["title"].startswith("Recording ") for line in waiting] == [True]
    assert not page.button(key=key("go")).disabled


# ---- options


def test_transcribe_without_a_model_says_draft_and_disables_what_it_cannot(bare: TranscribeStage) -> None:
    page = bare.open()
    assert DRAFT_NOTE.split(":")[0] in words(page)
    assert page.selectbox(key=key("language")).disabled and page.selectbox(key=key("language")).value == "en"
    assert page.selectbox(key=key("task")).disabled
    assert "knows English only" in words(page)


def test_transcribe_with_a_model_has_no_banner_and_choosing_draft_disables_the_rest(stage: TranscribeStage) -> None:
    page = stage.open()
    assert DRAFT_NOTE.split(":")[0] not in words(page)
    assert not page.selectbox(key=key("task")).disabled
    page.session_state[key("more")] = True
    page.selectbox(key=key("model")).set_value(DRAFT).run()
    assert page.selectbox(key=key("task")).disabled
    assert page.slider(key=key("beam")).disabled and page.text_input(key=key("hotwords")).disabled


# ---- in work


def test_transcribe_work_shows_place_footage_time_left_text_and_note(stage: TranscribeStage) -> None:
    page, job_id = stage.started()
    row = drawn(page, "queue")[0]["rows"][0]
    assert (row["state"], row["facts"]) == ("queued", "next in the queue")
    stage.jobs.hears(job_id, "Good morning.", "Open the door.", total_s=5400.0, done=2535.0, eta_s=240.0, note="Fetching.")
    page.run()
    row = drawn(page, "queue")[0]["rows"][0]
    assert row["count"] == "42:15 / 1:30:00"
    assert "about 4 min left" in row["facts"]
    assert row["text"] == ["Good morning.", "Open the door."]
    assert row["note"] == "Fetching."


def test_transcribe_another_tab_shows_the_same_work(stage: TranscribeStage) -> None:
    _, job_id = stage.started()
    assert [row["id"] for row in drawn(stage.open(), "queue")[0]["rows"]] == [job_id]


def test_transcribe_cancelled_keeps_its_text_and_goes_on(stage: TranscribeStage) -> None:
    page, job_id = stage.started()
    stage.jobs.hears(job_id, "Good morning.")
    stage.jobs.cancel(stage.session_id, job_id)
    page.run()
    assert not page.exception
    assert "What was heard until then is kept." in words(page)
    assert drawn(page, "transcript")[0]["rows"][0]["text"] == "Good morning."
    press(page, "retry")
    assert stage.jobs.status(stage.session_id, job_id).state == "queued"


def test_transcribe_one_bad_file_fails_alone_and_says_why(stage: TranscribeStage) -> None:
    stage.sent("good.wav")
    stage.sent("bad.wav")
    page = press(stage.open(), "go")
    bad, good = stage.jobs.of_session(stage.session_id)
    stage.jobs.fail(bad.id, UnreadableSound("The file ends in its middle.", "Send it again."))
    stage.jobs.heard(good.id, transcript("Good morning."))
    page.run()
    lines = [line for part in drawn(page, "roster") for line in part["rows"]]
    assert any(line["trouble"] == "The file ends in its middle." and line["mark"] == "failed" for line in lines) or (
        "The file ends in its middle." in words(page)
    )


def test_transcribe_a_hundred_recordings_start_as_there_is_room_and_few_are_drawn(stage: TranscribeStage) -> None:
    for number in range(SESSION_LIMIT + 8):
        stage.sent(f"take {number}.wav")
    page = press(stage.open(), "go")
    assert len(stage.jobs.asked) == SESSION_LIMIT
    told = drawn(page, "queue")[0]
    assert len(told["rows"]) == 12 and told["more"] == SESSION_LIMIT - 12
    assert "The rest begins by itself" in words(page)
    for job in stage.jobs.of_session(stage.session_id, open_only=True)[: SESSION_LIMIT - 4]:
        stage.jobs.heard(job.id, transcript("Good morning."))
    page.run()
    assert len(stage.jobs.asked) == SESSION_LIMIT + 8
    assert drawn(page, "intake")[0]["waiting"] == []


# ---- what came of it


def test_transcribe_done_shows_player_facts_text_doubt_and_downloads(stage: TranscribeStage) -> None:
    made = transcript("Good morning.", "Open the door.")
    made = replace(made, segments=(*made.segments, segment("Perhaps Friday.", 4.0, sure=0.31, doubt="unsure")))
    stage.done(made)
    page = stage.open()
    assert not page.exception
    player = drawn(page, "player")[0]
    assert "English, 98 % sure" in player["head"] and "Whisper base" in player["head"]
    assert player["text"] is False
    told = drawn(page, "transcript")[0]
    assert told["audio"] == player["audio"] and "/files/source" in told["audio"]
    assert [row["text"] for row in told["rows"]] == ["Good morning.", "Open the door.", "Perhaps Friday."]
    assert told["rows"][2]["words"][0][3] == 31 < told["below"]
    assert told["rows"][2]["doubt"] and told["doubtful"] == 1
    labels = [button.label for button in page.get("download_button")]
    assert {"TXT", "SRT", "VTT", "TSV", "JSON", "LRC", "DOCX"} <= set(labels)


def test_transcribe_what_was_left_out_and_lost_is_told_at_its_place(stage: TranscribeStage) -> None:
    gate = GateReport(dropped=(Dropped(2.0, 10.0, "no_voice", 4),))
    made = transcript("Good morning.", "Open the door.", gate=gate, sound={"gaps": [{"at_s": 1.5, "seconds": 3.0}]})
    made = replace(made, segments=(made.segments[0], segment("Open the door.", 12.0)))
    stage.done(made, losses=["3.0 s of the recording are missing."])
    page = stage.open()
    rows = drawn(page, "transcript")[0]["rows"]
    assert rows[0]["notes"] == []
    assert "damaged here" in rows[1]["notes"][0] and "left out here" in rows[1]["notes"][1]
    assert "3.0 s of the recording are missing." in words(page)


def test_transcribe_no_speech_is_said_plainly(stage: TranscribeStage) -> None:
    stage.done(transcript(language="", language_probability=None, seconds=200.0))
    page = stage.open()
    assert "No speech was found in this recording." in words(page)
    assert not drawn(page, "transcript")


def test_transcribe_long_text_is_paged(stage: TranscribeStage) -> None:
    stage.done(transcript(*(f"This is sentence number {number}." for number in range(5_000))))
    page = stage.open()
    told = drawn(page, "transcript")[0]
    assert len(told["rows"]) <= 100
    assert told["pages"] == 100
    assert told["span"] == "1 to 50 of 5,000 segments"


def test_transcribe_subtitles_show_the_preset_and_its_report(stage: TranscribeStage) -> None:
    job_id = stage.done(transcript("Good morning. " * 12, "Open the door."))
    page = stage.open()
    page.session_state[f"{key('shown')}_{job_id}"] = "Subtitles"
    page.run()
    assert not page.exception
    lists = [part for part in drawn(page, "roster") if part["label"] == "Subtitles"]
    figures = {figure["label"]: figure["value"] for figure in lists[0]["figures"]}
    assert int(figures["break a rule"]) > 0
    assert any(line["trouble"] for line in lists[0]["rows"])
    before = figures["cues"]
    page.selectbox(key=key("preview")).set_value("reels").run()
    lists = [part for part in drawn(page, "roster") if part["label"] == "Subtitles"]
    assert int(lists[0]["figures"][0]["value"]) > int(before)


def test_transcribe_again_as_another_language_needs_no_upload(stage: TranscribeStage) -> None:
    job_id = stage.done(transcript("Good morning."))
    page = stage.open()
    page.session_state[key("again_box")] = True
    page.run()
    page.selectbox(key=f"{key('again_language')}_{job_id}").set_value("de").run()
    press(page, "again")
    asked = stage.jobs.asked[-1]
    assert asked.item_id == job_id and asked.request["language"] == "de"


def test_transcribe_names_and_texts_of_people_are_no_markup(stage: TranscribeStage) -> None:
    stage.done(transcript(CANARY), name=f"{CANARY.replace('/', '')}.wav")
    stage.sent(f"{CANARY}.wav")
    page = stage.open()
    assert not page.exception
    marked = [element.value for kind in (page.markdown, page.caption) for element in kind]
    marked += [element.proto.body for element in page.html]
    assert not any("<img" in said for said in marked)


def test_transcribe_check_of_speech_shows_the_word_error_rate_and_what_differs(stage: TranscribeStage) -> None:
    job_id = stage.done(transcript("Good evening.", "Open the door."))
    request = stage.services.sessions.get_item(stage.session_id, job_id).request | {"reference": "Good morning. Open the door."}
    stage.services.sessions.update_item(stage.session_id, job_id, request=request)
    page = stage.open()
    assert not page.exception
    said = words(page)
    assert "20" in said and "morning" in said and "evening" in said


def test_transcribe_text_only_says_that_words_cannot_be_heard(stage: TranscribeStage) -> None:
    job_id = stage.done(transcript("Good morning."))
    item = stage.services.sessions.get_item(stage.session_id, job_id)
    kept = tuple(file for file in item.files if file.role != "source")
    stage.services.sessions.update_item(stage.session_id, job_id, files=kept)
    page = stage.open()
    assert "The recording is not kept" in words(page)
    assert drawn(page, "transcript")[0]["audio"] == ""


def test_transcribe_several_as_one_zip(stage: TranscribeStage) -> None:
    stage.done(transcript("Good morning."), "one.wav")
    stage.done(transcript("Good night."), "two.wav")
    page = stage.open()
    page.session_state[key("zip_box")] = True
    page.run()
    assert not page.exception
    assert "ZIP of 2 transcripts" in [button.label for button in page.get("download_button")]
