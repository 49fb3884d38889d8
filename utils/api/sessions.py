"""Routes of sessions."""

from __future__ import annotations

from dataclasses import dataclass

from anyio import to_thread
from fastapi import APIRouter, Query, Request, Response

from utils.api import conditional, cookies, origin
from utils.api.identity import Asker, Caller, Claimant, Here, Operator
from utils.api.looks import Looks
from utils.api.schemas import SessionChange, SessionInfo, SessionOpened
from utils.api.session_schemas import AllSessions, Cleanup, CleanupReport, KnownSession
from utils.errors import NotFound
from utils.services import Services
from utils.workflows import sessions as workflow
from utils.workflows import versions

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


@router.get("/session/info", summary="Describe this session", response_model=SessionInfo | AllSessions, responses=conditional.KNOWN)
async def session_info(
    services: Here, claimant: Claimant, request: Request, if_none_match: conditional.IfNoneMatch = None
) -> SessionInfo | AllSessions | Response:
    """Says how old and how big the session is and when it ends. The operator gets all sessions, without their content."""
    if claimant is not None:
        looks: Looks[_Described] = request.app.state.looks
        return (await looks.see(claimant, lambda: _described(services, claimant))).answer(if_none_match)
    own_id = services.sessions.verify(cookies.read(request.headers))  # the browser of the operator may have a session beside
    sessions = await to_thread.run_sync(services.sessions.overview)
    known = [KnownSession.of(session, own_id) for session in sessions]
    return AllSessions(current_session_id=own_id, all_sessions=known)


@dataclass(frozen=True)
class _Described:
    """A session as it is told, and its version."""

    body: str
    etag: str

    def answer(self, if_none_match: str | None) -> Response:
        if if_none_match is not None and versions.is_known(if_none_match, self.etag):
            return Response(status_code=304, headers={"ETag": self.etag})
        return Response(self.body, media_type="application/json", headers={"ETag": self.etag})


def _described(services: Services, session_id: str) -> _Described:
    body = SessionInfo(**workflow.info(services, session_id)).model_dump_json()
    return _Described(body, versions.tag(body))


@router.patch("/session", summary="Keep this session, or let it go with the others", responses=conditional.CHANGED)
def change_session(
    body: SessionChange,
    services: Here,
    session_id: Caller,
    request: Request,
    response: Response,
    if_match: conditional.IfMatch = None,
) -> SessionInfo:
    """Marks the session as permanent, or takes the mark away."""
    if if_match is not None:
        now = SessionInfo(**workflow.info(services, session_id))
        conditional.check(if_match, versions.tag(now.model_dump_json()), "session")
    services.sessions.update_session(session_id, permanent=body.permanent)
    if not origin.has_bearer(request.headers):
        hand_out(services, request, response, services.sessions.token(session_id), permanent=body.permanent)
    changed = SessionInfo(**workflow.info(services, session_id))
    response.headers["ETag"] = versions.tag(changed.model_dump_json())
    return changed


@router.delete("/session/{session_id}", status_code=204, summary="End a session and remove everything in it")
def delete_session(
    session_id: str,
    services: Here,
    asker: Asker,
    request: Request,
    force: bool = Query(False, description="Cancel open jobs first; without it an open job is a conflict."),
) -> Response:
    """Only its owner and the operator can end a session. To others its id is answered as if it never existed."""
    if asker not in (None, session_id):
        raise NotFound("There is no such session.")
    workflow.delete(services, session_id, force=force)
    answer = Response(status_code=204)
    if not origin.has_bearer(request.headers):
        answer.headers.append("Set-Cookie", cookies.set_cookie("", 0, secure=origin.is_https(request.scope)))
    return answer


@router.post("/cleanup", summary="Remove old sessions and items now, or say what would go")
def cleanup(body: Cleanup, services: Here, operator: Operator) -> CleanupReport:
    """For the operator. What is left out counts as the settings say; active and permanent sessions never go."""
    report = services.sessions.cleanup_old_sessions(
        body.max_age_hours, body.max_sessions, item_age_hours=body.item_age_hours, dry_run=body.dry_run
    )
    return CleanupReport.of(report)
