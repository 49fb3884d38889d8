"""No click is lost: what a click does is done whole, and only then does the page look at what came after it.

When a page sends something new, Streamlit breaks off the run of the script that is under way: at its next `st.` call, and at its
next look into `st.session_state`. It does so before and inside the callbacks of that run, too, and what was clicked is not sent
twice. So a file that arrived, or a field that was left, while the click before it was being dealt with made that click undone, or
half done: measured with two such requests side by side in `tests/ui/test_clicks.py`. Here a run listens for newer requests only
after its callbacks are over; they are quick, and what they do is kept on the disk.

This needs `runner.fastReruns = false` in `.streamlit/config.toml`: with it a new request waits for the run before it to break off
and takes its clicks along, instead of starting beside it, where one run resets the clicks of the other.
"""

from __future__ import annotations

from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.scriptrunner.script_runner import ScriptRunner

_break_off = ScriptRunner._maybe_handle_execution_control_request


def _break_off_later(runner: ScriptRunner) -> None:
    """Streamlit's own, once the callbacks of this run are over."""
    context = get_script_run_ctx(suppress_warning=True)
    if context is None or context.has_script_started:
        _break_off(runner)


def keep_whole() -> None:
    """From now on callbacks run to their end; called by the frame, any number of times."""
    if ScriptRunner._maybe_handle_execution_control_request is not _break_off_later:
        ScriptRunner._maybe_handle_execution_control_request = _break_off_later  # type: ignore[method-assign, assignment]
