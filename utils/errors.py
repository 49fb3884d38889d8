"""Errors as data: every failure that a person or a program may meet is a child of AppError.

An error carries a stable `code`, an HTTP `status`, one sentence (what happened and why) and a `hint` (what to do). Pages and
routes show these; nothing in the project decides on the text of a message. A library's own errors are translated once, in
the module that imports it, with `raise ... from exc`.
"""

from __future__ import annotations

from typing import ClassVar


class AppError(Exception):
    """Base of all errors that are meant to be shown.

    Attributes:
        code: Stable identifier for programs, never translated.
        status: HTTP status (RFC 9110) of an answer that reports this error.
        sentence: What happened and why, one plain sentence.
        hint: What to do about it, one plain sentence or empty.
        retry_after_s: Seconds until another try makes sense, or None.
    """

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500

    def __init__(self, sentence: str, hint: str = "", *, retry_after_s: float | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.hint = hint
        self.retry_after_s = retry_after_s

    def as_dict(self) -> dict[str, str | int]:
        """The error as plain data, for a job record or a problem document."""
        return {"code": self.code, "status": self.status, "sentence": self.sentence, "hint": self.hint}


class BadSetting(AppError):
    """An environment variable or `.env` line has a value that is not allowed; the start stops."""

    code, status = "bad_setting", 500


# ---- what somebody sent -------------------------------------------------------------------------------------------


class BadInput(AppError):
    """The request cannot be carried out as it stands; trying again without a change is of no use."""

    code, status = "bad_input", 422


class NothingToSay(BadInput):
    """After cleaning, the text holds no letter and no digit."""

    code = "nothing_to_say"


class TextTooLong(BadInput):
    """The text is longer than MAX_TEXT_CHARS."""

    code = "text_too_long"


class UnknownVoice(BadInput):
    """No engine here has this voice, language or accent."""

    code = "unknown_voice"


class UnknownFormat(BadInput):
    """The file format is not one that we write."""

    code = "unknown_format"


class BadTable(BadInput):
    """An uploaded table cannot be read, or some of its rows cannot be spoken."""

    code = "bad_table"


class TooLarge(AppError):
    """A body, file or table is over its limit."""

    code, status = "too_large", 413


class UnsupportedMedia(AppError):
    """The bytes are not of a kind that is accepted here."""

    code, status = "unsupported_media", 415


class UnreadableSound(UnsupportedMedia):
    """The bytes are not a recording that can be decoded here, or hold no sound."""

    code = "unreadable_sound"


class RecordingTooLong(TooLarge):
    """The decoded sound is longer than MAX_MEDIA_HOURS."""

    code = "recording_too_long"


# ---- who is asking ------------------------------------------------------------------------------------------------


class NoSession(AppError):
    """The request names no session: no cookie and no token, or one that we did not sign."""

    code, status = "no_session", 401


class WrongToken(AppError):
    """The token of the operator, or a key of the API, is not the one that was set."""

    code, status = "wrong_token", 401


class ForeignOrigin(AppError):
    """A state-changing request by cookie came from another site."""

    code, status = "foreign_origin", 403


class NotFound(AppError):
    """Unknown, malformed, removed or somebody else's: one answer for all of them."""

    code, status = "not_found", 404


class Conflict(AppError):
    """The thing is in use or in a state that does not allow this."""

    code, status = "conflict", 409


class PreconditionFailed(AppError):
    """If-Match names an older version."""

    code, status = "precondition_failed", 412


# ---- limits of this server ----------------------------------------------------------------------------------------


class TooMany(AppError):
    """Too many open jobs or requests; `retry_after_s` says when to come back."""

    code, status = "too_many", 429


class QuotaExceeded(AppError):
    """The session's share of the disk is used up."""

    code, status = "quota_exceeded", 507


class StoreUnavailable(AppError):
    """The outputs folder cannot be written: disk full, read-only or no permission."""

    code, status = "store_unavailable", 507


# ---- engines ------------------------------------------------------------------------------------------------------


class EngineError(AppError):
    """A speech or transcription engine failed; children say how."""

    code, status = "engine_failed", 502


class EngineUnreachable(EngineError):
    """The service behind the engine cannot be reached (no network, time-out, bad certificate), or a library is missing."""

    code, status = "engine_unreachable", 503


class ModelUnavailable(EngineUnreachable):
    """The weights of a model are neither here nor to be had; the sentence says why."""

    code = "model_unavailable"


class EngineBusy(EngineError):
    """The service asks us to slow down or blocks us (429, captcha page); `retry_after_s` says how long we wait."""

    code, status = "engine_busy", 503


class EngineRefused(EngineError):
    """The service answered, but not with sound that fits the text."""

    code = "engine_refused"


class EngineCrashed(EngineError):
    """The engine's process died or ran over its time limit on this text."""

    code = "engine_crashed"


class Cancelled(AppError):
    """Somebody asked the work to stop."""

    code, status = "cancelled", 409
