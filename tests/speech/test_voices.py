"""Languages and voices: the table, and that it says what the libraries say."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys

import pytest

from utils.errors import EngineUnreachable, UnknownVoice
from utils.speech import voices
from utils.speech.data import make


def test_languages_common_ones_come_first() -> None:
    tags = [language.tag for language in voices.languages()]
    assert tags[: len(make.COMMON)] == list(make.COMMON)
    assert len(tags) == len(set(tags)) > 140


def test_languages_all_have_tags_names_and_voices() -> None:
    for language in voices.languages():
        assert re.fullmatch(r"[a-z]{2,3}(-[A-Za-z0-9]{1,8})*", language.tag)
        assert language.name.strip() == language.name != ""
        found = voices.for_language(language.tag)
        assert found
        assert {voice.engine for voice in found} == set(language.firsts)
        assert len({voice.id for voice in found}) == len(found)
    names = [language.name for language in voices.languages()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("said", "tag"),
    [
        ("en", "en-US"), ("EN_gb", "en-GB"), ("de-AT", "de"), ("iw", "he"), ("no", "nb"), ("zh", "zh-CN"), ("zh-Hant-TW", "zh-TW"),
        ("pt", "pt-BR"), ("es-AR", "es-419"), ("fr-FR", "fr"), ("German", "de"), ("portuguese (brazil)", "pt-BR"), ("fil", "fil"),
        ("cmn", "zh-CN"), ("en-GB-scotland", "en-GB"),
    ],
)  # fmt: skip
def test_find_language_usual_spellings_are_known(said: str, tag: str) -> None:
    assert voices.find_language(said).tag == tag


@pytest.mark.parametrize("said", ["", "xx", "-", "english please", "../etc", "x" * 10_000])
def test_find_language_unknown_is_refused(said: str) -> None:
    with pytest.raises(UnknownVoice) as caught:
        voices.find_language(said)
    assert len(caught.value.sentence) < 200
    assert voices.for_language(said) == []
    assert voices.accents(said) == []


@pytest.mark.parametrize("tag", ["en-US", "fr-CA", "de", "vi", "zh-TW"])
def test_find_every_offered_voice_by_its_id(tag: str) -> None:
    for voice in voices.for_language(tag):
        assert voices.find(voice.id) == voice
        assert voices.find(voice.id.upper()) == voice


@pytest.mark.parametrize(
    "voice_id",
    [
        "",
        "espeak:",
        "gtts:en:com@evil",
        "espeak:en-us+",
        "espeak:en-us+zzz",
        "gtts:de+f1",
        "espeak:fo",
        "espeak:kaa",
        "espeak:xex",
        "en-us",
    ],
)
def test_find_unknown_voice_is_refused(voice_id: str) -> None:
    with pytest.raises(UnknownVoice):
        voices.find(voice_id)


def test_find_variant_is_named() -> None:
    voice = voices.find("espeak:en-us+f3")
    assert (voice.key, voice.name, voice.language) == ("en-us+f3", "English (United States), female 3", "en-US")


@pytest.mark.parametrize(
    ("engine", "language", "accent", "key"),
    [
        ("gtts", "en-US", None, "en:us"), ("gtts", "en", None, "en:us"), ("gtts", "en-GB", None, "en:co.uk"),
        ("gtts", "en-US", "com.au", "en:com.au"), ("gtts", "fr-CA", None, "fr-CA"), ("gtts", "pt-PT", None, "pt-PT"),
        ("gtts", "he", None, "iw"), ("gtts", "nb", None, "no"), ("gtts", "fil", None, "tl"), ("gtts", "jv", None, "jw"),
        ("gtts", "zh-TW", None, "zh-TW"), ("gtts", "es-419", None, "es:com.mx"),
        ("espeak", "en", None, "en-us"), ("espeak", "en-GB", None, "en"), ("espeak", "en-US", "co.uk", "en"),
        ("espeak", "en-AU", None, "en"), ("espeak", "he", None, "he"), ("espeak", "nb", None, "nb"),
        ("espeak", "zh-TW", None, "cmn"), ("espeak", "pt", None, "pt-br"), ("espeak", "pt-PT", None, "pt"),
        ("espeak", "fr-CA", None, "fr"), ("espeak", "pt", "pt", "pt"),
    ],
)  # fmt: skip
def test_default_voice_is_of_the_language_or_the_nearest(engine: str, language: str, accent: str | None, key: str) -> None:
    assert voices.default(engine, language, accent).id == f"{engine}:{key}"


@pytest.mark.parametrize("tag", ["gl", "ha", "jv", "km", "su", "fil"])
def test_default_six_languages_are_google_only(tag: str) -> None:
    assert voices.has_engine(tag, "gtts") and not voices.has_engine(tag, "espeak")
    with pytest.raises(UnknownVoice):
        voices.default("espeak", tag)


def test_accents_are_a_fixed_list() -> None:
    assert dict(voices.accents("en-GB"))["com.au"] == "Australia"
    assert [tld for tld, _ in voices.accents("fr")] == ["ca", "fr"]
    assert voices.accents("de") == []


def test_voices_import_no_engine() -> None:
    code = (
        "import sys; from utils.speech import voices; voices.languages(); print({'gtts', 'espeakng_loader', 'av'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


# ---- the table and the libraries ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def built() -> dict[str, object]:
    """What the installed libraries say now; eSpeak NG is asked in a child process."""
    if importlib.util.find_spec("gtts") is None or importlib.util.find_spec("espeakng_loader") is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("gTTS and espeakng-loader are needed")
    try:
        return make.build()
    except EngineUnreachable as exc:
        if os.environ.get("CI"):
            raise
        pytest.skip(exc.sentence)


def test_data_is_what_the_libraries_say(built: dict[str, object]) -> None:
    assert make.FILE.read_text(encoding="utf-8") == make.written(built), "run python -m utils.speech.data.make"


def test_data_holds_every_tag_of_gtts_and_every_speaking_voice_of_espeak(built: dict[str, object]) -> None:
    from gtts.lang import tts_langs

    from utils.speech.engines.espeak_voices import list_voices

    table: dict[str, list[list[str]]] = built["voices"]  # type: ignore[assignment]
    keys = {row[0] for row in table["gtts"]}
    assert {key for key in keys if ":" not in key} == set(tts_langs())
    listed = list_voices()
    assert {row[0] for row in table["espeak"]} == {voice.key for voice in listed if voice.kind == "voice" and voice.speaks}
    assert {voice.key for voice in listed if voice.kind == "voice" and not voice.speaks} == make.HIDDEN
    assert set(make.VARIANTS) <= {voice.key for voice in listed if voice.kind == "variant"}
