"""Recordings by OpenAI's own client: a real server, a real, small Whisper model, and nothing on the disk after any of it."""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np
import openai
import psutil
import pysrt
import pytest
import webvtt
from openai import OpenAI
from openai.types.audio import TranscriptionVerbose

from tests.api.served import Served, served
from tests.audio import hostile_media
from tests.browser.transcribe import KITCHEN, recording, wav
from tests.openai.left import MODEL, assert_nothing_left, left
from tests.transcription import clips
from utils.transcription.contract import RATE_HZ

KEY = "a-key-of-the-tests"
SAID = " ".join(KITCHEN)
NAME = "Zanzibar minutes.wav"  # in no answer, log line or file
WORDS = ("Zanzibar", "kitchen")
MOST_MB = 24
LEAST_CASES = 6
MARK = ".ses"  # of the library under the voice detector: a number of its own


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("openai")
    (folder / "temporary").mkdir()
    settings = {
        "WHISPER_MODEL": str(MODEL), "SPEECH_WORKERS": "0", "API_KEY": KEY, "MAX_UPLOAD_MB": str(MOST_MB),
        "HF_HUB_OFFLINE": "1", "TMPDIR": str(folder / "temporary"),
    }  # fmt: skip
    with served(folder, **settings) as started:
        yield started
        assert [path.name for path in (folder / "temporary").iterdir() if path.name != MARK] == []
        log = started.log
    assert not [word for word in (*WORDS, KEY) if word in log]


@pytest.fixture(autouse=True)
def clean(server: Served) -> Iterator[None]:
    """After every test nothing is left of it."""
    yield
    assert_nothing_left(server.outputs, WORDS)


@pytest.fixture(scope="module")
def client(server: Served) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{server.url}/v1", api_key=KEY, max_retries=0, timeout=90) as made:
        yield made


@pytest.fixture(scope="module")
def kitchen() -> tuple[str, bytes]:
    return NAME, recording(*KITCHEN)


@pytest.fixture(scope="module")
def long() -> tuple[str, bytes]:
    """Four minutes, of which nobody waits for the end."""
    part = clips.joined(clips.drawn(12)).samples
    return NAME, wav(np.tile(part, -(-240 * RATE_HZ // len(part))))


# ---- what the client promises


def test_text_in_all_forms_is_what_was_said(client: OpenAI, server: Served, kitchen: tuple[str, bytes]) -> None:
    make = client.audio.transcriptions.create
    plain = make(file=kitchen, model="whisper-1")
    assert plain.text == SAID and plain.usage is not None and plain.usage.type == "duration"
    assert make(file=kitchen, model="gpt-4o-transcribe", response_format="text", language="en") == SAID + "\n"
    srt = pysrt.from_string(make(file=kitchen, model=MODEL.name, response_format="srt"))
    vtt = webvtt.from_string(make(file=kitchen, model="whisper-1", response_format="vtt", prompt="Smart home."))
    for cues in ([cue.text for cue in srt], [cue.text for cue in vtt.captions]):
        assert " ".join(cues).replace("\n", " ") == SAID
    assert left(server.outputs) == []  # at once: it went before the answer


def test_verbose_answer_has_the_official_fields_and_times(client: OpenAI, kitchen: tuple[str, bytes]) -> None:
    both = client.audio.transcriptions.create(
        file=kitchen, model="whisper-1", response_format="verbose_json", timestamp_granularities=["word", "segment"]
    )
    assert isinstance(both, TranscriptionVerbose)
    TranscriptionVerbose.model_validate(both.model_dump(), strict=True)
    seconds = len(kitchen[1]) / 2 / RATE_HZ
    assert (both.text, both.language) == (SAID, "english") and both.duration == pytest.approx(seconds, abs=0.02)
    assert both.segments is not None and [part.text for part in both.segments] == list(KITCHEN)
    assert both.words is not None and [word.word for word in both.words] == SAID.split()
    assert all(0 <= word.start <= word.end <= seconds for word in both.words)
    assert all(part.avg_logprob < 0 and 0 <= part.no_speech_prob < 0.1 for part in both.segments)


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # so its client calls it, and offers it
def test_translation_is_english(client: OpenAI) -> None:
    german = wav(clips.clip("Schließe die Tür.", "de").samples)
    assert client.audio.translations.create(file=(NAME, german), model="whisper-1").text == "Close the door."
    verbose = client.audio.translations.create(file=(NAME, german), model="whisper-1", response_format="verbose_json")
    assert (verbose.language, verbose.text) == ("english", "Close the door.") and verbose.segments


def test_stream_brings_the_text_as_it_becomes_final(client: OpenAI) -> None:
    said = clips.drawn(45, seed=3)  # two minutes: the second stretch takes a second or more, in which the first is sent
    events = list(client.audio.transcriptions.create(
        file=(NAME, wav(clips.joined(said).samples)), model="whisper-1", language="en", stream=True, include=["logprobs"]
    ))  # fmt: skip
    kinds = [event.type for event in events]
    assert kinds[-1] == "transcript.text.done" and set(kinds[:-1]) == {"transcript.text.delta"}
    deltas = [event for event in events if event.type == "transcript.text.delta"]
    assert len(deltas) >= 2
    assert "".join(event.delta for event in deltas) == events[-1].text  # type: ignore[union-attr]
    assert clips.wer(" ".join(said), events[-1].text) <= 10  # type: ignore[union-attr]
    for event in deltas:
        assert event.logprobs and "".join(one.token or "" for one in event.logprobs).split() == event.delta.split()


def test_silence_is_an_empty_text_in_every_form(client: OpenAI) -> None:
    quiet = (NAME, wav(np.zeros(2 * RATE_HZ)))
    make = client.audio.transcriptions.create
    verbose = make(file=quiet, model="whisper-1", response_format="verbose_json")
    assert (verbose.text, verbose.segments) == ("", [])
    assert make(file=quiet, model="whisper-1", response_format="vtt").strip() == "WEBVTT"
    assert [event.type for event in make(file=quiet, model="whisper-1", stream=True)] == ["transcript.text.done"]


def test_draft_engine_is_named_in_a_header(client: OpenAI) -> None:
    spoken = (NAME, recording("Good morning."))
    answer = client.audio.transcriptions.with_raw_response.create(file=spoken, model="draft", response_format="verbose_json")
    assert answer.headers["sotto-engine"] == "draft"
    TranscriptionVerbose.model_validate(answer.http_response.json(), strict=True)


# ---- what is refused


def test_wrong_key_is_the_clients_authentication_error(server: Served, kitchen: tuple[str, bytes], long: tuple[str, bytes]) -> None:
    for key, file in (("another-key-of-tests", kitchen), ("a", long)):
        with OpenAI(base_url=f"{server.url}/v1", api_key=key, max_retries=0) as stranger:
            with pytest.raises(openai.AuthenticationError) as refused:
                stranger.audio.transcriptions.create(file=file, model="whisper-1")
            assert refused.value.code == "wrong_token"


@pytest.mark.parametrize(
    ("fields", "kind", "code", "param"),
    [
        ({"model": "whisper-9"}, openai.NotFoundError, "model_not_found", "model"),
        ({"model": ""}, openai.BadRequestError, "missing_required_parameter", "model"),
        ({"response_format": "docx"}, openai.BadRequestError, "invalid_value", "response_format"),
        ({"timestamp_granularities": ["word"]}, openai.BadRequestError, "invalid_value", "timestamp_granularities"),
        ({"temperature": 2}, openai.BadRequestError, "invalid_value", "temperature"),
        ({"extra_body": {"surprise": "1"}}, openai.BadRequestError, "unknown_parameter", "surprise"),
        ({"model": "draft", "language": "de"}, openai.UnprocessableEntityError, "bad_input", None),
    ],
)
def test_wrong_parameter_is_the_clients_exception_of_its_kind(
    client: OpenAI, kitchen: tuple[str, bytes], fields: dict[str, Any], kind: type[openai.APIStatusError], code: str, param: str
) -> None:
    with pytest.raises(kind) as refused:
        client.audio.transcriptions.create(**{"file": kitchen, "model": "whisper-1", **fields})
    assert (refused.value.code, refused.value.param, refused.value.type) == (code, param, "invalid_request_error")


@pytest.mark.parametrize(
    "data", [b"", b"These are words, no sound. " * 400, b"RIFF\x24\x00\x00\x00WAVEfmt ", os.urandom(20_000), b"#EXTM3U\nhttp://x/"]
)
def test_what_is_no_recording_is_415(client: OpenAI, data: bytes) -> None:
    with pytest.raises(openai.APIStatusError) as refused:
        client.audio.transcriptions.create(file=("song.mp3", data), model="whisper-1")
    assert (refused.value.status_code, refused.value.code) == (415, "unreadable_sound")


@pytest.mark.parametrize("announced", [True, False])
def test_too_large_a_recording_is_413_with_the_setting(client: OpenAI, server: Served, announced: bool) -> None:
    data = wav(np.zeros((MOST_MB * 2**20 + 4_000) // 2))
    with pytest.raises(openai.APIStatusError) as refused:
        if announced:
            client.audio.transcriptions.create(file=(NAME, data), model="whisper-1")
        else:
            _send_in_pieces(client, data)
    assert (refused.value.status_code, refused.value.code) == (413, "too_large")
    assert "MAX_UPLOAD_MB" in refused.value.message


def _send_in_pieces(client: OpenAI, data: bytes) -> None:
    """As the client asks, but without saying how much it will be."""
    body = _form(data)
    pieces = (body[at : at + 2**20] for at in range(0, len(body), 2**20))
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "multipart/form-data; boundary=b"}
    with httpx.Client(trust_env=False, timeout=60) as sender:
        answer = sender.post(f"{client.base_url}audio/transcriptions", content=pieces, headers=headers)
    raise openai.APIStatusError(
        answer.json()["error"]["message"], response=answer, body=answer.json()["error"]  # type: ignore[arg-type]
    )  # fmt: skip


def _form(data: bytes) -> bytes:
    head = b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n'
    return head + b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n' + data + b"\r\n--b--\r\n"


@pytest.mark.parametrize(
    ("files", "data", "code"),
    [
        ({}, {"model": "whisper-1"}, "missing_required_parameter"),
        ([("file", ("a.wav", recording("Stop.")))] * 2, {"model": "whisper-1"}, "invalid_value"),
    ],
)
def test_form_without_a_file_or_with_two_is_refused(server: Served, files: Any, data: dict[str, str], code: str) -> None:
    given = files or {"nothing": (None, b"")}
    with server.client(headers={"Authorization": f"Bearer {KEY}"}) as program:
        answer = program.post("/v1/audio/transcriptions", files=given, data=data)
    assert (answer.status_code, answer.json()["error"]["code"], answer.json()["error"]["param"]) == (400, code, "file")


def test_body_that_is_no_form_is_415(server: Served) -> None:
    with server.client(headers={"Authorization": f"Bearer {KEY}"}) as program:
        for options in ({"json": {"model": "whisper-1"}}, {"content": b"sound"}, {"data": {"model": "whisper-1"}}):
            answer = program.post("/v1/audio/transcriptions", **options)  # type: ignore[arg-type]
            assert (answer.status_code, answer.json()["error"]["code"]) == (415, "unsupported_media")


# ---- hostile recordings


def _hostile(client: OpenAI, server: Served, step: int) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        cases = hostile_media.cases(f"http://127.0.0.1:{listener.getsockname()[1]}/x.ts", "/victim/secret")[::step]
        wrong = []
        for case, data in ((case, case.make()) for case in cases):
            if len(data) > 4_000_000:
                continue
            try:
                client.audio.transcriptions.create(file=("talk.mp3", data), model="whisper-1", language="en")
            except openai.APIStatusError as refused:
                if refused.status_code not in (413, 415, 422) or not refused.code:
                    wrong.append(f"{case.name}: {refused}")
            if left(server.outputs):
                wrong.append(f"{case.name}: left {left(server.outputs)}")
        assert wrong == [] and len(cases) >= LEAST_CASES
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_hostile_recordings_are_heard_or_refused_and_leave_nothing(client: OpenAI, server: Served) -> None:
    _hostile(client, server, step=17)


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_every_hostile_recording_is_heard_or_refused_and_leaves_nothing(client: OpenAI, server: Served) -> None:
    _hostile(client, server, step=1)


# ---- clients that go away


def _connected(server: Served) -> socket.socket:
    parts = urlsplit(server.url)
    return socket.create_connection((parts.hostname, parts.port), timeout=30)


def _head(length: int) -> bytes:
    return (
        f"POST /v1/audio/transcriptions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\nContent-Length: {length}\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\n\r\n"
    ).encode()


def _until(server: Served, *, there: bool) -> None:
    deadline = time.monotonic() + 60
    while bool(left(server.outputs)) != there and time.monotonic() < deadline:
        time.sleep(0.02)
    assert bool(left(server.outputs)) == there


def test_abort_in_the_middle_of_the_upload_leaves_nothing(server: Served, long: tuple[str, bytes]) -> None:
    body = _form(long[1])
    for sent in (len(body) // 2, len(body) - 5):  # in the file; behind it, where it is an item already
        with _connected(server) as connection:
            connection.sendall(_head(len(body)) + body[:sent])
            _until(server, there=True)
        _until(server, there=False)


def _open_job(server: Served) -> str:
    """The one job that is open now, as the log calls it, once its worker began: one that waits yet would end without a word."""
    deadline = time.monotonic() + 60
    while True:
        for marker in (server.outputs / ".open").glob("[0-9a-f]*"):
            job = re.sub(r"(~\d{8}-\d{6}).*(-[0-9a-f]{4})$", r"\1\2", marker.name)
            if any(job in line and "job_started" in line for line in server.log.splitlines()):
                return job
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _assert_broken_off(server: Served, job: str) -> None:
    """Hold that nothing is left of a job, and that its worker gave it up instead of finishing it."""
    _until(server, there=False)
    deadline = time.monotonic() + 60
    while not (lines := [line for line in server.log.splitlines() if job in line and "job_started" not in line]):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert "state=done" not in lines[0]


def test_abort_in_the_middle_of_the_answer_ends_the_work(server: Served, long: tuple[str, bytes]) -> None:
    body = _form(long[1])
    with _connected(server) as connection:
        connection.sendall(_head(len(body)) + body)
        job = _open_job(server)
    _assert_broken_off(server, job)


def test_abort_in_the_middle_of_a_stream_ends_the_work(client: OpenAI, server: Served, long: tuple[str, bytes]) -> None:
    events = client.audio.transcriptions.create(file=long, model="whisper-1", stream=True, language="en")
    assert next(events).type == "transcript.text.delta"
    job = _open_job(server)
    events.close()
    _assert_broken_off(server, job)
    # The worker is free again: somebody else's recording does not wait for the rest of that one.
    assert client.audio.transcriptions.create(file=(NAME, recording("Good morning.")), model="whisper-1").text == "Good morning."


# ---- processes that are killed


@pytest.mark.long
def test_worker_that_is_killed_makes_room_for_another_and_the_answer_is_whole(client: OpenAI, server: Served) -> None:
    said = clips.drawn(36, seed=3)
    file = (NAME, wav(clips.joined(said).samples))
    whole = client.audio.transcriptions.create(file=file, model="whisper-1", language="en").text
    events = client.audio.transcriptions.create(file=file, model="whisper-1", stream=True, language="en")
    told = [next(events)]
    for worker in psutil.Process(server.pid).children(recursive=True):
        worker.kill()
    told += list(events)
    assert told[-1].type == "transcript.text.done" and told[-1].text == whole
    assert "".join(event.delta for event in told if event.type == "transcript.text.delta") == whole


@pytest.mark.long
def test_server_that_is_killed_leaves_nothing_after_the_next_start(tmp_path: Path, long: tuple[str, bytes]) -> None:
    settings = {"WHISPER_MODEL": str(MODEL), "SPEECH_WORKERS": "0", "HF_HUB_OFFLINE": "1"}
    with served(tmp_path, **settings) as first, OpenAI(base_url=f"{first.url}/v1", api_key="x", max_retries=0) as client:
        events = client.audio.transcriptions.create(file=long, model="whisper-1", stream=True, language="en")
        assert next(events).type == "transcript.text.delta" and left(first.outputs)
        for process in (psutil.Process(first.pid), *psutil.Process(first.pid).children(recursive=True)):
            process.kill()
        with pytest.raises(openai.APIConnectionError):
            list(events)
        assert left(first.outputs)
    with served(tmp_path, **settings) as second:
        assert_nothing_left(second.outputs, WORDS)
        assert second.sessions == []
