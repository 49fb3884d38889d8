"""The first run of a fresh server: no model anywhere, and there is text, told to be a draft wherever it is shown."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes.hub import FakeHub
from tests.jobs.recordings import recordings_in, spoken
from tests.transcription.clips import MICRO
from utils.jobs.kinds import KINDS
from utils.jobs.transcribe_files import HEADER, partial_name
from utils.transcription.models import DRAFT_NOTE
from utils.workflows import transcribe, transcripts


def test_recording_without_any_model_becomes_a_labelled_draft(tmp_path: Path) -> None:
    with recordings_in(tmp_path) as rig:
        rig.settings = replace(rig.settings, whisper_model="base", hf_hub_offline=True)
        rig.services = replace(rig.services, settings=rig.settings)
        offered = transcribe.options(rig.services)
        assert (offered.engine, offered.note) == ("draft", DRAFT_NOTE)
        job_id = rig.start(spoken(["Good night.", "The weather is hot today."]))
        rig.runner(KINDS)(str(rig.name(job_id)))
        status = rig.jobs.status(rig.session, job_id)
        assert (status.state, status.error) == ("done", None)
        facts = rig.item(job_id).result
        assert facts["draft"] and facts["engine"] == "draft" and facts["fallback"] and facts["words"]
        assert transcripts.view(rig.services, rig.session, job_id).notes[0] == DRAFT_NOTE
        for form in ("txt", "vtt", "json"):
            made = transcripts.render(rig.services, rig.session, job_id, form)
            assert b"raft" in made.data, form


def test_model_whose_fetch_breaks_off_makes_room_for_the_draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeHub(MICRO, "somebody/micro", "0123456789abcdef0123456789abcdef01234567") as hub, recordings_in(tmp_path) as rig:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        hub.wrong.spoil = {"model.bin"}
        rig.settings = replace(rig.settings, whisper_model="somebody/micro", stt_engine="auto")
        job_id = rig.start(spoken(["Good night."]))
        rig.runner(KINDS)(str(rig.name(job_id)))
        status = rig.jobs.status(rig.session, job_id)
        assert (status.state, status.error) == ("done", None)
        facts = rig.item(job_id).result
        assert (facts["engine"], facts["draft"]) == ("draft", True)
        assert facts["fallback"]
        assert hub.sent["model.bin"] > 0


def test_text_that_another_engine_began_is_begun_anew(tmp_path: Path) -> None:
    with recordings_in(tmp_path) as rig:
        rig.settings = replace(rig.settings, whisper_model="base", hf_hub_offline=True)
        job_id = rig.start(spoken(["Good night."]))
        home = rig.home(job_id)
        (home / HEADER).write_text(json.dumps({"engine": "whisper"}))
        (home / partial_name(1)).write_text("words that the other engine heard")
        rig.runner(KINDS)(str(rig.name(job_id)))
        assert rig.jobs.status(rig.session, job_id).state == "done"
        assert rig.transcript(job_id).engine == "draft"
        assert "other engine" not in " ".join(rig.heard(job_id))
