"""A stand-in for Google's speech service on loopback: it speaks the form that gTTS uses and can be told to fail.

    with FakeGoogle() as google:                 # google.url is the endpoint (GTTS_ENDPOINT)
        google.fail("429", times=2)

    python -m tests.fakes.google --port 8090 --delay 0.2      # for browser tests and benchmarks

A sound is real MP3 without a length header, like Google's, about 15 characters a second. Its pitch and length depend on the
text, so that pieces can be told apart.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import http.server
import json
import socket
import ssl
import threading
import time
import unicodedata
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.fakes.mp3 import tone

PREFIX = b")]}'\n\n"
CAPTCHA = b"<html><body>Our systems have detected unusual traffic from your computer network.</body></html>"
FAILURES = (  # every way to fail; the statuses 403, 404, 429, 500 and 503 by their number
    "403", "404", "429", "500", "503", "sorry", "captcha", "empty", "noaudio", "truncated", "half", "drop", "stall", "bad_base64",
    "too_short", "too_long", "not_mp3", "silence", "lingers", "dribble", "flood",
)  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    text: str
    language: str
    slow: bool
    host: str
    path: str
    headers: dict[str, str]


@dataclass
class _Plan:
    """What is to go wrong from now on."""

    mode: str = "ok"
    times: int | None = None  # how often; None = always
    at: int | None = None  # only the n-th request from now, counted from 1
    text: str | None = None  # only pieces that hold this
    seen: int = 0
    headers: dict[str, str] = field(default_factory=dict)

    def hits(self, text: str) -> bool:
        if self.text is not None and self.text not in text:
            return False
        self.seen += 1
        if self.at is not None:
            return self.seen == self.at
        return self.times is None or self.seen <= self.times


class FakeGoogle:
    """The server.

    Attributes:
        url: Endpoint.
        asked: All requests so far, in order of arrival.
        tunnels: `host:port` of each CONNECT, when it is used as a proxy; all are refused.
        followed: Clients that followed the redirect to the captcha page.
        delay_s: Wait before each answer; a number, or a function of the text.
        most_in_flight: Requests that were being answered at the same time, at most.
        connections: TCP connections taken.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        delay_s: float | Callable[[str], float] = 0.0,
        certificate: Path | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        """Listens at once. With `certificate` (a PEM file with key, see `tests.fakes.certificate`) it speaks TLS."""
        self.asked: list[Asked] = []
        self.tunnels: list[str] = []
        self.followed = 0
        self.delay_s = delay_s
        self.most_in_flight = 0
        self.connections = 0
        self._in_flight = 0
        self._plan = _Plan()
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._server = _Server((host, port), type("Handler", (_Handler,), {"google": self}))
        if certificate is not None:
            self._server.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._server.tls.sslsocket_class = _Secured
            self._server.tls.load_cert_chain(certificate)
        self.port: int = self._server.server_address[1]
        self.url = f"{'https' if certificate else 'http'}://{host}:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def __enter__(self) -> FakeGoogle:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def fail(self, mode: str, *, times: int | None = None, at: int | None = None, text: str | None = None, **headers: str) -> None:
        """From now on: fail always, the first `times` times, at the n-th request, or only for pieces that hold `text`."""
        if mode not in ("ok", *FAILURES):
            raise ValueError(mode)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self._plan = _Plan(mode, times, at, text, headers=named)

    def recover(self) -> None:
        """From now on: answer."""
        self._plan = _Plan()

    def close(self) -> None:
        """Stop listening and let go of everybody who was kept waiting."""
        self._closed.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    # ---- for the handler --------------------------------------------------------------------------------------------

    def connected(self) -> None:
        with self._lock:
            self.connections += 1

    def begin(self, asked: Asked) -> tuple[str, dict[str, str]]:
        """Take note of a request: how it is to be answered, with which extra headers."""
        with self._lock:
            self.asked.append(asked)
            self._in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self._in_flight)
            return (self._plan.mode, self._plan.headers) if self._plan.hits(asked.text) else ("ok", {})

    def end(self) -> None:
        with self._lock:
            self._in_flight -= 1

    def wait(self, text: str) -> None:
        delay_s = self.delay_s(text) if callable(self.delay_s) else self.delay_s
        if delay_s:
            time.sleep(delay_s)

    def wait_until_closed(self, most_s: float | None = None) -> bool:
        return self._closed.wait(most_s)


def seconds_of(text: str) -> float:
    """How long the stand-in speaks: 15 characters a second, a wide character (Chinese, kana, Hangul) as long as three."""
    weight = sum(3 if unicodedata.east_asian_width(char) == "W" else 1 for char in text)
    return max(0.4, weight / 15)


def pitch_of(text: str) -> int:
    """The tone of a text in Hz, one of seven."""
    return 200 + 100 * (sum(text.encode("utf-8", "surrogatepass")) % 7)


def speak(text: str) -> bytes:
    """The MP3 that it answers."""
    return tone(seconds_of(text), pitch_of(text))


def _answer_of(mp3: bytes) -> bytes:
    """A good answer: JSON inside JSON, in a line of its own after the line with its length."""
    inner = json.dumps([base64.b64encode(mp3).decode()], separators=(",", ":"))
    line = json.dumps([["wrb.fr", "jQ1olc", inner, None, None, None, "generic"], ["di", 58]], separators=(",", ":")).encode()
    return PREFIX + str(len(line)).encode() + b"\n" + line + b"\n"


def _body_of(mode: str, text: str) -> bytes:
    """The body under status 200."""
    match mode:
        case "empty":
            return b""
        case "captcha":
            return CAPTCHA
        case "noaudio":  # what a language that it cannot speak gets
            return PREFIX + b'[["wrb.fr","jQ1olc",null,null,null,[13],"generic"]]\n'
        case "truncated":
            good = _answer_of(speak(text))
            return good[: len(good) // 2]
        case "bad_base64":
            return PREFIX + b'[["wrb.fr","jQ1olc","[\\"//NExAA*not base64*\\"]",null,null,null,"generic"]]\n'
        case "not_mp3":
            return _answer_of(b"This is text, however long it is. " * 600)
        case "too_short":
            return _answer_of(tone(seconds_of(text) / 8, 300))
        case "too_long":
            return _answer_of(tone(seconds_of(text) * 4 + 9, 300))
        case "flood":
            return PREFIX + b"[]" * 5_000_000
        case "lingers":
            return _answer_of(tone(seconds_of(text) + 2.5, pitch_of(text)))
        case "silence":
            return _answer_of(tone(seconds_of(text), 0))
    return _answer_of(speak(text))


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # the head and the body are two packets; with the algorithm the second waits 40 ms
    google: FakeGoogle

    def log_message(self, format: str, *args: Any) -> None: ...

    def setup(self) -> None:
        super().setup()
        self.google.connected()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        rpc = json.loads(urllib.parse.parse_qs(body)["f.req"][0])
        text, language, slow, _ = json.loads(rpc[0][0][1])
        asked = Asked(text, language, bool(slow), self.headers["Host"], self.path, dict(self.headers))
        mode, headers = self.google.begin(asked)
        try:
            self.google.wait(text)
        finally:
            self.google.end()  # before the answer: the client may ask again as soon as it has it
        self._answer(mode, text, headers)

    def do_CONNECT(self) -> None:
        """Asked to be a proxy: only take note of the host."""
        self.google.tunnels.append(self.path)
        self._send(403, b"", {})

    def do_GET(self) -> None:
        """The captcha page, where a client arrives that follows the redirect."""
        self.google.followed += 1
        self._send(429, CAPTCHA, {})

    def _answer(self, mode: str, text: str, headers: dict[str, str]) -> None:
        if mode.isdigit():
            self._send(int(mode), b"<html>no</html>", headers)
        elif mode == "sorry":
            self._send(302, b"", {"Location": "/sorry/index", **headers})
        elif mode == "drop":
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        elif mode == "stall":
            self.close_connection = True
            self.google.wait_until_closed()
        elif mode == "half":
            body = _body_of("ok", text)
            self._send(200, body[: len(body) // 2], {"Content-Length": str(len(body))})
            self.close_connection = True
        elif mode == "dribble":
            self._send(200, b"", {"Content-Length": "1000000"})
            self.close_connection = True
            while not self.google.wait_until_closed(0.05):
                self.wfile.write(b" ")
        else:
            self._send(200, _body_of(mode, text), headers)

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


class _Secured(ssl.SSLSocket):
    """Closes itself: a client that resets while the standard library wraps its socket leaves an open one that nobody holds."""

    def __del__(self) -> None:
        self.close()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    tls: ssl.SSLContext | None = None

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Runs in the connection's own thread, and so does the handshake: a client that breaks it off harms nobody.

        Not left to a listening socket that speaks TLS: it leaves sockets open whose client is gone before they are accepted.
        """
        if self.tls is None:
            super().finish_request(request, client_address)
            return
        request.getpeername()  # raises for a client that is gone
        with self.tls.wrap_socket(request, server_side=True) as secured:
            super().finish_request(secured, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is what tests are about; no trace of it on the screen."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--mode", default="ok", choices=("ok", *FAILURES))
    given = parser.parse_args()
    with FakeGoogle(port=given.port, delay_s=given.delay) as google:
        google.fail(given.mode)
        print(google.url, flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            google.wait_until_closed()


if __name__ == "__main__":
    main()
