"""Which engine does a request, and why it is not the first choice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.transcription.engines.sounds import MICRO
from utils.errors import BadInput, EngineUnreachable
from utils.settings import Settings
from utils.transcription.contract import TranscriptionEngine, TranscriptionRequest
from utils.transcription.engines import build, choose
from utils.transcription.engines.draft import DraftEngine
from utils.transcription.engines.hub import Hub
from utils.transcription.engines.whisper import WhisperEngine

HERE = Settings(whisper_model=str(MICRO))
OFFLINE = Settings(whisper_model="base", hf_hub_offline=True)


def engines(settings: Settings, cache: Path, hub_says: str = "") -> dict[str, TranscriptionEngine]:
    """As `build` makes them, with a cache and a hub of our own."""
    hub = Hub(ask=lambda repo, revision: hub_says)
    return {"whisper": WhisperEngine(settings, cache=cache, hub=hub), "draft": DraftEngine()}


def chosen(settings: Settings, cache: Path, hub_says: str = "", **options: object) -> tuple[str, str]:
    request = TranscriptionRequest(**options)  # type: ignore[arg-type]
    engine, why = choose(engines(settings, cache, hub_says), settings, request)
    return engine.name, why


def test_build_makes_both_in_the_order_of_auto() -> None:
    assert list(build(HERE)) == ["whisper", "draft"]


def test_build_leaves_whisper_out_where_only_drafts_are_wanted() -> None:
    assert list(build(Settings(stt_engine="draft"))) == ["draft"]


def test_auto_is_whisper_where_the_model_is(tmp_path: Path) -> None:
    assert chosen(HERE, tmp_path) == ("whisper", "")


def test_auto_is_whisper_where_the_model_can_be_fetched(tmp_path: Path) -> None:
    assert chosen(Settings(whisper_model="base"), tmp_path) == ("whisper", "")


def test_auto_is_the_draft_where_the_hub_cannot_be_reached_and_says_so(tmp_path: Path) -> None:
    assert chosen(Settings(whisper_model="base"), tmp_path, "The hub is silent.") == ("draft", "The hub is silent.")


def test_auto_is_the_draft_offline_and_says_so(tmp_path: Path) -> None:
    name, why = chosen(OFFLINE, tmp_path)
    assert name == "draft" and "HF_HUB_OFFLINE" in why


@pytest.mark.parametrize("options", [{"language": "de"}, {"task": "translate"}])
def test_auto_without_a_model_cannot_do_what_the_draft_cannot(tmp_path: Path, options: dict[str, object]) -> None:
    with pytest.raises(EngineUnreachable) as caught:
        chosen(OFFLINE, tmp_path, **options)
    assert "HF_HUB_OFFLINE" in caught.value.sentence and "install a Whisper model" in caught.value.sentence


def test_engine_that_was_asked_for_is_taken_or_fails(tmp_path: Path) -> None:
    assert chosen(HERE, tmp_path, engine="draft") == ("draft", "")
    with pytest.raises(EngineUnreachable, match="HF_HUB_OFFLINE"):
        chosen(OFFLINE, tmp_path, engine="whisper")


def test_setting_whisper_never_falls_back(tmp_path: Path) -> None:
    settings = Settings(whisper_model="base", hf_hub_offline=True, stt_engine="whisper")
    with pytest.raises(EngineUnreachable, match="HF_HUB_OFFLINE"):
        chosen(settings, tmp_path)


def test_setting_draft_has_no_whisper(tmp_path: Path) -> None:
    settings = Settings(whisper_model=str(MICRO), stt_engine="draft")
    built = build(settings)
    assert choose(built, settings, TranscriptionRequest())[0].name == "draft"
    with pytest.raises(BadInput, match="no engine"):
        choose(built, settings, TranscriptionRequest(engine="whisper"))


def test_model_that_is_not_offered_is_a_problem_of_whisper(tmp_path: Path) -> None:
    name, why = chosen(HERE, tmp_path, model="enormous")
    assert name == "draft" and "does not offer" in why
