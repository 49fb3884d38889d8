"""How many recordings with captions a machine carries: set, measured once, told to the servers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from utils.jobs import live_slots
from utils.jobs.machine import Sign
from utils.settings import Settings

MODEL = Path(__file__).resolve().parents[1] / "assets" / "micro-whisper"


@pytest.mark.parametrize(
    ("core_s", "cores", "slots"),
    [(0.05, 2, 8), (0.17, 2, 4), (0.4, 2, 2), (0.8, 4, 2), (1.6, 2, 1), (5.0, 2, 1), (0.0, 1, 4)],
)
def test_slots_follow_from_the_speed_and_are_never_none(core_s: float, cores: int, slots: int) -> None:
    assert live_slots.slots_of(core_s, cores) == slots


def test_slots_are_measured_once_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"OUTPUTS_DIR": str(tmp_path), "WHISPER_MODEL": str(MODEL), "STT_ENGINE": "whisper"}.items():
        monkeypatch.setenv(name, value)  # the child reads its settings from there, as that of a worker does
    settings = Settings(outputs_dir=tmp_path, whisper_model=str(MODEL), stt_engine="whisper")
    settings.queue_dir.mkdir()
    assert live_slots.find(settings) >= 1
    kept = settings.queue_dir / live_slots.SPEED
    assert json.loads(kept.read_bytes())["core_s"] > 0
    told = json.loads(kept.read_bytes()) | {"core_s": 100.0}
    kept.write_text(json.dumps(told))
    assert live_slots.find(settings) == 1  # as it says there, without measuring again


def test_slots_are_not_measured_for_a_worker_that_is_told_to_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTPUTS_DIR", str(tmp_path))
    monkeypatch.setattr(live_slots, "HEAR_S", 0.01)
    settings = Settings(outputs_dir=tmp_path, whisper_model=str(MODEL), stt_engine="whisper")
    settings.queue_dir.mkdir()
    before, looks = psutil.Process().children(), iter([False, False, True])
    assert live_slots.find(settings, lambda: next(looks)) == live_slots.FIRST
    assert next(looks, None) is None  # it was looked at until then
    assert psutil.Process().children() == before  # the child is gone
    assert not (settings.queue_dir / live_slots.SPEED).exists()


def test_slots_that_are_set_are_not_measured(tmp_path: Path) -> None:
    assert live_slots.find(Settings(outputs_dir=tmp_path, live_workers=7)) == 7
    assert not list(tmp_path.iterdir())


def test_slots_of_living_workers_are_summed(tmp_path: Path) -> None:
    sign = Sign(tmp_path, "live")
    sign.give()
    now = sign.path.stat().st_mtime
    assert live_slots.told(tmp_path, now) is None
    live_slots.tell(tmp_path, sign.path, 3)
    assert live_slots.told(tmp_path, now) == 3
    assert live_slots.told(tmp_path, now + 60) is None  # it gave no sign for long


def test_slots_tell_of_the_draft_engine_while_the_model_cannot_be_had(tmp_path: Path) -> None:
    sign = Sign(tmp_path, "live")
    sign.give()
    now = sign.path.stat().st_mtime
    live_slots.tell(tmp_path, sign.path, 2, draft=True)
    assert (live_slots.told(tmp_path, now), live_slots.told_draft(tmp_path, now)) == (2, True)
    live_slots.tell(tmp_path, sign.path, 2)
    assert (live_slots.told(tmp_path, now), live_slots.told_draft(tmp_path, now)) == (2, False)


def test_model_is_asked_for_at_the_hub_only_where_it_would_be_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    asked: list[str] = []

    def problem(said: str) -> str:
        asked.append(said)
        return "The model hub cannot be reached."

    fetchable = Settings(outputs_dir=tmp_path, whisper_model="base")
    assert live_slots.is_unreachable(fetchable, problem) and asked == ["base"]
    for settings in (
        replace(fetchable, whisper_model=str(MODEL)),
        replace(fetchable, stt_engine="whisper"),
        replace(fetchable, hf_hub_offline=True),
    ):
        assert not live_slots.is_unreachable(settings, problem) and asked == ["base"]
    assert not live_slots.is_unreachable(fetchable, lambda said: "")
