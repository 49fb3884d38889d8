from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from tests.api.surface import QuietEngine, Surface, surface
from utils.api.readiness import KEPT_S, Readiness
from utils.jobs.machine import Sign


def report(sotto: Surface, **changes: Any) -> dict[str, Any]:
    return Readiness(replace(sotto.services, **changes)).report()


def engines(**problems: str) -> MappingProxyType[str, QuietEngine]:
    return MappingProxyType({name: QuietEngine(name, problem) for name, problem in problems.items()})


@pytest.fixture
def worker(sotto: Surface) -> None:
    """The signs of living workers."""
    for pool in ("speech", "transcribe", "live"):
        Sign(sotto.services.settings.queue_dir, pool).give()


@pytest.mark.usefixtures("worker")
def test_readyz_ok_and_failing_have_one_shape(sotto: Surface) -> None:
    good = sotto.stranger().get("/readyz")
    bad = report(sotto, engines=engines(gtts="It is not installed.", espeak="It is not installed."))
    assert (good.status_code, good.json()["status"], bad["status"]) == (200, "ok", "failing")
    assert {name: set(check) for name, check in good.json()["checks"].items()} == {
        name: set(check) for name, check in bad["checks"].items()
    }
    assert bad["checks"]["speech"]["engines"]["gtts"] == {"ok": False, "reason": "It is not installed."}


def test_readyz_without_worker_is_503(sotto: Surface) -> None:
    answer = sotto.stranger().get("/readyz")
    assert (answer.status_code, answer.json()["checks"]["jobs"]["ok"]) == (503, False)
    assert answer.json()["checks"]["jobs"]["reason"]


def test_readyz_server_that_wants_no_worker_is_ready_without(tmp_path: Path) -> None:
    with surface(tmp_path / "outputs", speech_workers=0, transcribe_workers=0, live_workers=0) as sotto:
        assert sotto.stranger().get("/readyz").status_code == 200


@pytest.mark.parametrize(("wanted", "ok"), [("auto", True), ("gtts", False), ("espeak", True)])
def test_readyz_needs_one_engine_of_those_wanted(tmp_path: Path, wanted: str, ok: bool) -> None:
    with surface(tmp_path / "outputs", tts_engine=wanted) as sotto:
        assert report(sotto, engines=engines(gtts="Gone.", espeak=""))["checks"]["speech"]["ok"] is ok


@pytest.mark.parametrize(("wanted", "ok"), [("auto", True), ("whisper", False), ("draft", True)])
def test_readyz_tells_of_transcription_what_works_and_why_the_rest_does_not(tmp_path: Path, wanted: str, ok: bool) -> None:
    settings = {"stt_engine": wanted, "whisper_model": "base", "hf_hub_offline": True}
    with surface(tmp_path / "outputs", **settings) as sotto:
        check = report(sotto)["checks"]["transcription"]
    assert check["ok"] is ok
    assert check["engines"]["draft"] == {"ok": True, "reason": ""}
    assert check["engines"]["whisper"]["reason"] and check["models"]["base"] == "missing"


def test_readyz_tells_the_decoder_the_disk_and_the_descriptors(sotto: Surface) -> None:
    checks = report(sotto)["checks"]
    assert checks["sound"]["ffmpeg"]
    assert checks["disk"]["writable"] is True
    assert checks["disk"]["free_bytes"] > 0
    if sys.platform != "win32":
        assert 0 < checks["descriptors"]["used"] < checks["descriptors"]["limit"]


def test_readyz_without_its_folder_fails(sotto: Surface) -> None:
    outputs = sotto.services.sessions.outputs
    outputs.rename(outputs.with_name("gone"))
    outputs.touch()
    disk = report(sotto)["checks"]["disk"]
    assert (disk["ok"], disk["writable"]) == (False, False)


def test_readyz_names_no_path_and_no_address(tmp_path: Path) -> None:
    with surface(tmp_path / "outputs", gtts_endpoint="https://user:word@mirror.example") as sotto:
        answer = sotto.stranger().get("/readyz")
        assert answer.json()["checks"]["speech"]["own_gtts_endpoint"] is True
        assert "mirror" not in answer.text
        assert str(tmp_path) not in answer.text


def test_readyz_looks_again_after_a_moment(sotto: Surface) -> None:
    now = [100.0]
    readiness = Readiness(sotto.services, lambda: now[0])
    first = readiness.report()
    now[0] += KEPT_S
    assert readiness.report() is first
    now[0] += 0.1
    assert readiness.report() is not first


def test_readyz_tells_how_many_can_be_followed_while_they_speak(tmp_path: Path) -> None:
    with surface(tmp_path / "outputs", live_workers=3) as sotto:
        assert report(sotto)["checks"]["live"] == {"ok": True, "reason": "", "places": 3, "open": 0}
