"""Routes for taking a session to another browser, and for being forgotten."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from utils.api import callers, cookies, origin
from utils.api.identity import Caller, Here
from utils.api.schemas import Body, Seconds, SessionOpened
from utils.api.sessions import hand_out
from utils.workflows import privacy
from utils.workflows import sessions as workflow

router = APIRouter(tags=["sessions"])


class CodeOut(BaseModel):
    """A one-time code, shown this once."""

    code: str = Field(description="Twelve letters and digits.", examples=["7KQM-2XWP-9T4E"])
    expires_at: Seconds


class CodeIn(Body):
    """A code as a person typed it."""

    code: str = Field(max_length=100, description="Letter case, spaces and hyphens do not matter.", examples=["7KQM-2XWP-9T4E"])


@router.post("/session/transfer", status_code=201, summary="Make a code that opens this session elsewhere")
def make_code(services: Here, session_id: Caller) -> CodeOut:
    """It works once and for five minutes; whoever types it gets the whole session. The code before it is worth nothing then."""
    made = privacy.transfer_code(services, session_id)
    return CodeOut(code=made.code, expires_at=made.expires_at)


@router.post("/session/redeem", summary="Open a session with a code")
def redeem_code(body: CodeIn, services: Here, request: Request, response: Response) -> SessionOpened:
    """Needs no credential. The answer holds the token, and for a browser the cookie, too."""
    opened = privacy.redeem(services, body.code, callers.address_of(request.scope))
    hand_out(services, request, response, opened.token)
    return SessionOpened.of(opened)


@router.delete("/session", status_code=204, summary="Delete everything and forget me")
def forget_session(services: Here, session_id: Caller, request: Request) -> Response:
    """Cancels work, removes the session with all of its files for good, and takes the cookie away."""
    workflow.delete(services, session_id, force=True)
    answer = Response(status_code=204)
    if not origin.has_bearer(request.headers):
        answer.headers.append("Set-Cookie", cookies.set_cookie("", 0, secure=origin.is_https(request.scope)))
    return answer
