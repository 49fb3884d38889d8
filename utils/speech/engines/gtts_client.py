"""One request to Google's speech service: gTTS builds it, we send it, and every failure comes back as one of a few kinds.

gTTS 2.5.4 itself sends without checking the certificate, without a time-out and without trying again, and takes an answer
without sound for a success. Only its private `_prepare_requests` is used here; a test holds what it builds.
"""

from __future__ import annotations

import base64
import json
import logging
import re
import ssl
import threading
import time
from collections.abc import Iterator
from enum import Enum
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from utils.errors import EngineBusy, EngineError, EngineRefused, EngineUnreachable
from utils.speech.engines.gtts_voices import Speaker

if TYPE_CHECKING:
    import requests

SERVICE = "Google's speech service"
USE_ESPEAK = "Try again later, or use the eSpeak engine, which needs no network."
TIMEOUTS_S = (5.0, 15.0)  # to connect; between two pieces of an answer
ANSWER_S = 30.0  # for one whole answer, against a server that sends a byte now and then
MAX_ANSWER_BYTES = 8 * 2**20  # 100 characters are 50 to 150 kB
# the reply of gTTS's remote procedure: ["wrb.fr","jQ1olc","[\"<base64 MP3>\"]",...]; group 1 is JSON inside a JSON string
_SOUND = re.compile(rb'"jQ1olc","((?:[^"\\]++|\\.)*+)"')


class Kind(Enum):
    """Why a request gave no sound, as far as trying again depends on it."""

    NO_CONNECTION = "no_connection"  # nothing came back, or only half of it
    FAULT = "fault"  # 5xx
    NO_SOUND = "no_sound"  # 200, but no sound that fits the text
    BUSY = "busy"  # 429, or sent to the captcha page
    FINAL = "final"  # the same request would get the same answer


class Failed(Exception):
    """One request gave no sound; never leaves the gTTS engine.

    Attributes:
        kind: What it means for another try.
        error: What is shown when no other try follows.
        asked_s: Google's Retry-After in seconds, or None.
    """

    def __init__(self, kind: Kind, error: EngineError, asked_s: float | None = None) -> None:
        super().__init__(kind.value)
        self.kind = kind
        self.error = error
        self.asked_s = asked_s


class GoogleClient:
    """Sends over one pool of kept-open connections. Thread-safe; imports gTTS and requests with the first request."""

    def __init__(
        self, *, endpoint: str = "", connections: int = 3, timeouts_s: tuple[float, float] = TIMEOUTS_S, answer_s: float = ANSWER_S
    ) -> None:
        """Nothing is opened yet.

        Args:
            endpoint: Scheme and host (and path, for a mirror below one) instead of Google's; empty = Google.
            connections: Kept open at most.
            timeouts_s: To connect, and between two pieces of an answer.
            answer_s: For one whole answer.
        """
        self._endpoint = endpoint.rstrip("/")
        self._connections = connections
        self._timeouts_s = timeouts_s
        self._answer_s = answer_s
        self._lock = threading.Lock()
        self._http: requests.Session | None = None

    def fetch(self, piece: str, speaker: Speaker) -> bytes:
        """Ask for one piece (at most 100 characters) and give back its MP3, undecoded.

        Raises:
            Failed: No sound; kind and error say why.
        """
        request = self._request(piece, speaker)
        answer, body = self._send(request)
        _check_status(answer)
        sound = _sound_in(body)
        if sound is None:
            raise Failed(Kind.NO_SOUND, EngineRefused(f"{SERVICE} answered without any sound.", USE_ESPEAK))
        return sound

    def close(self) -> None:
        """Close all connections; the next request opens new ones."""
        with self._lock:
            if self._http is not None:
                self._http.close()
                self._http = None

    def _request(self, piece: str, speaker: Speaker) -> requests.PreparedRequest:
        try:
            from gtts import gTTS

            tts = gTTS(
                piece,
                lang=speaker.language,
                tld=speaker.tld,
                lang_check=False,  # with the check, fr-CA and pt-PT are sent as fr and pt
                pre_processor_funcs=[],  # its `tone_marks` would add spaces
                tokenizer_func=lambda text: [text],
            )
            prepared = tts._prepare_requests()
        except ImportError as exc:
            raise Failed(Kind.FINAL, missing(exc.name or "gtts")) from exc
        except (AttributeError, TypeError, ValueError, AssertionError) as exc:  # another gTTS than the tried one
            raise Failed(Kind.FINAL, EngineRefused("gTTS could not build a request for this text.", USE_ESPEAK)) from exc
        if len(prepared) != 1:
            raise Failed(Kind.FINAL, EngineRefused("gTTS did not make one request of one piece of the text.", USE_ESPEAK))
        request: requests.PreparedRequest = prepared[0]
        if self._endpoint:
            request.url = self._endpoint + urlsplit(str(request.url)).path
        return request

    def _send(self, request: requests.PreparedRequest) -> tuple[requests.Response, bytes]:
        import requests
        import urllib3

        try:
            http = self._session()
            surroundings: dict[str, Any] = dict(http.merge_environment_settings(str(request.url), {}, None, None, None))
            surroundings |= {"stream": True, "timeout": self._timeouts_s, "allow_redirects": False}
            answer = http.send(request, **surroundings)
            try:
                return answer, b"".join(self._body(answer))
            except BaseException:
                answer.close()  # half-read: this connection is of no more use
                raise
        except requests.exceptions.SSLError as exc:
            raise _bad_certificate() if _is_about_certificate(exc) else _no_connection("cannot be reached safely") from exc
        except (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError) as exc:
            raise _no_connection("did not answer in time") from exc
        except requests.exceptions.ConnectionError as exc:
            raise _no_connection("cannot be reached from this server") from exc
        except (urllib3.exceptions.HTTPError, requests.exceptions.ChunkedEncodingError) as exc:
            raise _no_connection("broke its answer off") from exc
        except (OSError, ValueError) as exc:  # an unusable proxy, endpoint or certificate list; all of requests' own errors
            wrong = EngineUnreachable(
                f"A request to {SERVICE} cannot be sent with this server's network settings.",
                "The operator should check GTTS_ENDPOINT, HTTPS_PROXY and REQUESTS_CA_BUNDLE.",
            )
            raise Failed(Kind.FINAL, wrong) from exc

    def _body(self, answer: requests.Response) -> Iterator[bytes]:
        """The body as it arrives, bounded in size and in time."""
        import requests

        if answer.status_code != 200:
            answer.close()
            return
        ends_at = time.monotonic() + self._answer_s  # real time, like the time-outs of the socket
        size_bytes = 0
        while data := answer.raw.read1(65_536, decode_content=True):
            yield data
            size_bytes += len(data)
            if time.monotonic() > ends_at:
                raise requests.exceptions.ReadTimeout("slow answer")
            if size_bytes > MAX_ANSWER_BYTES:
                raise Failed(Kind.NO_SOUND, EngineRefused(f"{SERVICE} sent far more than sound.", USE_ESPEAK))

    def _session(self) -> requests.Session:
        with self._lock:
            if self._http is None:
                self._http = _open_session(self._connections)
            return self._http


def missing(package: str) -> EngineUnreachable:
    """The error for a package that is not installed."""
    return EngineUnreachable(f"The Python package {package} is not installed.", "The operator should install requirements.txt.")


def _open_session(connections: int) -> requests.Session:
    import requests

    # gTTS logs the text that it is to send at level DEBUG, and texts must never get into a log
    logging.getLogger("gtts").setLevel(logging.WARNING)
    http = requests.Session()
    adapter = requests.adapters.HTTPAdapter(pool_connections=2, pool_maxsize=connections)
    http.mount("https://", adapter)
    http.mount("http://", adapter)
    return http


def _no_connection(what: str) -> Failed:
    return Failed(Kind.NO_CONNECTION, EngineUnreachable(f"{SERVICE} {what}.", USE_ESPEAK))


def _bad_certificate() -> Failed:
    error = EngineUnreachable(
        f"The certificate shown in the name of {SERVICE} is not valid, so no text was sent.",
        "The operator should check GTTS_ENDPOINT and the network; a proxy's own authority belongs into REQUESTS_CA_BUNDLE.",
    )
    return Failed(Kind.FINAL, error)


def _is_about_certificate(exc: BaseException) -> bool:
    """Whether a failed check of the certificate is at the bottom of a TLS error; requests and urllib3 wrap it as arguments."""
    seen: list[object] = [exc]
    while seen:
        one = seen.pop()
        if isinstance(one, ssl.SSLCertVerificationError):
            return True
        if isinstance(one, BaseException):
            seen += [*one.args, getattr(one, "reason", None)]
    return False


def _check_status(answer: requests.Response) -> None:
    status = answer.status_code
    asked_s = _retry_after_s(answer.headers.get("Retry-After", ""))
    if status in (429, 302):  # 302 leads to the captcha page
        busy = EngineBusy("Google asked this server to slow down.", USE_ESPEAK, retry_after_s=asked_s)
        raise Failed(Kind.BUSY, busy, asked_s)
    if status in (502, 503, 504):
        raise Failed(Kind.FAULT, EngineUnreachable(f"{SERVICE} is out of order (status {status}).", USE_ESPEAK), asked_s)
    if status >= 500:
        raise Failed(Kind.FAULT, EngineRefused(f"{SERVICE} failed at this text (status {status}).", USE_ESPEAK), asked_s)
    if status != 200:
        raise Failed(Kind.FINAL, EngineRefused(f"{SERVICE} refused the request (status {status}).", USE_ESPEAK))


def _retry_after_s(header: str) -> float | None:
    """Retry-After in its form of seconds; the form with a date is left aside."""
    return float(header) if header.isascii() and header.isdigit() and len(header) < 7 else None


def _sound_in(body: bytes) -> bytes | None:
    """The MP3 of an answer, or None when there is none."""
    found = _SOUND.search(body)
    if found is None:
        return None
    try:
        inner = json.loads(json.loads(b'"' + found[1] + b'"'))
        return base64.b64decode(inner[0], validate=True) or None
    except (ValueError, TypeError, LookupError):  # cut JSON, not a list, bad base64
        return None
