"""Servers that are killed in the middle of a speech: after the next start nothing of it is left."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import httpx
import psutil
import pytest

from tests.api.served import served
from tests.openai.left import left, words_on_disk
from tests.speech.prose import prose
from tests.storage.support import everything

CANARY = "Quokka"
BODY = {"model": "tts-1", "voice": "alloy", "input": f"{CANARY} {prose(12_000)}", "response_format": "aac"}


@pytest.mark.skipif(os.name != "posix", reason="kill -9")
def test_server_and_workers_killed_in_the_middle_leave_nothing_after_the_next_start(tmp_path: Path) -> None:
    folder = tmp_path / "first"
    folder.mkdir()
    with served(folder, TRANSCRIBE_WORKERS="0") as server:
        outputs = server.outputs
        with server.client() as http, pytest.raises(httpx.TransportError):  # noqa: SIM117
            with http.stream("POST", "/v1/audio/speech", json=BODY) as answer:
                pieces = answer.iter_raw()
                next(pieces)
                assert words_on_disk(outputs, [CANARY])
                family = psutil.Process(server.pid)
                for process in [family, *family.children(recursive=True)]:
                    os.kill(process.pid, signal.SIGKILL)
                for _ in pieces:
                    pass
    assert left(outputs)
    again = tmp_path / "second"
    again.mkdir()
    with served(again, OUTPUTS_DIR=str(outputs), TRANSCRIBE_WORKERS="0") as server, server.client() as http:
        made = http.post("/v1/audio/speech", json={"model": "tts-1", "voice": "alloy", "input": "Good day."})
        assert made.status_code == 200 and made.content
    assert left(outputs) == []
    assert words_on_disk(outputs, [CANARY]) == []
    sessions = [name for name in everything(outputs) if "/" not in name and not name.startswith(".")]
    assert sessions == []  # that of the second server ended with it
