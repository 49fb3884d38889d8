"""Captions where no Whisper model is: partial results of the draft engine, and everybody who reads them is told."""

from __future__ import annotations

import json
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.api.served import Served, served
from tests.live.speaking import Speaker, chunks_of, sound, speaking, token_of
from utils.transcription.engines.whisper_selftest import CLIP
from utils.transcription.models import DRAFT_NOTE


@contextmanager
def begun(server: Served, client: httpx.Client) -> Iterator[tuple[Speaker, str]]:
    """A session, and then a line: who connects has to say at once what for."""
    token = token_of(client)
    with speaking(server.url) as speaker:
        yield speaker, token


def test_captions_without_a_model_come_while_somebody_speaks_and_are_called_a_draft(tmp_path: Path) -> None:
    with wave.open(str(CLIP)) as file:
        pcm = file.readframes(file.getnframes()) + bytes(32_000)  # and a second of silence
    settings = {"WHISPER_MODEL": str(tmp_path / "none"), "HF_HUB_OFFLINE": "1", "LIVE_WORKERS": "1"}
    with served(tmp_path, **settings) as server, server.client() as client, begun(server, client) as (speaker, token):
        speaker.say("start", sample_rate=16_000, token=token, transcript=False)
        item_id = speaker.until("status")["item_id"]
        for seq, chunk in enumerate(chunks_of(pcm * 2)):
            speaker.send(seq, chunk)
        words = speaker.until("words", 60)  # before the end
        assert words["all"] and words["draft"] == DRAFT_NOTE
        assert words["committed"] or words["tentative"]
        with speaking(server.url) as viewer:
            viewer.say("watch", item_id=item_id, token=token)
            assert viewer.until("words", 60)["draft"] == DRAFT_NOTE
        speaker.say("stop")
        speaker.until("final", 60)
        answer = client.get(f"/api/v1/items/{item_id}/files/captions.txt", headers={"Authorization": f"Bearer {token}"})
        assert DRAFT_NOTE in answer.text
        item = client.get(f"/api/v1/items/{item_id}", headers={"Authorization": f"Bearer {token}"}).json()
        assert item["result"]["engine"] == "draft" and "draft" in item["result"]["engine_label"]
        about = json.loads(next(tmp_path.glob(f"outputs/*/single/{item_id}/captions.json")).read_bytes())
        assert about["engine"] == "draft" and about["fallback"]


def test_captions_that_break_off_say_so_and_the_recording_goes_on(tmp_path: Path) -> None:
    settings = {"WHISPER_MODEL": str(tmp_path / "none"), "STT_ENGINE": "whisper", "HF_HUB_OFFLINE": "1", "LIVE_WORKERS": "1"}
    with served(tmp_path, **settings) as server, server.client() as client, begun(server, client) as (speaker, token):
        speaker.say("start", sample_rate=16_000, token=token, transcript=False)
        assert speaker.until("status")["captions"] is True
        told = speaker.until("status", 60, captions=False)
        assert told["status"] == "recording"
        assert told["note"].startswith("The captions broke off. The folder that WHISPER_MODEL names")
        pcm = sound(1.0)
        speaker.send(0, pcm[:16_000])
        speaker.send(1, pcm[16_000:])
        speaker.acked(1)
        speaker.say("stop", next_seq=2)
        item_id = speaker.until("final", 60)["item_id"]
        with wave.open(str(next(tmp_path.glob(f"outputs/*/single/{item_id}/recording.wav")))) as file:
            assert file.readframes(file.getnframes()) == pcm
