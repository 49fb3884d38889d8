"""Which errors each operation can answer with: rules that follow from its form, and a table of what is its own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from utils.api import problems
from utils.api.held import BadRange
from utils.api.idempotency import KeyInUse, KeyReused
from utils.api.openai_errors import MissingParameter, ModelNotFound, Stopping, UnknownParameter, WrongParameter
from utils.api.problems import BadRequest, RequestTooSlow
from utils.api.transcripts import PreconditionRequired
from utils.errors import (
    AppError,
    BadInput,
    BadTable,
    Conflict,
    EngineBusy,
    EngineCrashed,
    EngineError,
    EngineRefused,
    EngineUnreachable,
    ForeignOrigin,
    ModelUnavailable,
    NoSession,
    NotFound,
    NothingToSay,
    PreconditionFailed,
    QuotaExceeded,
    RecordingTooLong,
    StoreUnavailable,
    TextTooLong,
    TooLarge,
    TooMany,
    UnknownFormat,
    UnknownVoice,
    UnreadableSound,
    UnsupportedMedia,
    WrongToken,
)

Kind = type[AppError]

WHEN: Mapping[Kind, tuple[str, str]] = MappingProxyType(  # when it happens, and a sentence that the answer may hold
    {
        BadInput: ("The request does not fit.", "The request does not fit (speed: Input should be less than or equal to 2)."),
        BadRange: ("The range begins behind the end of the file.", "The file has 48213 bytes."),
        BadRequest: ("The body is not well-formed.", "The body cannot be read as JSON."),
        BadTable: ("The table cannot be read, or `rows` of it cannot be spoken.", "2 of 500 rows cannot be spoken."),
        Conflict: ("In use, or in a state that does not allow it.", "Work on this item is still running."),
        EngineBusy: ("The service behind the engine asks to slow down.", "Google asked this server to slow down."),
        EngineCrashed: ("The engine's process died or took too long.", "eSpeak NG took too long for this text."),
        EngineRefused: ("The service behind the engine gave no sound that fits.", "No engine could speak this text."),
        EngineError: ("The engine failed.", "No engine could speak this text."),
        EngineUnreachable: ("What is needed for it cannot be reached here.", "Google cannot be reached."),
        ForeignOrigin: ("A change with the session's cookie, from another site or without `Origin`.", "This request did not come from a page of this server, so the session cookie does not count."),  # noqa: E501
        KeyInUse: ("The first request with this Idempotency-Key is still being worked on.", "The first request with this Idempotency-Key is still being worked on."),  # noqa: E501
        KeyReused: ("The Idempotency-Key was used for another request.", "This Idempotency-Key was used for another request within the last day."),  # noqa: E501
        MissingParameter: ("A parameter that is needed was left out.", "The parameter model is missing."),
        ModelNotFound: ("No model of this name is on offer.", "The model 'x' is not offered here."),
        ModelUnavailable: ("The model is neither here nor to be had.", "The model large-v3 is not on this server."),
        NoSession: ("No credential, or one that this server did not sign.", "The request names no session of this server."),
        NotFound: ("Unknown, malformed, removed, ended or somebody else's; one answer for all of them.", "There is no such item."),
        NothingToSay: ("The text holds no letter and no digit.", "The text holds nothing that can be spoken."),
        PreconditionFailed: ("`If-Match` names an older version.", "The item was changed meanwhile, perhaps in another tab."),
        PreconditionRequired: ("`If-Match` is missing.", "The request does not say which version it corrects."),
        QuotaExceeded: ("The session's share of the disk is used up.", "This session has used up its 2 GB (SESSION_QUOTA_MB)."),
        RecordingTooLong: ("Longer than MAX_MEDIA_HOURS.", "The recording is longer than 12 hours (MAX_MEDIA_HOURS)."),
        RequestTooSlow: ("The body did not arrive in time.", "The body did not arrive within 60 seconds."),
        Stopping: ("The server is being stopped.", "The server is being stopped."),
        StoreUnavailable: ("The server's disk is full or cannot be written.", "The disk is full."),
        TextTooLong: ("Longer than MAX_TEXT_CHARS.", "The text has 100,001 characters, allowed are 100,000 (MAX_TEXT_CHARS)."),
        TooLarge: ("The body is over its limit.", "The body is larger than 1,462,144 bytes."),
        TooMany: ("Too many requests, or too much open work; `Retry-After` says when to come back.", "32 pieces of work are open in this session, the most allowed."),  # noqa: E501
        UnknownFormat: ("No such format.", "The format 'mp4' is not known."),
        UnknownParameter: ("There is no such parameter.", "There is no parameter 'colour' here."),
        UnknownVoice: ("No such voice, language or accent.", "The language 'tlh' is not spoken here."),
        UnreadableSound: ("The file is no recording, or holds no sound.", "The file is not a recording that can be opened."),
        UnsupportedMedia: ("The body is not of a kind that is taken here.", "The body is not announced as JSON."),
        WrongParameter: ("A value that is not allowed, or does not go with another one.", "The temperature is 0 to 1."),
        WrongToken: ("API_KEY is set, and the Bearer token is none of the keys.", "The key of the API is missing or wrong."),
    }
)  # fmt: skip

_SPEAKABLE = (BadInput, NothingToSay, TextTooLong, UnknownVoice, UnknownFormat)
_STARTS_WORK = (QuotaExceeded,)
_RECORDING = (BadRequest, TooLarge, RecordingTooLong, UnreadableSound, QuotaExceeded, EngineUnreachable)
_BY_ENGINE = (EngineError, EngineUnreachable, EngineBusy, EngineRefused, EngineCrashed)
_HEARD_AT_ONCE = (
    *_BY_ENGINE,
    *_RECORDING,
    WrongParameter,
    MissingParameter,
    UnknownParameter,
    ModelNotFound,
    ModelUnavailable,
    Stopping,
)
_TEXT = (BadInput, Conflict)  # Conflict: the file of the text is damaged

OWN: Mapping[str, tuple[Kind, ...]] = MappingProxyType(
    {
        "cancel_job": (Conflict,),
        "change_item": (BadInput,),
        "check_rows": (BadInput, Conflict, *_STARTS_WORK),
        "check_speech": (BadInput, Conflict, RecordingTooLong, ModelUnavailable, *_STARTS_WORK),
        "cleanup": (NotFound,),
        "delete_item": (Conflict,),
        "delete_session": (Conflict,),
        "edit_row": (*_SPEAKABLE, Conflict, *_STARTS_WORK),
        "get_file": (BadRange,),
        "get_transcript": _TEXT,
        "list_items": (BadInput,),
        "make_batch": (*_SPEAKABLE, BadTable, UnsupportedMedia, EngineUnreachable, *_STARTS_WORK),
        "make_speech": (*_SPEAKABLE, *_STARTS_WORK),
        "make_transcripts": (BadInput, *_RECORDING, ModelUnavailable),
        "items_zip": (BadInput,),
        "openai_model": (ModelNotFound,),
        "openai_speech": (*_BY_ENGINE, WrongParameter, MissingParameter, ModelNotFound, QuotaExceeded, Stopping),
        "openai_transcription": _HEARD_AT_ONCE,
        "openai_translation": _HEARD_AT_ONCE,
        "put_transcript": (*_TEXT, PreconditionRequired, QuotaExceeded),
        "redeem_code": (NotFound,),
        "redo_correction": _TEXT,
        "restore_item": (Conflict,),
        "retry_job": (Conflict, *_STARTS_WORK),
        "retry_rows": (Conflict, *_STARTS_WORK),
        "row_audio": (BadRange,),
        "transcribe_again": (BadInput, Conflict, RecordingTooLong, ModelUnavailable, *_STARTS_WORK),
        "transcript_file": _TEXT,
        "transcripts_zip": _TEXT,
        "undo_correction": _TEXT,
        "upload": (BadInput, *_RECORDING),
    }
)

KEY = "Idempotency-Key"
_UNSAFE = ("post", "put", "patch", "delete")
_JSON_BODY = (BadRequest, RequestTooSlow, TooLarge, UnsupportedMedia, BadInput)
_FREE = frozenset({"type", "title", "description", "examples"})  # a text of any kind


def kinds_of(path: str, method: str, operation: Mapping[str, Any]) -> list[Kind]:
    """All errors of one operation of the document, by status and code."""
    kinds: set[Kind] = set(OWN.get(operation["operationId"], ()))
    if not path.startswith(("/api/v1/", "/v1/")):
        return []
    kinds |= {TooMany, StoreUnavailable} if operation.get("security") or method in _UNSAFE else {TooMany}
    if path.startswith("/v1/"):
        kinds |= {WrongToken}
    elif any("APIKeyCookie" in one for one in operation.get("security", ())):
        kinds |= {NoSession, NotFound}
    kinds |= {NotFound} if "{" in path else set()
    kinds |= {ForeignOrigin} if method in _UNSAFE else set()
    kinds |= set(_JSON_BODY) if "requestBody" in operation else set()
    kinds |= {KeyInUse, KeyReused} if any(field["name"] == KEY for field in operation.get("parameters", ())) else set()
    kinds |= (
        {PreconditionFailed} if any(field["name"].lower() == "if-match" for field in operation.get("parameters", ())) else set()
    )
    kinds |= {BadInput} if any(may_misfit(field) for field in operation.get("parameters", ())) else set()
    return sorted(kinds, key=lambda kind: (kind.status, kind.code))


def may_misfit(parameter: Mapping[str, Any]) -> bool:
    """Whether a value of a parameter can be refused before anything is looked up."""
    return bool(parameter.get("required") and parameter["in"] != "path") or _narrow(parameter["schema"])


def _narrow(schema: Mapping[str, Any]) -> bool:
    if "anyOf" in schema:
        return all(_narrow(part) for part in schema["anyOf"] if part.get("type") != "null")
    return schema.get("type") != "string" or bool(set(schema) - _FREE - {"default"})


def examples() -> dict[str, Any]:
    """Every error in both forms, for the document's components."""
    return {
        _name(kind, openai): {"summary": about, "value": render(_made(kind, sentence))}
        for openai, render in ((False, problems.document), (True, problems.openai_document))
        for kind, (about, sentence) in WHEN.items()
    }


def _made(kind: Kind, sentence: str) -> AppError:
    if issubclass(kind, WrongParameter) and kind is not ModelNotFound:
        return kind("temperature" if kind is WrongParameter else "model", sentence)
    return kind(sentence)


def _name(kind: Kind, openai: bool) -> str:
    return f"{'openai' if openai else 'problem'}_{kind.code}"


def answers(kinds: Iterable[Kind], *, openai: bool) -> dict[str, dict[str, Any]]:
    """Status -> the OpenAPI response of these errors, with an example of each.

    Args:
        kinds: What can happen.
        openai: In the form that OpenAI's client reads.
    """
    by_status: dict[int, list[Kind]] = defaultdict(list)
    for kind in kinds:
        by_status[kind.status].append(kind)
    return {str(status): _answer(status, found, openai=openai) for status, found in sorted(by_status.items())}


def _answer(status: int, kinds: list[Kind], *, openai: bool) -> dict[str, Any]:
    examples = {kind.code: {"$ref": f"#/components/examples/{_name(kind, openai)}"} for kind in kinds}
    schema = {"$ref": f"#/components/schemas/{'OpenAiError' if openai else 'Problem'}"}
    answer: dict[str, Any] = {
        "description": " ".join(f"`{kind.code}`: {WHEN[kind][0]}" for kind in kinds),
        "content": {"application/json" if openai else problems.MEDIA_TYPE: {"schema": schema, "examples": examples}},
    }
    if status == 429:
        answer["headers"] = {"Retry-After": {"$ref": "#/components/headers/Retry-After"}}
    if status == 401:
        answer["headers"] = {"WWW-Authenticate": {"$ref": "#/components/headers/WWW-Authenticate"}}
    return answer
