"""Tracebacks for the log without what they say: a message may quote somebody's text."""

from __future__ import annotations

import traceback
from pathlib import Path


def where(error: BaseException) -> str:
    """The traceback in one word without the message, which may quote somebody's text."""
    frames = traceback.extract_tb(error.__traceback__)
    own = "<".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames))
    cause = error.__cause__
    return f"{type(error).__name__}@{own}" + (f"|{where(cause)}" if cause else "")
