"""Who is asking: the session that a cookie or a Bearer token names, as dependencies of the routes."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import APIKeyCookie, HTTPBearer
from fastapi.security.http import HTTPAuthorizationCredentials

from utils.api import cookies, origin
from utils.errors import NoSession, NotFound
from utils.services import Services
from utils.workflows.operator import is_operator

BEARER = HTTPBearer(auto_error=False, bearerFormat="<session id>.<signature>", description="Token of POST /api/v1/sessions.")
COOKIE = APIKeyCookie(
    name=cookies.NAME, auto_error=False, description="Set with the first page; needs our own Origin to change things."
)


async def services_of(request: Request) -> Services:
    """The services that the app was built with."""
    services: Services = request.app.state.services
    return services


def caller(
    request: Request,
    services: Annotated[Services, Depends(services_of)],
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)],
    cookie: Annotated[str | None, Depends(COOKIE)],
) -> str:
    """The id of the living session that the request names; counts as activity in it.

    Raises:
        NoSession: No credential, or one that we did not sign.
        NotFound: Ours, but the session is gone.
    """
    session_id = _signed(request, services, bearer)
    check_living(services, session_id)
    return session_id


def check_living(services: Services, session_id: str) -> None:
    """Count as activity in the session. Raises NotFound when it is gone."""
    if services.sessions.get_session(session_id) is None:
        raise NotFound("This session has ended.", "Open a new one with POST /api/v1/sessions.")


def _signed(request: Request, services: Services, bearer: HTTPAuthorizationCredentials | None) -> str:
    """The id of the session that the request names, whether or not it lives. Looks at no disk. Raises NoSession.

    A Bearer token counts alone: with a wrong one the cookie is not looked at, because the Origin was not either.
    """
    by_token = origin.has_bearer(request.headers)
    token = (bearer.credentials if bearer else None) if by_token else cookies.read(request.headers)
    session_id = services.sessions.verify(token)
    if session_id is None:
        raise NoSession(
            "The request names no session of this server.",
            "Open one with POST /api/v1/sessions and send its token as Bearer.",
        )
    return session_id


def operator(
    request: Request,
    services: Annotated[Services, Depends(services_of)],
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)],
) -> bool:
    """True for the operator.

    Raises:
        NotFound: For everybody else, and while ADMIN_TOKEN is unset: the address is not theirs to know.
    """
    if not is_operator(services, bearer.credentials if bearer else None):
        raise NotFound("There is no such address.", "The list of addresses is at /api/docs.")
    return True


def asker(
    request: Request,
    services: Annotated[Services, Depends(services_of)],
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)],
    cookie: Annotated[str | None, Depends(COOKIE)],
) -> str | None:
    """The id of the living session that the request names, or None for the operator. Raises as `caller`."""
    if bearer and is_operator(services, bearer.credentials):
        return None
    return caller(request, services, bearer, cookie)


async def claimant(
    request: Request,
    services: Annotated[Services, Depends(services_of)],
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)],
    cookie: Annotated[str | None, Depends(COOKIE)],
) -> str | None:
    """As `asker`, without a look whether the session lives: for routes that do that in a thread which they need anyway."""
    if bearer and is_operator(services, bearer.credentials):
        return None
    return _signed(request, services, bearer)


Here = Annotated[Services, Depends(services_of)]
Caller = Annotated[str, Depends(caller)]
Claimant = Annotated[str | None, Depends(claimant)]
Asker = Annotated[str | None, Depends(asker)]
Operator = Annotated[bool, Depends(operator)]
