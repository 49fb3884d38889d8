"""What the addresses beside the routes answer."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Up(BaseModel):
    """The process answers."""

    status: Literal["ok"] = Field(description="Always this.")


class Check(BaseModel):
    """One thing that was looked at, and facts about it."""

    model_config = ConfigDict(extra="allow")

    ok: bool = Field(description="It works.", examples=[True])
    reason: str = Field(description="Why it does not, or empty.", examples=[""])


class Ready(BaseModel):
    """What works here."""

    status: Literal["ok", "failing"] = Field(description="`failing` when one of the checks is not `ok`.")
    checks: dict[str, Check] = Field(
        description="`speech`, `transcription`, `sound`, `jobs`, `live`, `disk` and `descriptors`.",
        examples=[{"disk": {"ok": True, "reason": "", "free_bytes": 52_000_000_000, "writable": True}}],
    )


class OpenAiFault(BaseModel):
    """What went wrong."""

    message: str = Field(description="What happened and what to do.", examples=["The model 'x' is not here. Choose another one."])
    type: str = Field(
        description="`invalid_request_error`, `rate_limit_error` or `server_error`.", examples=["invalid_request_error"]
    )
    param: str | None = Field(description="The field that is wrong, or null.", examples=["model"])
    code: str = Field(description="Stable, for programs.", examples=["model_not_found"])


class OpenAiError(BaseModel):
    """An error below /v1, as OpenAI's client reads it."""

    error: OpenAiFault = Field(description="The error.")
