"""Routes of sessions."""

from __future__ import annotations

from fastapi import APIRouter, Query, Request, Response

from utils.api import cookies, origin
from utils.api.identity import Caller, Here
from utils.api.schemas import SessionChange, SessionInfo, SessionOpened
from utils.errors import NotFound
from utils.services import Services
from utils.workflows import sessions as workflow

router = APIRouter(tags=["sessions"])


def hand_out(services: Services, request: Request, response: Response, token: str, *, permanent: bool = False) -> None:
    """Put the session's cookie on an answer."""
    age_s = cookies.max_age_s(services.settings, permanent=permanent)
    response.headers.append("Set-Cookie", cookies.set_cookie(token, age_s, secure=origin.is_https(request.scope)))


@router.post("/sessions", status_code=201, summary="Open a session")
def open_session(services: Here, request: Request, response: Response) -> SessionOpened:
    """Opens a new, empty session; needs no credential. The token is the only key to it."""
    opened = workflow.open_session(services)
    hand_out(services, request, response, opened.token)
    return SessionOpened.of(opened)


@router.get("/session/info", summary="Describe this session")
def session_info(services: Here, session_id: Caller) -> SessionInfo:
    """Says how old and how big the session is and when it ends."""
    return SessionInfo(**workflow.info(services, session_id))


@router.patch("/session", summary="Keep this session, or let it go with the others")
def change_session(body: SessionChange, services: Here, session_id: Caller, request: Request, response: Response) -> SessionInfo:
    """Marks the session as permanent, or takes the mark away."""
    services.sessions.update_session(session_id, permanent=body.permanent)
    if not origin.has_bearer(request.headers):
        hand_out(services, request, response, services.sessions.token(session_id), permanent=body.permanent)
    return SessionInfo(**workflow.info(services, session_id))


@router.delete("/session/{session_id}", status_code=204, summary="End a session and remove everything in it")
def delete_session(
    session_id: str,
    services: Here,
    own_id: Caller,
    request: Request,
    force: bool = Query(False, description="Cancel open jobs first; without it an open job is a conflict."),
) -> Response:
    """Only its owner can end a session. Another one's id is answered as if it never existed."""
    if session_id != own_id:
        raise NotFound("There is no such session.")
    workflow.delete(services, own_id, force=force)
    answer = Response(status_code=204)
    if not origin.has_bearer(request.headers):
        answer.headers.append("Set-Cookie", cookies.set_cookie("", 0, secure=origin.is_https(request.scope)))
    return answer
