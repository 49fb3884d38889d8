"""Who asks below /v1: the key of a program, or its address where no key is wanted."""

from __future__ import annotations

import hashlib
import hmac
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security.http import HTTPAuthorizationCredentials

from utils.api.identity import BEARER, services_of
from utils.errors import WrongToken
from utils.services import Services


def api_caller(
    request: Request,
    services: Annotated[Services, Depends(services_of)],
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)],
) -> str:
    """A name for whoever asks, for shares and logs: `key-<short hash>` with API_KEY set, else `address-<ip>`.

    Raises:
        WrongToken: API_KEY is set and the request's Bearer token is none of the keys.
    """
    wanted = services.settings.api_key
    given = bearer.credentials if bearer else ""
    if not wanted:
        return f"address-{request.client.host if request.client else ''}"
    if not hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode()):
        raise WrongToken("The key of the API is missing or wrong.", "Send one of the server's keys as Bearer token (API_KEY).")
    return "key-" + hashlib.sha256(given.encode()).hexdigest()[:8]


ApiCaller = Annotated[str, Depends(api_caller)]
