"""What a request makes, told to whoever listens before it can be seen, so that it can be found again after a kill.

The listener belongs to the request (a context variable): threads that work for it have it, others do not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class Made:
    """An item that is about to appear, or work that is about to begin on one that is there.

    Attributes:
        item_id: Which.
        submitted_at: Of the work, as its record will say; None for a new item.
        instead_of: Another id that was told before, but was taken by somebody else in that moment; or "".
    """

    item_id: str
    submitted_at: float | None = None
    instead_of: str = ""


Listener = Callable[[str, Made], None]  # (session id, what)
_LISTENER: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextmanager
def told_to(listener: Listener) -> Iterator[None]:
    """Until the end of the block `listener` is told what this request makes; if it raises, nothing is made."""
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)


def tell(session_id: str, made: Made) -> None:
    """Something is about to be made."""
    listener = _LISTENER.get()
    if listener is not None:
        listener(session_id, made)
