"""Why a connection of the live socket ends, as an exception that any of its tasks may raise."""

from __future__ import annotations

from typing import Any

from utils.errors import AppError, NoSession, TooLarge, TooMany

MOST_REASON_BYTES = 120  # RFC 6455 leaves 123 for the reason


def error_event(error: AppError) -> dict[str, Any]:
    """An error as clients read it."""
    return {"event": "error", "code": error.code, "detail": error.sentence, "hint": error.hint}


class Closing(Exception):
    """The end of a connection.

    Attributes:
        code: Of the close frame: 1008 against the rules, 1009 too big, 1013 try again later, 4001 taken over, 4004 gone.
        error: Told before, if there is one.
    """

    GONE = 1006
    TAKEN_OVER = 4001
    DELETED = 4004

    def __init__(self, code: int, error: AppError | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.error = error

    @property
    def reason(self) -> str:
        """For the close frame."""
        sentence = self.error.sentence if self.error else ""
        return sentence.encode()[:MOST_REASON_BYTES].decode("utf-8", "ignore")

    @classmethod
    def gone(cls) -> Closing:
        """The client has left; nobody is told."""
        return cls(cls.GONE)

    @classmethod
    def no_session(cls) -> Closing:
        """No session of ours."""
        hint = "Open one with POST /api/v1/sessions and send its token with the first message."
        return cls(1008, NoSession("The connection names no session of this server.", hint))

    @classmethod
    def of(cls, error: AppError) -> Closing:
        """What an error means for the connection."""
        if isinstance(error, TooLarge):
            return cls(1009, error)
        return cls(1013 if isinstance(error, TooMany) or error.status in (503, 507) else 1008, error)


class TakenOver(AppError):
    """Another page goes on with this recording."""

    code, status = "taken_over", 409


class StillHeld(AppError):
    """The recording is open, but its writer does not let go."""

    code, status = "still_held", 503


class Gone(AppError):
    """The recording was deleted."""

    code, status = "gone", 404
