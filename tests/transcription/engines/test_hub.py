"""Fetching a model from a stand-in of the hub on loopback, with what may go wrong on the way. The child process is the real one."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fakes.hub import FakeHub
from tests.offspring import left_over
from tests.transcription.engines.sounds import MICRO
from utils.errors import Cancelled, ModelUnavailable
from utils.settings import Settings
from utils.sizes import size
from utils.transcription import models
from utils.transcription.contract import TranscriptionRequest
from utils.transcription.engines.hub import Hub, ask_hub, download
from utils.transcription.engines.hub import fetch as fetch_model
from utils.transcription.engines.whisper import WhisperEngine
from utils.transcription.model_table import Known

REPO = "somebody/micro"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
OTHER = "f" * 40
SIZE = sum(path.stat().st_size for path in MICRO.iterdir() if path.suffix != ".md")


@pytest.fixture(scope="module")
def served() -> Iterator[FakeHub]:
    with FakeHub(MICRO, REPO, COMMIT) as hub:
        yield hub


@pytest.fixture
def hub(served: FakeHub, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    for name in [name for name in os.environ if name.startswith("HF_") or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HF_ENDPOINT", served.url)
    monkeypatch.setenv("HF_HOME", "/nonexistent/huggingface")
    served.wrong = type(served.wrong)()
    served.asked.clear()
    served.sent.clear()
    yield served
    assert left_over(set(), "hub_child") == set()


def fetch(cache: Path, pin: Known | None = None, *, check: Callable[[], None] = lambda: None, stall_s: float = 60.0) -> list[str]:
    """Fetch, answer the notes."""
    notes: list[str] = []
    folder = download("Whisper micro", REPO, pin, cache, note=notes.append, check=check, stall_s=stall_s)
    assert models.lacking(folder) == ""
    assert folder == cache / "models--somebody--micro" / "snapshots" / COMMIT
    assert (folder / "model.bin").read_bytes() == (MICRO / "model.bin").read_bytes()
    return notes


def refused(cache: Path, pin: Known | None = None, **options: float) -> str:
    with pytest.raises(ModelUnavailable) as caught:
        fetch(cache, pin, **options)  # type: ignore[arg-type]
    assert caught.value.hint
    return caught.value.sentence


def test_model_is_fetched_checked_and_found(hub: FakeHub, tmp_path: Path) -> None:
    notes = fetch(tmp_path)
    settings = Settings(whisper_model=REPO)
    assert models.find("", settings, tmp_path) == tmp_path / "models--somebody--micro" / "snapshots" / COMMIT
    assert [offer.name for offer in models.offers(settings, tmp_path)] == [REPO]
    assert models.offers(settings, tmp_path)[0].state == "here"
    assert notes[-1] == "" and all(note.startswith("Fetching the model Whisper micro: ") for note in notes[:-1])
    assert hub.sent["model.bin"] == (MICRO / "model.bin").stat().st_size
    assert "README.md" not in hub.sent


def test_first_commit_is_kept_as_the_pin_of_a_model_that_we_have_not_pinned(hub: FakeHub, tmp_path: Path) -> None:
    fetch(tmp_path)
    assert (tmp_path / "models--somebody--micro" / "refs" / "sotto").read_text() == COMMIT
    (tmp_path / "models--somebody--micro" / "snapshots" / COMMIT / "tokenizer.json").unlink()
    hub.asked.clear()
    fetch(tmp_path)
    assert f"/api/models/{REPO}/revision/{COMMIT}" in hub.asked[0]


def test_pinned_revision_is_asked_for_and_its_weights_compared(hub: FakeHub, tmp_path: Path) -> None:
    fetch(tmp_path, Known(REPO, COMMIT, hub.checksum("model.bin")))
    assert all(COMMIT in line or "/store/" in line for line in hub.asked)


def test_pinned_revision_that_the_hub_does_not_have_is_told(hub: FakeHub, tmp_path: Path) -> None:
    assert "no longer has the version" in refused(tmp_path, Known(REPO, OTHER))


def test_weights_that_differ_from_our_checksum_are_thrown_away(hub: FakeHub, tmp_path: Path) -> None:
    assert "wrong checksum" in refused(tmp_path, Known(REPO, COMMIT, "0" * 64))
    assert models.find("", Settings(whisper_model=REPO), tmp_path) is None


@pytest.mark.parametrize("name", ["model.bin", "vocabulary.json"])
def test_bytes_that_differ_from_the_hubs_checksum_are_thrown_away(hub: FakeHub, tmp_path: Path, name: str) -> None:
    hub.wrong.spoil = {name}
    assert "wrong checksum" in refused(tmp_path)
    assert models.find("", Settings(whisper_model=REPO), tmp_path) is None
    hub.wrong.spoil = set()
    fetch(tmp_path)


def test_connection_that_breaks_off_is_gone_on_with(hub: FakeHub, tmp_path: Path) -> None:
    hub.wrong.cut = {"model.bin": [5_000_000, 9_000_000]}
    fetch(tmp_path)
    assert hub.wrong.cut == {"model.bin": []}
    assert hub.sent["model.bin"] < (MICRO / "model.bin").stat().st_size + 3_000_000


def test_connection_that_always_breaks_off_is_told(hub: FakeHub, tmp_path: Path) -> None:
    hub.wrong.cut = {"model.bin": [0] * 20}
    assert "broke off" in refused(tmp_path)


def test_hub_that_stops_sending_is_told(hub: FakeHub, tmp_path: Path) -> None:
    hub.wrong.hang = {"model.bin": 3_000_000}
    assert "stopped sending" in refused(tmp_path, stall_s=1.5)


def test_cancel_ends_the_child_and_what_came_is_kept(hub: FakeHub, tmp_path: Path) -> None:
    hub.wrong.hang = {"model.bin": 12_000_000}
    blobs = tmp_path / "models--somebody--micro" / "blobs"

    def check() -> None:
        if any(path.stat().st_size >= 10_000_000 for path in blobs.glob("*.incomplete")):
            raise Cancelled("Stop.")

    with pytest.raises(Cancelled):
        fetch(tmp_path, check=check)
    assert models.find("", Settings(whisper_model=REPO), tmp_path) is None
    hub.wrong.hang = {}
    hub.sent.clear()
    notes = fetch(tmp_path)
    assert hub.sent["model.bin"] < 6_000_000
    assert int(notes[0].split(": ")[1].split()[0]) >= 10


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (401, "RepoNotFound", "does not know"),
        (403, "GatedRepo", "agreed to its terms"),
        (404, "RepoNotFound", "does not know"),
        (404, "RevisionNotFound", "no longer has the version"),
        (503, "", "could not answer"),
        (500, "", "could not answer"),
    ],
)
def test_refusal_of_the_hub_is_told(hub: FakeHub, tmp_path: Path, status: int, code: str, words: str) -> None:
    hub.wrong.status, hub.wrong.code = status, code
    assert words in refused(tmp_path)


def test_hub_that_cannot_be_reached_is_told(hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert "cannot be reached" in refused(tmp_path)


def test_model_without_all_files_is_told(hub: FakeHub, tmp_path: Path) -> None:
    hub.wrong.leave_out = {"tokenizer.json"}
    assert "tokenizer.json is missing" in refused(tmp_path)
    assert "model.bin" not in hub.sent


def test_disk_without_room_is_told_before_anything_is_fetched(hub: FakeHub, tmp_path: Path) -> None:
    hub.wrong.sizes = {"model.bin": 10**15}
    assert "no room" in refused(tmp_path)
    assert "model.bin" not in hub.sent


def test_cache_that_cannot_be_written_is_told(hub: FakeHub, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert "cannot be written" in refused(tmp_path / "file" / "hub")


def test_offline_setting_asks_nobody(hub: FakeHub, tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="HF_HUB_OFFLINE"):
        fetch_model("", Settings(whisper_model="base", hf_hub_offline=True), note=print, check=lambda: None, cache=tmp_path)
    assert hub.asked == []


def test_folder_that_does_not_exist_asks_nobody(hub: FakeHub, tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="does not exist"):
        fetch_model("", Settings(whisper_model=str(tmp_path / "none")), note=print, check=lambda: None, cache=tmp_path)
    assert hub.asked == []


def test_engine_fetches_on_first_use_and_tells_the_bytes(hub: FakeHub, tmp_path: Path) -> None:
    engine = WhisperEngine(Settings(whisper_model=REPO, whisper_device="cpu", whisper_compute_type="int8"), cache=tmp_path)
    request = TranscriptionRequest(language="en")
    assert engine.problem(request) == ""
    notes: list[str] = []
    engine.open(request, note=notes.append, check=lambda: None).close()
    assert any(note.startswith("Fetching the model Whisper micro: ") and note.endswith(f" of {size(SIZE)}.") for note in notes)
    sent = dict(hub.sent)
    engine.open(request, note=notes.append, check=lambda: None).close()
    assert hub.sent == sent


def test_two_threads_fetch_a_model_once(hub: FakeHub, tmp_path: Path) -> None:
    engine = WhisperEngine(Settings(whisper_model=REPO, whisper_device="cpu", whisper_compute_type="int8"), cache=tmp_path)
    jobs = [
        threading.Thread(
            target=lambda: engine.open(TranscriptionRequest(language="en"), note=lambda _: None, check=lambda: None).close()
        )
        for _ in range(2)
    ]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    assert hub.sent["model.bin"] == (MICRO / "model.bin").stat().st_size


def test_failed_fetch_is_remembered_for_a_minute(hub: FakeHub, tmp_path: Path) -> None:
    now = [0.0]
    engine = WhisperEngine(Settings(whisper_model=REPO), cache=tmp_path, clock=lambda: now[0])
    request = TranscriptionRequest()
    assert engine.problem(request) == ""
    hub.wrong.leave_out = {"tokenizer.json"}
    with pytest.raises(ModelUnavailable) as caught:
        engine.open(request, note=lambda _: None, check=lambda: None)
    asked = len(hub.asked)
    now[0] = 59.0
    assert engine.problem(request) == caught.value.sentence
    assert len(hub.asked) == asked
    now[0] = 61.0
    assert engine.problem(request) == ""
    assert len(hub.asked) == asked + 1


def test_hub_is_not_asked_twice_within_a_minute() -> None:
    now, asked = [0.0], []

    def ask(repo: str, revision: str) -> str:
        asked.append((repo, revision))
        return "No."

    hub = Hub(clock=lambda: now[0], ask=ask)
    for now[0] in (0.0, 30.0, 59.9):
        assert hub.problem("base") == "No."
    assert asked == [("Systran/faster-whisper-base", "ebe41f70d5b6dfa9166e2c581c45c9c0cfc57b66")]
    assert hub.problem("small") == "No."
    now[0] = 60.0
    assert hub.problem("base") == "No."
    assert len(asked) == 3


@pytest.mark.parametrize(("status", "words"), [(200, ""), (404, "does not know"), (503, "could not answer")])
def test_asking_the_hub_tells_what_it_says(hub: FakeHub, status: int, words: str) -> None:
    hub.wrong.status = status
    told = ask_hub(REPO, COMMIT)
    assert words in told and bool(told) is bool(words)


def test_asking_a_hub_that_is_silent_ends(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        began = time.monotonic()
        assert "cannot be reached" in ask_hub(REPO, "")
        assert time.monotonic() - began < 30.0
