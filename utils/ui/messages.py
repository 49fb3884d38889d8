"""Errors and short messages as a person reads them: what happened and why, and what to do."""

from __future__ import annotations

import html
import logging
import re
import traceback
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from utils.errors import AppError

log = logging.getLogger(__name__)
TROUBLE = "trouble"
_MARKS = re.compile(r"([!-/:-@\[-`{-~])")  # ASCII punctuation, which CommonMark lets a backslash make plain


def plain(text: str) -> str:
    """A person's own words for a Markdown place: every mark of Markdown and of Streamlit's extensions is shown as it is."""
    return _MARKS.sub(r"\\\1", " ".join(text.split()))


def as_html(text: str) -> str:
    """A person's own words for an HTML place."""
    return html.escape(" ".join(text.split()))


def problem(error: AppError | Mapping[str, Any]) -> None:
    """Show an error, or its plain data from a job's record, where the result would be; a screen reader says it at once."""
    said = error.as_dict() if isinstance(error, AppError) else error
    sentence, hint = str(said.get("sentence") or "Something went wrong here."), str(said.get("hint") or "")
    told = as_html(sentence) + (f'<br><span class="quiet">{as_html(hint)}</span>' if hint else "")
    st.html(f'<p class="problem" role="alert">{told}</p>')


def incident(exc: BaseException) -> dict[str, Any]:
    """What to tell about something that nobody expected: an id, under which the log has its kind and place.

    The exception's own words are in neither: they may be a person's.
    """
    number = uuid.uuid4()
    frames = traceback.extract_tb(exc.__traceback__)[-8:]
    where = " < ".join(f"{frame.name} {frame.filename}:{frame.lineno}" for frame in reversed(frames))
    log.error("incident %s: %s in %s", number, type(exc).__name__, where)
    hint = f"Reload the page. If it happens again, tell the operator the id {number}."
    return {"sentence": "Something went wrong in the server.", "hint": hint}


def attempt(action: Callable[[], object]) -> bool:
    """Do something for a click and say whether it worked; an error waits for `show_trouble`: callbacks run before the page."""
    try:
        action()
    except AppError as error:
        st.session_state[TROUBLE] = error.as_dict()
        return False
    except Exception as exc:  # noqa: BLE001 - a click's last place before Streamlit's own, which would log what somebody typed
        st.session_state[TROUBLE] = incident(exc)
        return False
    st.session_state.pop(TROUBLE, None)
    return True


def show_trouble() -> None:
    """Draw, where the page wants it, what the last click could not do."""
    if told := st.session_state.pop(TROUBLE, None):
        problem(told)
