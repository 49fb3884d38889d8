"""Settings: the order of sources, one sentence for a wrong value, and `.env.example` in step."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from utils.errors import BadSetting
from utils.settings import Settings

ROOT = Path(__file__).resolve().parents[1]


def load(tmp_path: Path, dotenv: str = "", **environ: str) -> Settings:
    path = tmp_path / ".env"
    path.write_text(dotenv, "utf-8")
    return Settings.load(environ, path)


def test_settings_without_anything_are_the_defaults(tmp_path: Path) -> None:
    assert load(tmp_path) == Settings()


def test_settings_environment_beats_dotenv_beats_default(tmp_path: Path) -> None:
    settings = load(tmp_path, "MAX_SESSIONS=3\nGTTS_WORKERS=5\n", MAX_SESSIONS="7")
    assert (settings.max_sessions, settings.gtts_workers, settings.speech_workers) == (7, 5, 4)


def test_settings_empty_value_means_default(tmp_path: Path) -> None:
    assert load(tmp_path, "TTS_ENGINE=\n", API_KEY="  ").tts_engine == "auto"


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("MAX_SESSIONS", "-1", "a whole number from 0"),
        ("MAX_SESSIONS", "many", "a whole number from 0"),
        ("MAX_SESSIONS", "2.5", "a whole number from 0"),
        ("SESSION_TIMEOUT_HOURS", "nan", "a number from 0"),
        ("SESSION_TIMEOUT_HOURS", "inf", "a number from 0"),
        ("TTS_ENGINE", "festival", "one of auto, gtts, espeak"),
        ("GTTS_ENDPOINT", "ftp://mirror", "a URL that begins with https:// or http://"),
        ("JOBS_URL", "http://redis", "a URL that begins with redis:// or rediss://"),
        ("JOBS_URL", "redis://queue:abc", "a URL that begins with redis:// or rediss://"),
        ("GTTS_ENDPOINT", "http://[::1", "a URL that begins with https:// or http://"),
        ("GTTS_ENDPOINT", "https://mirror:99999", "a URL that begins with https:// or http://"),
        ("SESSION_QUOTA_MB", "9" * 400, "a whole number from 1"),
        ("CLEANUP_INTERVAL_MINUTES", "1e308", "a number from 0.01"),
        ("HF_HUB_OFFLINE", "maybe", "0 or 1"),
        ("GTTS_WORKERS", "65", "a whole number from 1 to 64"),
        ("RATE_ADDRESS_PER_MINUTE", "-1", "a whole number from 0"),
        ("CORS_ORIGINS", "*", "origins such as https://example.org or http://localhost:3000, with commas between"),
        ("CORS_ORIGINS", "https://a.example/", "origins such as https://example.org or http://localhost:3000, with commas between"),
    ],
)
def test_settings_wrong_value_names_setting_value_and_what_is_allowed(tmp_path: Path, name: str, value: str, allowed: str) -> None:
    with pytest.raises(BadSetting) as wrong:
        load(tmp_path, **{name: value})
    assert wrong.value.sentence == f"The setting {name} is {value!r}, allowed is {allowed}."


def test_settings_wrong_secret_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(BadSetting) as wrong:
        load(tmp_path, SECRET_KEY="hunter2")
    assert "hunter2" not in str(wrong.value)
    assert "at least 16 characters" in wrong.value.sentence


@pytest.mark.parametrize("keys", ["short", "long-enough,short", "with a space in it", "schlüssel-eins", ","])
def test_settings_keys_are_each_long_enough_and_can_be_sent(tmp_path: Path, keys: str) -> None:
    with pytest.raises(BadSetting) as wrong:
        load(tmp_path, API_KEY=keys)
    assert "at least 8 visible ASCII characters each" in wrong.value.sentence and keys not in wrong.value.sentence.replace(",", "")


def test_settings_lists_are_taken_apart_at_commas(tmp_path: Path) -> None:
    settings = load(tmp_path, API_KEY=" first-key, second-key,", CORS_ORIGINS="https://A.example:443 , http://localhost:3000")
    assert settings.api_keys == ("first-key", "second-key")
    assert settings.cors_origins == ("https://a.example", "http://localhost:3000")


def test_env_example_lists_every_setting_with_its_default(tmp_path: Path) -> None:
    text = (ROOT / ".env.example").read_text("utf-8")
    described = re.findall(r"^# (.+)\n#([A-Z_]+)=", text, re.M)
    assert {name: about for about, name in described} == {f.name.upper(): f.metadata["about"] for f in fields(Settings)}
    assert load(tmp_path, re.sub(r"^#([A-Z_]+=)", r"\1", text, flags=re.M)) == Settings()


@pytest.mark.parametrize("command", [["uvicorn", "app:app"], ["streamlit", "run", "app.py", "--server.headless", "true"]])
def test_settings_wrong_value_stops_the_server_with_one_sentence(tmp_path: Path, command: list[str]) -> None:
    environ = {**os.environ, "MAX_SESSIONS": "many", "OUTPUTS_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert "The setting MAX_SESSIONS is 'many', allowed is a whole number from 0." in done.stderr
    assert "Traceback" not in done.stderr
