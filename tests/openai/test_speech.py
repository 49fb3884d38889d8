"""Speech and models by OpenAI's own client: a real server with its real workers, and nothing on the disk after any of it."""

from __future__ import annotations

import base64
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import openai
import psutil
import pytest
from openai import OpenAI

from tests.api.served import Served, served
from tests.openai.left import assert_nothing_left, left
from tests.speech.prose import prose
from utils.audio.codec import FORMATS
from utils.audio.decoder import decode_trusted
from utils.speech.named_voices import NAMED

KEY, OTHER = "a-key-of-the-tests", "another-key-of-the-tests"
CANARY = "Quokka"
SENTENCE = f"The {CANARY} jumps over the lazy dog."
FORMS = ("mp3", "opus", "aac", "flac", "wav", "pcm")
LETTER_S = (0.03, 0.12)  # of sound, at least and at most


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("openai-speech")
    (folder / "temporary").mkdir()
    settings = {
        "API_KEY": f"{KEY},{OTHER}",
        "TRANSCRIBE_WORKERS": "0",
        "TMPDIR": str(folder / "temporary"),
        "MAX_TEXT_CHARS": "60000",
    }
    with served(folder, **settings) as started:
        yield started
        assert list((folder / "temporary").iterdir()) == []
        log = started.log
    assert not [word for word in (CANARY, KEY, OTHER) if word in log]


@pytest.fixture(autouse=True)
def clean(server: Served) -> Iterator[None]:
    """After every test nothing is left of it."""
    yield
    assert_nothing_left(server.outputs, [CANARY])


@pytest.fixture(scope="module")
def client(server: Served) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{server.url}/v1", api_key=KEY, max_retries=0, timeout=90) as made:
        yield made


def seconds_of(data: bytes, form: str) -> float:
    if form == "pcm":
        return len(data) / 2 / 24_000
    found = decode_trusted(data, format=form)
    return len(found.samples) / found.rate_hz


def fits(data: bytes, form: str, text: str) -> bool:
    return LETTER_S[0] * len(text) <= seconds_of(data, form) <= LETTER_S[1] * len(text) + 1


# ---- what the client promises


@pytest.mark.parametrize("form", FORMS)
def test_speech_in_every_format_is_complete_and_gone_with_the_answer(client: OpenAI, server: Served, form: str) -> None:
    answer = client.audio.speech.create(model="tts-1", voice="alloy", input=SENTENCE, response_format=form)  # type: ignore[arg-type]
    assert left(server.outputs) == []  # at once: it went before the answer
    assert answer.response.headers["content-type"].partition(";")[0] == FORMATS[form].media_type
    assert int(answer.response.headers["content-length"]) == len(answer.content)
    assert answer.response.headers["sotto-engine"] == "espeak"
    assert fits(answer.content, form, SENTENCE)


@pytest.mark.parametrize(
    "form", ["mp3", "opus", *(pytest.param(form, marks=pytest.mark.long) for form in ("aac", "flac", "wav", "pcm"))]
)
def test_long_speech_is_streamed_to_a_file_in_every_format(client: OpenAI, tmp_path: Path, form: str) -> None:
    text = f"{CANARY}. {prose(500)}"
    with client.audio.speech.with_streaming_response.create(
        model="gpt-4o-mini-tts", voice="nova", input=text, response_format=form, instructions="Speak cheerfully."  # type: ignore[arg-type]
    ) as answer:  # fmt: skip
        assert "content-length" not in answer.headers
        answer.stream_to_file(tmp_path / "speech")
    assert fits((tmp_path / "speech").read_bytes(), form, text)


def test_five_thousand_characters_come_in_many_pieces(client: OpenAI) -> None:
    text = prose(5_000)
    with client.audio.speech.with_streaming_response.create(model="tts-1-hd", voice="onyx", input=text) as answer:
        pieces = list(answer.iter_bytes())
    assert len(pieces) > 3 and len(pieces[0]) < sum(map(len, pieces)) / 3
    assert fits(b"".join(pieces), "mp3", text)


def test_events_carry_the_sound_and_at_last_the_usage(client: OpenAI) -> None:
    with client.audio.speech.with_streaming_response.create(
        model="gpt-4o-mini-tts", voice="sage", input=SENTENCE, response_format="wav", stream_format="sse"
    ) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        text = answer.read().decode()
    events = [json.loads(line.removeprefix("data: ")) for line in text.split("\n\n") if line]
    assert [event["type"] for event in events[:-1]] == ["speech.audio.delta"] * (len(events) - 1)
    assert fits(b"".join(base64.b64decode(event["audio"]) for event in events[:-1]), "wav", SENTENCE)
    done = events[-1]
    assert done["type"] == "speech.audio.done" and done["usage"]["input_tokens"] == len(SENTENCE)
    assert done["usage"]["total_tokens"] == done["usage"]["input_tokens"] + done["usage"]["output_tokens"]


def test_speed_goes_from_a_quarter_to_four_times(client: OpenAI) -> None:
    def seconds(speed: float) -> float:
        made = client.audio.speech.create(model="tts-1", voice="echo", input=SENTENCE, response_format="wav", speed=speed)
        return seconds_of(made.content, "wav")

    normal = seconds(1.0)
    assert seconds(4.0) == pytest.approx(normal / 4, rel=0.25)
    assert seconds(0.25) == pytest.approx(normal * 4, rel=0.25)


def test_voices_by_openais_names_differ_and_ours_are_taken(client: OpenAI) -> None:
    def voice_of(voice: object, **more: object) -> str:
        made = client.audio.speech.create(model="sotto", voice=voice, input="Good day.", response_format="pcm", **more)  # type: ignore[arg-type]
        return made.response.headers["sotto-voice"]

    assert len({voice_of(name) for name in ("alloy", "fable", "nova", "onyx")}) == 4
    assert voice_of("espeak:de+f2") == "espeak:de+f2"
    assert voice_of({"id": "espeak:en"}) == "espeak:en"
    assert voice_of("Shimmer", extra_body={"language": "fr"}).startswith("espeak:fr")


def test_language_is_found_by_the_letters(client: OpenAI) -> None:
    made = client.audio.speech.create(model="tts-1", voice="alloy", input="Доброе утро.", response_format="pcm")
    assert made.response.headers["sotto-voice"] == "espeak:ru"


def test_models_are_listed_and_shown(client: OpenAI) -> None:
    names = [model.id for model in client.models.list()]
    assert {"tts-1", "tts-1-hd", "gpt-4o-mini-tts", "espeak", "sotto"} <= set(names) and "gtts" not in names
    for name in names:
        assert client.models.retrieve(name).id == name
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("gpt-5")
    assert caught.value.code == "model_not_found"


# ---- what is refused


def test_wrong_key_is_an_authentication_error(server: Served) -> None:
    with OpenAI(base_url=f"{server.url}/v1", api_key="wrong-key-of-nobody", max_retries=0) as stranger:
        with pytest.raises(openai.AuthenticationError):
            stranger.audio.speech.create(model="tts-1", voice="alloy", input=SENTENCE)
        with pytest.raises(openai.AuthenticationError):
            stranger.models.list()


def test_wrong_values_are_told_by_the_parameters_name(client: OpenAI) -> None:
    def refused(kind: type[openai.APIStatusError], **changes: object) -> openai.APIStatusError:
        with pytest.raises(kind) as caught:
            client.audio.speech.create(**{"model": "tts-1", "voice": "alloy", "input": SENTENCE} | changes)  # type: ignore[arg-type]
        assert CANARY not in str(caught.value)
        return caught.value

    assert refused(openai.NotFoundError, model="tts-9").code == "model_not_found"
    assert refused(openai.NotFoundError, model="gtts").code == "model_not_found"  # switched off here
    for empty in ("", "  ", "..."):
        assert refused(openai.BadRequestError, input=empty).param == "input"
    unknown = refused(openai.BadRequestError, voice="nobody")
    assert unknown.param == "voice" and all(name in str(unknown) for name in NAMED)
    assert refused(openai.BadRequestError, voice="gtts:en:co.uk").param == "voice"
    assert refused(openai.BadRequestError, extra_body={"language": "xx-none"}).param == "language"
    long = refused(openai.BadRequestError, input="word " * 12_001)
    assert long.param == "input" and "MAX_TEXT_CHARS" in str(long)
    assert refused(openai.UnprocessableEntityError, response_format="mp4").param == "response_format"
    assert refused(openai.UnprocessableEntityError, speed=5.0).param == "speed"
    assert refused(openai.APIStatusError, input="word " * 300_000).status_code == 413


# ---- what breaks off


def test_client_that_goes_away_in_the_middle_leaves_nothing(client: OpenAI, server: Served) -> None:
    with client.audio.speech.with_streaming_response.create(
        model="tts-1", voice="alloy", input=f"{CANARY} {prose(15_000)}", response_format="aac"
    ) as answer:
        assert len(next(answer.iter_bytes(1024)))
    # `clean` waits until it is gone; the worker must be free again, too
    again = client.audio.speech.create(model="tts-1", voice="alloy", input=SENTENCE)
    assert again.content


def test_slow_reader_gets_all_of_it(server: Served) -> None:
    body = {"model": "tts-1", "voice": "alloy", "input": f"{CANARY} {prose(700)}", "response_format": "pcm"}
    with (
        server.client(headers={"Authorization": f"Bearer {OTHER}"}) as http,
        http.stream("POST", "/v1/audio/speech", json=body) as answer,
    ):
        whole = bytearray()
        for piece in answer.iter_raw(512 * 1024):
            whole += piece
            time.sleep(0.05)
    assert fits(bytes(whole), "pcm", body["input"])


def test_many_at_once_each_get_their_own_words(client: OpenAI) -> None:
    texts = [f"{CANARY} number {number} " + "goes on and on " * number for number in range(1, 9)]
    found: dict[int, float] = {}

    def ask(index: int) -> None:
        made = client.audio.speech.create(model="tts-1", voice="alloy", input=texts[index], response_format="pcm")
        found[index] = seconds_of(made.content, "pcm")

    threads = [threading.Thread(target=ask, args=(index,)) for index in range(len(texts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[index] for index in range(len(texts))] == sorted(found.values())


def test_worker_killed_in_the_middle_breaks_the_answer_off(server: Served) -> None:
    body = {"model": "tts-1", "voice": "alloy", "input": f"{CANARY} {prose(15_000)}", "response_format": "aac"}
    workers = [one for one in psutil.Process(server.pid).children() if "speech" in one.cmdline()]
    with server.client(headers={"Authorization": f"Bearer {KEY}"}) as http, pytest.raises(httpx.RemoteProtocolError):  # noqa: SIM117
        with http.stream("POST", "/v1/audio/speech", json=body) as answer:
            pieces = answer.iter_raw()
            next(pieces)
            for worker in workers:
                os.kill(worker.pid, signal.SIGKILL)
            for _ in pieces:
                pass
