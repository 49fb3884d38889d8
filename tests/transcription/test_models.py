"""Which models there are and what they can do: from names, small files and the layout of the hub's cache."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import tokenizers

from tests.transcription.engines.sounds import MICRO
from utils.errors import BadInput
from utils.settings import Settings
from utils.transcription import models, selftest
from utils.transcription.contract import ModelInfo, TranscriptionRequest
from utils.transcription.model_table import ALIASES, KNOWN, pin_of, repo_of
from utils.transcription.models import Offer

COMMITS = ("a" * 40, "b" * 40, "c" * 40)
FILES = ("model.bin", "config.json", "tokenizer.json", "vocabulary.json", "preprocessor_config.json")


def model(folder: Path, *, words: int = 51_865, mels: int = 80, layer: int = 5, vocabulary: str = "vocabulary.json") -> Path:
    """A folder that looks like a model."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.bin").write_bytes(bytes(1_000))
    (folder / "config.json").write_text(json.dumps({"alignment_heads": [[0, 1], [layer, 3]]}))
    (folder / "tokenizer.json").write_text("{}")
    (folder / "preprocessor_config.json").write_text(json.dumps({"feature_size": mels}))
    entries = [str(number) for number in range(words)]
    (folder / vocabulary).write_text(json.dumps(entries) if vocabulary.endswith("json") else "\n".join(entries))
    return folder


def cached(cache: Path, repo: str, commit: str = COMMITS[0], **looks: int) -> Path:
    """A snapshot in the hub's cache."""
    return model(cache / ("models--" + repo.replace("/", "--")) / "snapshots" / commit, **looks)  # type: ignore[arg-type]


def test_pins_are_whole_commits_and_checksums() -> None:
    assert all(re.fullmatch(r"([0-9a-f]{40})?", known.revision) for known in KNOWN.values())
    assert all(re.fullmatch(r"([0-9a-f]{64})?", known.sha256) for known in KNOWN.values())
    assert all(known.revision for known in KNOWN.values() if known.sha256)
    assert {"tiny", "base", "small", "medium", "large-v3", "large-v3-turbo"} <= {name for name in KNOWN if KNOWN[name].revision}
    assert set(ALIASES.values()) <= set(KNOWN)


def test_known_names_are_those_of_the_library() -> None:
    from faster_whisper.utils import _MODELS

    assert {name: repo_of(name) for name in _MODELS} == _MODELS


@pytest.mark.parametrize(
    ("said", "repo"),
    [
        ("base", "Systran/faster-whisper-base"),
        ("turbo", "mobiuslabsgmbh/faster-whisper-large-v3-turbo"),
        ("somebody/model", "somebody/model"),
        ("huge", ""),
        ("a/b/c", ""),
        ("../secret", ""),
        ("./model", ""),
    ],
)
def test_hub_name_of_what_was_said(said: str, repo: str) -> None:
    assert repo_of(said) == repo


def test_pin_counts_for_the_hub_name_too() -> None:
    assert pin_of("Systran/faster-whisper-base") is pin_of("base") is KNOWN["base"]
    assert pin_of("somebody/model") is None


@pytest.mark.parametrize(
    ("environ", "place"),
    [
        ({"HF_HUB_CACHE": "/a", "HF_HOME": "/b"}, "/a"),
        ({"HUGGINGFACE_HUB_CACHE": "/c"}, "/c"),
        ({"HF_HOME": "/b"}, "/b/hub"),
        ({"XDG_CACHE_HOME": "/x"}, "/x/huggingface/hub"),
    ],
)
def test_cache_lies_where_the_hubs_library_has_it(environ: dict[str, str], place: str) -> None:
    assert models.cache_dir(environ) == Path(place)


# ---- folders


def test_folder_that_is_complete_is_found(tmp_path: Path) -> None:
    settings = Settings(whisper_model=str(MICRO))
    assert models.find("", settings, tmp_path) == models.find("micro-whisper", settings, tmp_path) == MICRO
    (offer,) = models.offers(settings, tmp_path)
    assert offer == Offer("micro-whisper", "micro-whisper", "here", "", True, True, (MICRO / "model.bin").stat().st_size)
    assert "/" not in offer.name + offer.label


@pytest.mark.parametrize("name", ["model.bin", "config.json", "tokenizer.json", "vocabulary.json"])
def test_folder_that_lacks_a_file_is_missing_and_says_which(tmp_path: Path, name: str) -> None:
    (model(tmp_path / "mine") / name).unlink()
    settings = Settings(whisper_model=str(tmp_path / "mine"))
    assert models.find("", settings, tmp_path) is None
    (offer,) = models.offers(settings, tmp_path)
    assert offer.state == "missing" and name in offer.reason and str(tmp_path) not in offer.reason


def test_folder_with_128_mels_needs_its_preprocessor_config(tmp_path: Path) -> None:
    large, small = model(tmp_path / "large", words=51_866, mels=128, layer=25), model(tmp_path / "small")
    for folder in (large, small):
        (folder / "preprocessor_config.json").unlink()
    assert models.lacking(large) == "preprocessor_config.json"
    assert models.lacking(small) == ""


def test_folder_that_does_not_exist_says_so(tmp_path: Path) -> None:
    (offer,) = models.offers(Settings(whisper_model=str(tmp_path / "none")), tmp_path)
    assert (offer.state, offer.reason) == ("missing", "The folder that WHISPER_MODEL names does not exist.")


def test_vocabulary_may_be_a_text_file(tmp_path: Path) -> None:
    settings = Settings(whisper_model=str(model(tmp_path / "mine", words=51_864, vocabulary="vocabulary.txt")))
    assert models.offers(settings, tmp_path)[0].multilingual is False


# ---- the cache


def test_snapshot_in_the_cache_is_found(tmp_path: Path) -> None:
    folder = cached(tmp_path, "Systran/faster-whisper-base")
    assert models.find("", Settings(whisper_model="base"), tmp_path) == folder
    assert models.find("", Settings(whisper_model="Systran/faster-whisper-base"), tmp_path) == folder


def test_snapshot_that_is_pinned_wins_then_ours_then_main(tmp_path: Path) -> None:
    settings, repo = Settings(whisper_model="base"), "Systran/faster-whisper-base"
    folders = [cached(tmp_path, repo, commit) for commit in (*COMMITS, KNOWN["base"].revision)]
    refs = models.repo_dir(repo, tmp_path) / "refs"
    refs.mkdir()
    (refs / "main").write_text(COMMITS[1])
    (refs / "sotto").write_text(COMMITS[2] + "\n")
    for expected in (folders[3], folders[2], folders[1], folders[0]):
        assert models.find("", settings, tmp_path) == expected
        shutil.rmtree(expected)
    assert models.find("", settings, tmp_path) is None


def test_snapshot_that_is_half_there_is_not_taken(tmp_path: Path) -> None:
    (cached(tmp_path, "Systran/faster-whisper-base") / "tokenizer.json").unlink()
    settings = Settings(whisper_model="base")
    assert models.find("", settings, tmp_path) is None
    assert models.offers(settings, tmp_path)[0].state == "fetchable"


def test_offers_are_the_setting_then_what_lies_in_the_cache(tmp_path: Path) -> None:
    for repo in ("Systran/faster-whisper-small", "somebody/kept", "Systran/faster-whisper-base"):
        cached(tmp_path, repo)
    (tmp_path / "models--other--empty").mkdir()
    found = models.offers(Settings(whisper_model="large", live_model="base"), tmp_path)
    assert [(offer.name, offer.state) for offer in found] == [
        ("large-v3", "fetchable"), ("base", "here"), ("small", "here"), ("somebody/kept", "here"),
    ]  # fmt: skip
    assert [offer.label for offer in found][:2] == ["Whisper large-v3", "Whisper base"]


def test_offer_that_cannot_be_fetched_offline_is_missing(tmp_path: Path) -> None:
    (offer,) = models.offers(Settings(whisper_model="base", hf_hub_offline=True), tmp_path)
    assert offer.state == "missing" and "HF_HUB_OFFLINE" in offer.reason


def test_offer_with_an_unknown_name_is_missing(tmp_path: Path) -> None:
    (offer,) = models.offers(Settings(whisper_model="enormous"), tmp_path)
    assert offer.state == "missing" and "unknown" in offer.reason


@pytest.mark.parametrize("name", ["small", "../../etc", "/etc", "somebody/else", "base.en", "m" * 5_000])
def test_model_that_is_not_offered_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput, match="does not offer"):
        models.offer_of(name, Settings(whisper_model="base"), tmp_path)


def test_refusal_does_not_tell_which_folders_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one/two/there").mkdir(parents=True)
    for name in ("one/two/there", "one/two/missing"):
        with pytest.raises(BadInput, match=name):
            models.offer_of(name, Settings(whisper_model="base"), tmp_path)


def test_model_is_found_under_all_its_names(tmp_path: Path) -> None:
    settings = Settings(whisper_model="large")
    for name in ("", "large", "large-v3"):
        assert models.offer_of(name, settings, tmp_path).name == "large-v3"


# ---- what a model can do


@pytest.mark.parametrize(
    ("repo", "words", "mels", "layer", "multilingual", "translates"),
    [
        ("Systran/faster-whisper-base", 51_865, 80, 5, True, True),
        ("Systran/faster-whisper-tiny", 51_865, 80, 3, True, True),
        ("Systran/faster-whisper-base.en", 51_864, 80, 5, False, False),
        ("Systran/faster-whisper-large-v3", 51_866, 128, 25, True, True),
        ("mobiuslabsgmbh/faster-whisper-large-v3-turbo", 51_866, 128, 3, True, False),
        ("somebody/renamed", 51_866, 128, 3, True, False),
        ("Systran/faster-distil-whisper-large-v2", 51_865, 80, 1, True, False),
        ("distil-whisper/distil-large-v3.5-ct2", 51_866, 128, 1, True, False),
    ],
)
def test_abilities_are_read_from_name_and_files(
    tmp_path: Path, repo: str, words: int, mels: int, layer: int, multilingual: bool, translates: bool
) -> None:
    cached(tmp_path, repo, words=words, mels=mels, layer=layer)
    offer = models.offers(Settings(whisper_model=repo), tmp_path)[0]
    assert (offer.state, offer.multilingual, offer.can_translate) == ("here", multilingual, translates)


@pytest.mark.parametrize(
    ("name", "multilingual", "translates"),
    [
        ("small", True, True),
        ("small.en", False, False),
        ("turbo", True, False),
        ("distil-large-v3", True, False),
        ("a/b", None, None),
    ],
)
def test_abilities_of_a_model_that_is_not_here_yet(
    tmp_path: Path, name: str, multilingual: bool | None, translates: bool | None
) -> None:
    offer = models.offers(Settings(whisper_model=name), tmp_path)[0]
    assert (offer.state, offer.multilingual, offer.can_translate) == ("fetchable", multilingual, translates)


FULL = Offer("base", "Whisper base", "here", "", True, True)
ENGLISH = replace(FULL, label="Whisper base.en", multilingual=False, can_translate=False)
TURBO = replace(FULL, label="Whisper turbo", can_translate=False)
UNKNOWN = replace(FULL, multilingual=None, can_translate=None)


@pytest.mark.parametrize(
    ("offer", "request_", "words"),
    [
        (FULL, TranscriptionRequest(language="de", task="translate", multilingual=True), ""),
        (UNKNOWN, TranscriptionRequest(language="de", task="translate", multilingual=True), ""),
        (ENGLISH, TranscriptionRequest(language="en"), ""),
        (ENGLISH, TranscriptionRequest(), ""),
        (ENGLISH, TranscriptionRequest(language="de"), "knows English only"),
        (ENGLISH, TranscriptionRequest(multilingual=True), "knows English only"),
        (ENGLISH, TranscriptionRequest(task="translate"), "not trained to translate"),
        (TURBO, TranscriptionRequest(language="de"), ""),
        (TURBO, TranscriptionRequest(task="translate"), "not trained to translate"),
        (ModelInfo("Whisper turbo", True, False, ("en", "de")), TranscriptionRequest(task="translate"), "not trained to translate"),
        (FULL, TranscriptionRequest(prompt="A talk about ships.", hotwords="Kowloon, Ventimiglia"), ""),
        (FULL, TranscriptionRequest(prompt="word " * 60, hotwords="name " * 60), "100 tokens"),
    ],
)
def test_request_that_cannot_work_is_refused(offer: Offer | ModelInfo, request_: TranscriptionRequest, words: str) -> None:
    if not words:
        models.check_request(request_, offer)
        return
    with pytest.raises(BadInput, match=words) as caught:
        models.check_request(request_, offer)
    assert caught.value.hint and caught.value.sentence.count(". ") == 0


HINTS = (
    "An interview about coffee roasting in the north of Italy, with full punctuation.",
    "Ventimiglia, Kowloon, Szczebrzeszyn, Dr. Okonkwo, Reykjavík, the Mbeki-Njoroge inquiry",
    "Ein Gespräch über Bürgerschaftsangelegenheiten, Fußgängerzonen und die Straßenverkehrsordnung.",
    "Une conversation à propos de l'œuvre de Zoé, à Besançon, l'été dernier.",
    "今天我们谈谈北京的天气和上海的交通。",
    "東京タワーについての会話です。",
    "Разговор о железных дорогах и вокзалах Санкт-Петербурга.",
    "مقابلة عن تاريخ المدينة القديمة",
    "การสนทนาเกี่ยวกับกาแฟ",
    "GPT-4o, CTranslate2 v4.8.5, HTTP/2, 192.168.0.1, x86_64, C++17",
)


@pytest.mark.parametrize("text", HINTS)
def test_hint_tokens_are_counted_nearly_and_rather_too_many(text: str) -> None:
    exact = len(tokenizers.Tokenizer.from_file(str(MICRO / "tokenizer.json")).encode(" " + text, add_special_tokens=False).ids)
    assert 0.95 * exact <= models.hint_tokens(text) <= 2.2 * exact + 2, exact


# ---- the outlook


def test_outlook_is_whisper_where_the_model_is(tmp_path: Path) -> None:
    found = selftest.outlook(Settings(whisper_model=str(MICRO)), tmp_path)
    assert (found.engine, found.model, found.state, found.reason, found.note) == ("whisper", "micro-whisper", "here", "", "")


def test_outlook_is_the_draft_with_the_reason_where_no_model_can_be_had(tmp_path: Path) -> None:
    found = selftest.outlook(Settings(whisper_model="base", hf_hub_offline=True), tmp_path)
    assert (found.engine, found.state, found.note) == ("draft", "missing", models.DRAFT_NOTE)
    assert "HF_HUB_OFFLINE" in found.reason


def test_outlook_without_leave_to_draft_is_nothing(tmp_path: Path) -> None:
    found = selftest.outlook(Settings(whisper_model="base", hf_hub_offline=True, stt_engine="whisper"), tmp_path)
    assert (found.engine, found.note) == ("", "") and found.reason


def test_outlook_that_is_set_to_draft_says_so(tmp_path: Path) -> None:
    found = selftest.outlook(Settings(whisper_model=str(MICRO), stt_engine="draft"), tmp_path)
    assert found.engine == "draft" and "STT_ENGINE" in found.reason


def test_draft_note_names_models_to_install() -> None:
    assert models.DRAFT_NOTE.startswith("Draft quality") and "base" in models.DRAFT_NOTE and "small" in models.DRAFT_NOTE
