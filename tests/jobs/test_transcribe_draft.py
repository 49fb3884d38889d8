"""The first run of a fresh server: no model anywhere, and there is text, told to be a draft wherever it is shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.jobs.recordings import recordings_in, spoken
from utils.jobs.kinds import KINDS
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
