"""Fields of OpenAI's forms become a request of ours, or are refused by their name."""

from __future__ import annotations

import pytest

from tests.transcription.engines.sounds import MICRO
from utils.api.openai_errors import MissingParameter, ModelNotFound, UnknownParameter, WrongParameter
from utils.api.openai_forms import OPENAI_MODELS, Asked, asked
from utils.settings import Settings
from utils.transcription import models

SETTINGS = Settings(whisper_model=str(MICRO), live_model="tiny", hf_hub_offline=True)


def ask(*pairs: tuple[str, str], translate: bool = False, **fields: str) -> Asked:
    return asked([("model", "whisper-1"), *fields.items(), *pairs], SETTINGS, translate=translate)


def test_least_form_asks_for_json_by_the_servers_own_choice() -> None:
    found = ask()
    assert (found.form, found.stream, found.logprobs, found.granularities) == ("json", False, False, {"segment"})
    request = found.request
    assert (request.engine, request.model, request.task, request.language) == ("auto", "", "transcribe", "")
    assert request.keep_source is False and request.temperature == 0.0


@pytest.mark.parametrize(
    ("field", "text", "name", "value"),
    [
        ("language", "en", "language", "en"),
        ("language", "German", "language", "de"),
        ("language", "pt-BR", "language", "pt"),
        ("language", "haitian creole", "language", "ht"),
        ("language", "", "language", ""),
        ("languages[]", "fr", "language", "fr"),
        ("prompt", "Smart home.", "prompt", "Smart home."),
        ("keywords[]", "Okonkwo", "hotwords", "Okonkwo"),
        ("temperature", "0.4", "temperature", 0.4),
        ("temperature", "1", "temperature", 1.0),
    ],
)
def test_field_becomes_the_option_that_it_means(field: str, text: str, name: str, value: object) -> None:
    assert getattr(ask((field, text)).request, name) == value


def test_several_of_one_name_are_taken_together_in_both_spellings() -> None:
    both = ask(("timestamp_granularities[]", "word"), ("timestamp_granularities", "segment"), response_format="verbose_json")
    assert both.granularities == {"word", "segment"}
    assert ask(("keywords[]", "Ada"), ("keywords[]", " Grace ")).request.hotwords == "Ada, Grace"
    assert ask(("languages[]", "fr"), ("languages[]", "de")).request.language == ""
    assert ask(("languages[]", "fr"), language="de").request.language == "de"


@pytest.mark.parametrize("text", ["true", "True", "1"])
def test_stream_is_a_flag(text: str) -> None:
    assert ask(stream=text).stream and not ask(stream="false").stream


def test_logprobs_are_included_on_request() -> None:
    assert ask(("include[]", "logprobs")).logprobs


@pytest.mark.parametrize(
    "pairs",
    [
        [("chunking_strategy", "auto")],
        [("chunking_strategy", '{"type": "server_vad", "threshold": 0.5}')],
        [("chunking_strategy[type]", "server_vad"), ("chunking_strategy[prefix_padding_ms]", "300")],
    ],
)
def test_chunking_is_taken_and_changes_nothing(pairs: list[tuple[str, str]]) -> None:
    assert ask(*pairs) == ask()


@pytest.mark.parametrize(
    ("pairs", "param"),
    [
        ([("response_format", "docx")], "response_format"),
        ([("response_format", "diarized_json")], "response_format"),
        ([("stream", "perhaps")], "stream"),
        ([("stream", "true"), ("response_format", "srt")], "stream"),
        ([("stream", "true"), ("response_format", "verbose_json")], "stream"),
        ([("temperature", "1.5")], "temperature"),
        ([("temperature", "nan")], "temperature"),
        ([("temperature", "warm")], "temperature"),
        ([("language", "klingon")], "language"),
        ([("languages[]", "xx")], "languages"),
        ([("timestamp_granularities[]", "word")], "timestamp_granularities"),
        ([("timestamp_granularities[]", "letter"), ("response_format", "verbose_json")], "timestamp_granularities"),
        ([("include[]", "embeddings")], "include"),
        ([("include[]", "logprobs"), ("response_format", "text")], "include"),
        ([("chunking_strategy", "thirds")], "chunking_strategy"),
        ([("chunking_strategy", "[" * 60_000)], "chunking_strategy"),
        ([("chunking_strategy[threshold]", "0.5")], "chunking_strategy"),
        ([("chunking_strategy", '{"type": "server_vad", "x": 1}')], "chunking_strategy"),
        ([("chunking_strategy[type]", "server_vad"), ("chunking_strategy[threshold]", "high")], "chunking_strategy[threshold]"),
        ([("known_speaker_names[]", "Ada")], "known_speaker_names"),
        ([("prompt", "a"), ("prompt", "b")], "prompt"),
    ],
)
def test_what_cannot_be_done_is_refused_by_its_name(pairs: list[tuple[str, str]], param: str) -> None:
    with pytest.raises(WrongParameter) as refused:
        ask(*pairs)
    assert (refused.value.param, refused.value.status) == (param, 400)
    assert refused.value.sentence.endswith(".")


@pytest.mark.parametrize("name", ["surprise", "prompt[x]", "chunking_strategy[x]", "", "vad_filter"])
def test_unknown_field_is_refused_so_that_a_typing_mistake_does_not_pass(name: str) -> None:
    with pytest.raises(UnknownParameter) as refused:
        ask((name, "1"))
    assert refused.value.code == "unknown_parameter"


@pytest.mark.parametrize("name", ["stream", "include[]", "timestamp_granularities[]", "keywords[]", "chunking_strategy"])
def test_translation_has_fewer_fields(name: str) -> None:
    with pytest.raises(UnknownParameter):
        ask((name, "true"), translate=True)
    assert ask(translate=True, language="de").request.task == "translate"


@pytest.mark.parametrize(
    ("model", "engine", "chosen"),
    [
        *((name, "auto", "") for name in OPENAI_MODELS),
        ("draft", "draft", ""),
        (MICRO.name, "whisper", MICRO.name),
        ("tiny", "whisper", "tiny"),
    ],
)
def test_model_is_found_by_openais_names_and_by_ours(model: str, engine: str, chosen: str) -> None:
    request = asked([("model", model)], SETTINGS).request
    assert (request.engine, request.model) == (engine, chosen)


@pytest.mark.parametrize("model", ["gpt-4o-transcribe-diarize", "large-v3", "tts-1", "../../etc", "micro", "Whisper-1"])
def test_model_that_is_not_offered_is_not_found(model: str) -> None:
    with pytest.raises(ModelNotFound) as refused:
        asked([("model", model)], SETTINGS)
    assert (refused.value.code, refused.value.status, refused.value.param) == ("model_not_found", 404, "model")


@pytest.mark.parametrize("pairs", [[], [("model", "")]])
def test_model_must_be_said(pairs: list[tuple[str, str]]) -> None:
    with pytest.raises(MissingParameter):
        asked(pairs, SETTINGS)


@pytest.mark.parametrize(
    "prompt", ["The whole text until now, every word of it. " * 400, "会议记录今天的天气很好" * 300, "Donaudampfschifffahrt" * 200]
)
def test_long_prompt_is_cut_to_its_end_which_is_what_whisper_reads(prompt: str) -> None:
    kept = ask(("keywords[]", "Okonkwo"), prompt=prompt).request
    assert kept.prompt and prompt.strip().endswith(kept.prompt)
    assert models.hint_tokens(kept.prompt) + models.hint_tokens(kept.hotwords) <= models.MAX_HINT_TOKENS
    assert models.hint_tokens(kept.prompt) > 60
    if " " in prompt:
        assert f" {kept.prompt}" in prompt  # no word is torn


def test_short_prompt_stays_as_it_is() -> None:
    assert ask(prompt=" Smart home.\n").request.prompt == "Smart home."


def test_fields_of_many_kinds_never_break_the_reader() -> None:
    for name in ("model", "[", "]", "[]", "model[", "include[[]]", "\x00", "x" * 500):
        for text in ("", "\x00", "[]", "{}", "9" * 400, "\ud800"):
            try:
                ask((name, text))
            except WrongParameter as refused:
                assert len(refused.sentence) < 300
