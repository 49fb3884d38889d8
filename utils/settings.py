"""Settings: environment > `.env` (python-dotenv) > default, checked once into one frozen value.

A wrong value stops the start with one sentence: the name, the value, what is allowed. `.env.example` lists every name; a test
holds it equal to `Settings`.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dotenv import dotenv_values

from utils.errors import BadSetting

Parse = Callable[[str], Any]

LEAST_KEY_CHARS = 8
AUTO = -1  # of a number that is measured here
_ORIGIN = re.compile(r"https?://[a-z0-9.:\[\]_-]+", re.ASCII)
MOST = 1e15  # beyond any use, and what is made of it (MB to bytes, hours to seconds) still is a number


class _Wrong(ValueError):
    """Carries what is allowed; turned into BadSetting with the name and the value."""


def _number(low: float, high: float = math.inf, *, whole: bool = True) -> Parse:
    allowed = f"a {'whole ' if whole else ''}number from {low:g}" + ("" if math.isinf(high) else f" to {high:g}")

    def parse(text: str) -> int | float:
        try:
            value: int | float = int(text) if whole else float(text)
        except ValueError:
            raise _Wrong(allowed) from None
        if not low <= value <= min(high, MOST):
            raise _Wrong(allowed)
        return value

    return parse


def _auto(parse: Parse) -> Parse:
    def parse_or_auto(text: str) -> Any:
        if text.lower() == "auto":
            return AUTO
        try:
            return parse(text)
        except _Wrong as exc:
            raise _Wrong(f"auto, or {exc}") from None

    return parse_or_auto


def _one_of(*choices: str) -> Parse:
    def parse(text: str) -> str:
        if text.lower() not in choices:
            raise _Wrong("one of " + ", ".join(choices))
        return text.lower()

    return parse


def _text(text: str) -> str:
    return text


def _secret(least: int) -> Parse:
    def parse(text: str) -> str:
        if len(text) < least:
            raise _Wrong(f"at least {least} characters")
        return text

    return parse


def _keys(text: str) -> str:
    keys = _listed(text)
    if not keys or any(len(key) < LEAST_KEY_CHARS or not key.isascii() or not key.isprintable() or " " in key for key in keys):
        raise _Wrong(f"keys of at least {LEAST_KEY_CHARS} visible ASCII characters each, with commas between")
    return ",".join(keys)


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _origins(text: str) -> tuple[str, ...]:
    found = _listed(text.lower())
    if not found or not all(_ORIGIN.fullmatch(origin) for origin in found):
        raise _Wrong("origins such as https://example.org or http://localhost:3000, with commas between")
    return tuple(origin.removesuffix(":443" if origin.startswith("https") else ":80") for origin in found)


def _url(*schemes: str) -> Parse:
    allowed = "a URL that begins with " + " or ".join(f"{scheme}://" for scheme in schemes)

    def parse(text: str) -> str:
        try:
            parts = urlsplit(text)
            usable = parts.scheme in schemes and parts.hostname and parts.port != 0
        except ValueError:  # an open bracket, a port that is none
            usable = False
        if not usable:
            raise _Wrong(allowed)
        return text.rstrip("/")

    return parse


def _flag(text: str) -> bool:
    if text.lower() in ("1", "true", "yes", "on"):
        return True
    if text.lower() in ("0", "false", "no", "off"):
        return False
    raise _Wrong("0 or 1")


def _setting(default: Any, parse: Parse, about: str, *, secret: bool = False) -> Any:
    return field(default=default, metadata={"parse": parse, "about": about, "secret": secret})


@dataclass(frozen=True)
class Settings:
    """Every setting, by its lower-case name. Units are in the names; 0 often means "no limit", as said in `about`."""

    outputs_dir: Path = _setting(Path("outputs"), Path, "where sessions live; one shared folder when several machines serve")
    session_timeout_hours: float = _setting(24.0, _number(0, whole=False), "remove a session idle for longer; 0 = permanent")
    max_sessions: int = _setting(0, _number(0), "keep only the N most recently used sessions; 0 = no limit")
    item_timeout_hours: float = _setting(
        0.0, _number(0, whole=False), "remove items not changed for longer from sessions that stay; 0 = off"
    )
    cleanup_interval_minutes: float = _setting(60.0, _number(0.01, whole=False), "sweep at start-up and this often")
    session_quota_mb: int = _setting(2048, _number(1), "disk space of one session")
    max_upload_mb: int = _setting(500, _number(1), "largest upload")
    max_text_chars: int = _setting(100_000, _number(1), "longest text of one generation")
    max_table_rows: int = _setting(5000, _number(1), "longest table")
    max_media_hours: float = _setting(12.0, _number(0.01, whole=False), "longest decoded recording")
    secret_key: str = _setting("", _secret(16), "signs session tokens; unset = made at first start in OUTPUTS_DIR", secret=True)
    admin_token: str = _setting("", _secret(16), "operator routes and page; unset = off", secret=True)
    api_key: str = _setting("", _keys, "guard of /v1: one key or several with commas between; unset = open", secret=True)
    cors_origins: tuple[str, ...] = _setting((), _origins, "sites whose scripts may use the API, without cookies; unset = none")
    rate_session_per_minute: int = _setting(3000, _number(0), "requests to the API by one session; 0 = no limit")
    rate_key_per_minute: int = _setting(3000, _number(0), "requests to /v1 by one key of API_KEY; 0 = no limit")
    rate_address_per_minute: int = _setting(12_000, _number(0), "requests to the API from one address; 0 = no limit")
    rate_new_sessions_per_hour: int = _setting(1000, _number(0), "sessions opened from one address; 0 = no limit")
    tts_engine: str = _setting("auto", _one_of("auto", "gtts", "espeak"), "auto = gtts, espeak when Google cannot be reached")
    gtts_endpoint: str = _setting("", _url("https", "http"), "base URL instead of Google's host (a mirror, a proxy, a test server)")
    gtts_requests_per_second: float = _setting(2.0, _number(0.01, 1000, whole=False), "one governor for the whole server")
    gtts_workers: int = _setting(3, _number(1, 64), "requests to Google at the same time")
    stt_engine: str = _setting("auto", _one_of("auto", "whisper", "draft"), "auto = whisper, draft when no model can be had")
    whisper_model: str = _setting("base", _text, "a size, a hub name, or a folder with a CTranslate2 model")
    live_model: str = _setting("", _text, "as WHISPER_MODEL, for live captions; unset = the same model")
    whisper_device: str = _setting("auto", _one_of("auto", "cpu", "cuda"), "as in faster-whisper")
    whisper_compute_type: str = _setting("default", _text, "as in faster-whisper")
    whisper_batch_size: int = _setting(8, _number(1, 128), "as in faster-whisper")
    model_idle_minutes: float = _setting(15.0, _number(0, whole=False), "unload an unused model; 0 = never")
    hf_hub_offline: bool = _setting(False, _flag, "as in huggingface_hub: 1 = never ask the hub")
    jobs_url: str = _setting("", _url("redis", "rediss"), "unset = SQLite in OUTPUTS_DIR/.queue; redis://... for several machines")
    speech_workers: int = _setting(4, _number(0, 64), "threads of this machine's speech worker; 0 = none here")
    transcribe_workers: int = _setting(1, _number(0, 16), "threads of this machine's transcription worker; 0 = none here")
    live_workers: int = _setting(
        AUTO, _auto(_number(0, 256)), "recordings with captions at one time on this machine; auto = measured; 0 = none here"
    )
    live_max_hours: float = _setting(4.0, _number(0.001, 24, whole=False), "longest recording in the browser")

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None, dotenv: Path | None = None) -> Settings:
        """Read and check all settings.

        Args:
            environ: Instead of the process's environment.
            dotenv: Path of a `.env` file; None reads `.env` in the working folder, if there is one.

        Raises:
            BadSetting: A value is not allowed; the sentence names setting, value and what is allowed.
        """
        given = {**dotenv_values(dotenv or Path(".env")), **(os.environ if environ is None else environ)}
        values: dict[str, Any] = {}
        for setting in fields(cls):
            name = setting.name.upper()
            text = (given.get(name) or "").strip()
            if not text:  # an empty line in .env means: the default
                continue
            try:
                values[setting.name] = setting.metadata["parse"](text)
            except _Wrong as exc:
                shown = "(hidden)" if setting.metadata["secret"] else repr(text)
                raise BadSetting(f"The setting {name} is {shown}, allowed is {exc}.", f"Correct {name} and start again.") from None
        return cls(**values)

    @property
    def api_keys(self) -> tuple[str, ...]:
        """The keys of API_KEY; none means that /v1 is open."""
        return _listed(self.api_key)

    @property
    def queue_dir(self) -> Path:
        """huey's own SQLite files."""
        return self.outputs_dir / ".queue"
