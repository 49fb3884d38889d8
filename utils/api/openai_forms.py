"""The fields of OpenAI's forms for recordings -> a request of ours. Pure; the form itself is read by `arriving`.

What names a thing that we do in another way is taken and said in the documentation; what would change the answer and cannot be
done here is refused by its name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from utils.api.openai_errors import MissingParameter, ModelNotFound, UnknownParameter, WrongParameter
from utils.errors import BadInput
from utils.settings import Settings
from utils.transcription import models
from utils.transcription.contract import TranscriptionRequest
from utils.workflows.tongues import LANGUAGES, whisper_tag

OPENAI_MODELS = ("whisper-1", "gpt-4o-transcribe", "gpt-4o-mini-transcribe", "gpt-4o-mini-transcribe-2025-12-15", "gpt-transcribe")
DRAFT = "draft"
FORMATS = ("json", "text", "srt", "verbose_json", "vtt")
GRANULARITIES = ("word", "segment")
TRUE, FALSE = ("true", "1"), ("false", "0")
LONGEST_HINTS = 80  # estimated tokens; the engine counts exactly and refuses more than 100
LANGUAGE_NAMES: Mapping[str, str] = MappingProxyType({name.lower(): tag for tag, name in LANGUAGES.items()})

ONE = frozenset({"model", "language", "prompt", "response_format", "temperature", "stream", "chunking_strategy"})
SEVERAL = frozenset({"timestamp_granularities", "include", "keywords", "languages"})
OF_TRANSLATIONS = frozenset({"model", "language", "prompt", "response_format", "temperature"})
CHUNKING = frozenset({"type", "prefix_padding_ms", "silence_duration_ms", "threshold"})
SPEAKERS = frozenset({"known_speaker_names", "known_speaker_references"})


@dataclass(frozen=True)
class Asked:
    """What a form asks for.

    Attributes:
        request: For the workflow.
        form: One of FORMATS.
        granularities: Some of GRANULARITIES, for `verbose_json`.
        stream: Answer with events while the text grows.
        logprobs: Tell how sure the engine was of each word.
    """

    request: TranscriptionRequest
    form: str = "json"
    granularities: frozenset[str] = frozenset({"segment"})
    stream: bool = False
    logprobs: bool = False


@dataclass(frozen=True)
class Fields:
    """The fields of a form by their plain names; empty ones count as left out."""

    one: Mapping[str, str]
    several: Mapping[str, tuple[str, ...]]
    chunking: Mapping[str, str]


def asked(pairs: Sequence[tuple[str, str]], settings: Settings, *, translate: bool = False) -> Asked:
    """The request that a form makes.

    Args:
        pairs: Names and texts of the fields, in order.
        settings: For the models on offer.
        translate: The form is that of translations.

    Raises:
        WrongParameter: One sentence with the name of the field.
    """
    fields = _sorted(pairs, OF_TRANSLATIONS if translate else ONE | SEVERAL)
    form = _one_of(fields.one, "response_format", FORMATS, "json")
    granularities = _granularities(fields, form)
    stream = _flag(fields.one, "stream")
    if stream and form not in ("json", "text"):
        sentence = f"A stream carries plain text, so it does not go with the response_format {form!r}."
        raise WrongParameter("stream", sentence, "Leave out one of the two.")
    logprobs = _includes(fields, form)
    _check_chunking(fields)
    keywords = ", ".join(word.strip() for word in fields.several.get("keywords", ()) if word.strip())
    engine, model = _model(fields.one.get("model", ""), settings)
    request = TranscriptionRequest(
        language=_language(fields),
        task="translate" if translate else "transcribe",
        prompt=_cut(fields.one.get("prompt", ""), LONGEST_HINTS - models.hint_tokens(keywords)),
        hotwords=keywords,
        temperature=_temperature(fields.one),
        keep_source=False,
        engine=engine,
        model=model,
    )
    return Asked(request, form, granularities, stream, logprobs)


def _sorted(pairs: Sequence[tuple[str, str]], known: frozenset[str]) -> Fields:
    one: dict[str, str] = {}
    several: dict[str, tuple[str, ...]] = {}
    chunking: dict[str, str] = {}
    for written, text in pairs:
        name, _, inner = written.partition("[")
        inner = inner.removesuffix("]")
        if name in SPEAKERS:
            raise WrongParameter(name, "Speakers are not told apart here.", f"Leave {name} out.")
        if name not in known or (inner and (name != "chunking_strategy" or inner not in CHUNKING)):
            raise UnknownParameter(written[:60], f"There is no parameter {written[:60]!r} here.", "Leave it out.")
        if name in SEVERAL:
            several[name] = (*several.get(name, ()), *([text] if text else []))
        elif inner:
            chunking[inner] = text
        elif name in one:
            raise WrongParameter(name, f"The parameter {name} is given more than once.", "Send it once.")
        elif text:
            one[name] = text
    return Fields(one, several, chunking)


def _one_of(fields: Mapping[str, str], name: str, allowed: Sequence[str], otherwise: str) -> str:
    text = fields.get(name, otherwise)
    if text == "diarized_json":
        raise WrongParameter(name, "Speakers are not told apart here.", "Choose one of " + ", ".join(allowed) + ".")
    if text not in allowed:
        raise WrongParameter(name, f"The {name} {text[:40]!r} is not known.", "Choose one of " + ", ".join(allowed) + ".")
    return text


def _flag(fields: Mapping[str, str], name: str) -> bool:
    text = fields.get(name, "false").lower()
    if text not in TRUE + FALSE:
        raise WrongParameter(name, f"The parameter {name} is true or false.")
    return text in TRUE


def _granularities(fields: Fields, form: str) -> frozenset[str]:
    name = "timestamp_granularities"
    given = frozenset(fields.several.get(name, ()))
    for text in given - frozenset(GRANULARITIES):
        raise WrongParameter(name, f"The granularity {text[:40]!r} is not known.", "Choose word, segment or both.")
    if given and form != "verbose_json":
        raise WrongParameter(name, "Times are only in the response_format verbose_json.", "Ask for that, or leave them out.")
    return given or frozenset({"segment"})


def _includes(fields: Fields, form: str) -> bool:
    given = set(fields.several.get("include", ()))
    for text in given - {"logprobs"}:
        raise WrongParameter("include", f"There is nothing called {text[:40]!r} to include.", "Leave it out, or ask for logprobs.")
    if given and form != "json":
        raise WrongParameter("include", "Probabilities are only in the response_format json.", "Ask for that, or leave them out.")
    return bool(given)


def _check_chunking(fields: Fields) -> None:
    """Where to cut is decided by the sound and by what was heard, so a client's wishes are checked and change nothing."""
    chunking, whole = dict(fields.chunking), fields.one.get("chunking_strategy", "auto")
    if whole != "auto":
        try:
            parsed = json.loads(whole)
        except (ValueError, RecursionError):
            parsed = None
        chunking |= {str(name): str(value) for name, value in parsed.items()} if isinstance(parsed, dict) else {"type": whole}
    if chunking and (set(chunking) - CHUNKING or chunking.get("type") != "server_vad"):
        raise WrongParameter("chunking_strategy", "The chunking strategy is auto, or of the type server_vad.", "Leave it out.")
    for name, text in chunking.items():
        if name != "type" and _number(text) is None:
            raise WrongParameter(f"chunking_strategy[{name}]", f"{name} is a number.")


def _temperature(fields: Mapping[str, str]) -> float:
    value = _number(fields.get("temperature", "0"))
    if value is None or not 0 <= value <= 1:
        raise WrongParameter("temperature", "The temperature is a number from 0 to 1.")
    return value


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _language(fields: Fields) -> str:
    """One that is named is taken; of several possible ones the engine finds out which it is."""
    given = fields.one.get("language", "")
    possible = fields.several.get("languages", ())
    tags = {text: LANGUAGE_NAMES.get(text.strip().lower()) or whisper_tag(text.strip()) for text in (given, *possible) if text}
    for text, tag in tags.items():
        if not tag:
            name = "language" if text == given else "languages"
            raise WrongParameter(name, f"The language {text[:20]!r} is not one that Whisper knows.", "Send a code such as en.")
    if given:
        return tags[given]
    return tags[possible[0]] if len(set(tags.values())) == 1 else ""


def _model(name: str, settings: Settings) -> tuple[str, str]:
    """Engine and model. OpenAI's names mean the server's own choice; a name of ours means that model and no other."""
    if not name:
        raise MissingParameter("model", "The parameter model is missing.", "Send whisper-1 for the server's own choice.")
    if name in OPENAI_MODELS:
        return "auto", ""
    if name == DRAFT:
        return "draft", ""
    try:
        return "whisper", models.offer_of(name, settings).name
    except BadInput as exc:
        raise ModelNotFound(f"The model {name[:60]!r} is not offered here.", "GET /v1/models lists those that are.") from exc


def _cut(prompt: str, most_tokens: int) -> str:
    """The end of a prompt: OpenAI's models read only that, too, and clients send all the text before."""
    prompt = " ".join(prompt.split())
    low, high = 0, len(prompt)  # characters that are kept
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if models.hint_tokens(prompt[-middle:]) <= most_tokens else (low, middle - 1)
    kept = prompt[len(prompt) - low :]
    is_torn = low < len(prompt) and not kept.startswith(" ") and not prompt[: len(prompt) - low].endswith(" ")
    return kept.partition(" ")[2] if is_torn and " " in kept else kept.strip()
