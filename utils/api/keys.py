"""Who asks below /v1: the key of a program, or its address where no key is wanted."""

from __future__ import annotations

import logging
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security.http import HTTPAuthorizationCredentials

from utils.api.callers import address_of, key_name
from utils.api.identity import BEARER, services_of
from utils.errors import WrongToken
from utils.services import Services

log = logging.getLogger(__name__)

OPEN, WRONG = "open", "wrong"  # labels of the tally, besides names of keys; addresses are people's, and are not kept


def api_caller(
    request: Request,
    services: Annotated[Services, Depends(services_of)],
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)],
) -> str:
    """A name for whoever asks, for shares and logs: `key-<short hash>` with API_KEY set, else `address-<ip>`.

    Raises:
        WrongToken: API_KEY is set and the request's Bearer token is none of the keys.
    """
    keys = services.settings.api_keys
    if not keys:
        services.tally.add("callers", OPEN)
        return f"address-{address_of(request.scope)}"
    name = key_name(keys, bearer.credentials if bearer else None)
    services.tally.add("callers", name or WRONG)
    if name is None:
        raise WrongToken("The key of the API is missing or wrong.", "Send one of the server's keys as Bearer token (API_KEY).")
    log.info("event=v1 caller=%s route=%s", name, getattr(request.scope.get("route"), "name", ""))
    return name


ApiCaller = Annotated[str, Depends(api_caller)]
