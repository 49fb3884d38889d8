from __future__ import annotations

import json
import logging
import socket
import threading
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.fakes.certificate import self_signed
from tests.fakes.google import FakeGoogle, speak
from utils.errors import EngineBusy, EngineError, EngineRefused, EngineUnreachable
from utils.speech.engines.gtts_client import Failed, GoogleClient, Kind
from utils.speech.engines.gtts_voices import Speaker

ENGLISH = Speaker("en")
SECRET = "A sentence that nobody may read."


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "requests_ca_bundle", "curl_ca_bundle"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def google() -> Iterator[FakeGoogle]:
    with FakeGoogle() as server:
        yield server


@pytest.fixture
def client(google: FakeGoogle, request: pytest.FixtureRequest) -> Iterator[GoogleClient]:
    mode = request.node.callspec.params.get("mode") if hasattr(request.node, "callspec") else None
    speak("Hello there.")  # the stand-in makes its tone, so that it answers at once
    client = GoogleClient(
        endpoint=google.url, timeouts_s=(5.0, 1.0 if mode == "stall" else 20.0), answer_s=1.0 if mode == "dribble" else 30.0
    )
    yield client
    client.close()


def failure(client: GoogleClient, piece: str = "Hello there.", speaker: Speaker = ENGLISH) -> Failed:
    with pytest.raises(Failed) as caught:
        client.fetch(piece, speaker)
    return caught.value


# ---- what gTTS builds: the private function that we use must stay as it is --------------------------------------------


def test_gtts_version_is_the_one_that_was_tried() -> None:
    assert metadata.version("gTTS") == "2.5.4"


@pytest.mark.parametrize(
    "text", ["Hello there.", "  padded  ", "Straße: 5 €, 你好", "a" * 100, "x, y. z! " * 11, "NUL \0 and \ud800"]
)
def test_gtts_request_of_one_piece_is_as_expected(text: str) -> None:
    from gtts import gTTS

    tts = gTTS(text, lang="fr-CA", tld="co.uk", lang_check=False, pre_processor_funcs=[], tokenizer_func=lambda t: [t])
    (request,) = tts._prepare_requests()
    assert request.method == "POST"
    assert request.url == "https://translate.google.co.uk/_/TranslateWebserverUi/data/batchexecute"
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded;charset=utf-8"
    assert request.headers["Referer"] == "http://translate.google.com/"
    assert "Cookie" not in request.headers
    rpc = json.loads(parse_qs(request.body)["f.req"][0])
    assert rpc == [[["jQ1olc", json.dumps([text.strip(), "fr-CA", None, "null"], separators=(",", ":")), None, "generic"]]]


# ---- what is sent -----------------------------------------------------------------------------------------------------


def test_fetch_good_answer_gives_the_sound(google: FakeGoogle, client: GoogleClient) -> None:
    assert client.fetch("Hello there.", ENGLISH) == speak("Hello there.")
    (asked,) = google.asked
    assert (asked.text, asked.language, asked.slow) == ("Hello there.", "en", False)
    assert asked.path == "/_/TranslateWebserverUi/data/batchexecute"


@pytest.mark.parametrize("language", ["fr-CA", "pt-PT", "zh-TW", "iw", "en"])
def test_fetch_language_is_sent_as_it_is(google: FakeGoogle, client: GoogleClient, language: str) -> None:
    client.fetch("Bonjour.", Speaker(language))
    assert google.asked[0].language == language


def test_fetch_endpoint_below_a_path_is_kept(google: FakeGoogle) -> None:
    client = GoogleClient(endpoint=google.url + "/mirror/")
    client.fetch("Hello.", ENGLISH)
    client.close()
    assert google.asked[0].path == "/mirror/_/TranslateWebserverUi/data/batchexecute"


def test_fetch_many_pieces_reuses_one_connection(google: FakeGoogle, client: GoogleClient) -> None:
    for number in range(10):
        client.fetch(f"Piece {number}.", ENGLISH)
    assert google.connections == 1


def test_fetch_cookie_of_the_service_is_never_sent_back(google: FakeGoogle, client: GoogleClient) -> None:
    google.fail("ok", Set_Cookie="NID=12345; Path=/")
    client.fetch("One.", ENGLISH)
    client.fetch("Two.", ENGLISH)
    assert all("Cookie" not in asked.headers for asked in google.asked)


def test_fetch_captcha_redirect_is_not_followed(google: FakeGoogle, client: GoogleClient) -> None:
    google.fail("sorry")
    assert failure(client).kind is Kind.BUSY
    assert (len(google.asked), google.followed) == (1, 0)


def test_fetch_text_never_gets_into_the_log(client: GoogleClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        client.fetch(SECRET, ENGLISH)
    assert caplog.records  # somebody did log
    assert not any(word in caplog.text for word in ("sentence", "nobody"))


@pytest.mark.parametrize(("tld", "host"), [("com", "translate.google.com:443"), ("co.uk", "translate.google.co.uk:443")])
def test_fetch_without_endpoint_asks_the_host_of_the_accent_through_the_proxy(
    google: FakeGoogle, monkeypatch: pytest.MonkeyPatch, tld: str, host: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", google.url)
    client = GoogleClient(timeouts_s=(2.0, 2.0))
    failed = failure(client, speaker=Speaker("en", tld))
    client.close()
    assert google.tunnels == [host]
    assert failed.kind is Kind.NO_CONNECTION


# ---- certificates and the network's settings --------------------------------------------------------------------------


def test_fetch_bad_certificate_refuses_with_its_own_sentence_and_sends_nothing(tmp_path: Path) -> None:
    with FakeGoogle(certificate=self_signed(tmp_path)) as google:
        client = GoogleClient(endpoint=google.url)
        failed = failure(client)
        client.close()
        assert google.asked == []
    assert failed.kind is Kind.FINAL
    assert isinstance(failed.error, EngineUnreachable)
    assert "certificate" in failed.error.sentence
    assert "REQUESTS_CA_BUNDLE" in failed.error.hint


def test_fetch_certificate_of_a_known_authority_is_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pem = self_signed(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(pem))
    with FakeGoogle(certificate=pem) as google:
        client = GoogleClient(endpoint=google.url)
        assert client.fetch("Hello.", ENGLISH) == speak("Hello.")
        client.close()


def test_fetch_list_of_authorities_that_is_not_there_is_final(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "missing.pem"))
    failed = failure(GoogleClient(endpoint="https://127.0.0.1:9"))
    assert failed.kind is Kind.FINAL
    assert "REQUESTS_CA_BUNDLE" in failed.error.hint


def test_fetch_nobody_listens_is_no_connection() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        failed = failure(GoogleClient(endpoint=f"http://127.0.0.1:{free.getsockname()[1]}"))
    assert failed.kind is Kind.NO_CONNECTION
    assert isinstance(failed.error, EngineUnreachable)


def test_fetch_answer_that_is_not_http_is_no_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(b"220 mail.example.org ESMTP\r\n\r\n")

        thread = threading.Thread(target=greet)
        thread.start()
        failed = failure(GoogleClient(endpoint=f"http://127.0.0.1:{server.getsockname()[1]}"))
        thread.join()
    assert failed.kind is Kind.NO_CONNECTION


def test_fetch_unusable_proxy_setting_is_final(monkeypatch: pytest.MonkeyPatch, google: FakeGoogle) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://")
    failed = failure(GoogleClient(endpoint=google.url))
    assert failed.kind is Kind.FINAL
    assert google.asked == []


# ---- every way to fail ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "kind", "error"),
    [
        ("403", Kind.FINAL, EngineRefused),
        ("404", Kind.FINAL, EngineRefused),
        ("429", Kind.BUSY, EngineBusy),
        ("sorry", Kind.BUSY, EngineBusy),
        ("500", Kind.FAULT, EngineRefused),
        ("503", Kind.FAULT, EngineUnreachable),
        ("captcha", Kind.NO_SOUND, EngineRefused),
        ("empty", Kind.NO_SOUND, EngineRefused),
        ("noaudio", Kind.NO_SOUND, EngineRefused),
        ("truncated", Kind.NO_SOUND, EngineRefused),
        ("bad_base64", Kind.NO_SOUND, EngineRefused),
        ("flood", Kind.NO_SOUND, EngineRefused),
        ("half", Kind.NO_CONNECTION, EngineUnreachable),
        ("drop", Kind.NO_CONNECTION, EngineUnreachable),
        ("stall", Kind.NO_CONNECTION, EngineUnreachable),
        ("dribble", Kind.NO_CONNECTION, EngineUnreachable),
    ],
)
def test_fetch_failure_is_told_by_status_and_type(
    google: FakeGoogle, client: GoogleClient, mode: str, kind: Kind, error: type[EngineError]
) -> None:
    google.fail(mode, times=1)
    failed = failure(client)
    assert failed.kind is kind
    assert type(failed.error) is error
    assert failed.error.sentence.endswith(".")
    assert failed.error.hint
    assert client.fetch("Hello there.", ENGLISH) == speak("Hello there.")  # the pool is still good


@pytest.mark.parametrize(("header", "asked_s"), [("120", 120.0), ("0", 0.0), ("Wed, 21 Oct 2026 07:28:00 GMT", None), ("-5", None)])
def test_fetch_retry_after_is_read(google: FakeGoogle, client: GoogleClient, header: str, asked_s: float | None) -> None:
    google.fail("429", Retry_After=header)
    assert failure(client).asked_s == asked_s


@pytest.mark.parametrize("piece", ["...", "", "word " * 40])
def test_fetch_piece_that_gtts_cannot_send_as_one_is_refused_unsent(google: FakeGoogle, client: GoogleClient, piece: str) -> None:
    failed = failure(client, piece)
    assert failed.kind is Kind.FINAL
    assert isinstance(failed.error, EngineRefused)
    assert google.asked == []


def test_fetch_url_of_gtts_is_only_replaced_in_scheme_and_host(client: GoogleClient) -> None:
    ours = urlsplit(str(client._request("Hello.", ENGLISH).url))
    theirs = urlsplit(str(GoogleClient()._request("Hello.", ENGLISH).url))
    assert ours.path == theirs.path
    assert theirs.scheme == "https"
