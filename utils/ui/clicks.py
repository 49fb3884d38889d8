"""No click and no file is lost: what a page asked for is done whole, whatever the page asks for next. Two holes of Streamlit's.

When a page sends something new, Streamlit breaks off the run of the script that is under way: at its next `st.` call, and at its
next look into `st.session_state`. It does so before and inside the callbacks of that run, too, and what was clicked is not sent
twice. So a file that arrived, or a field that was left, while the click before it was being dealt with made that click undone, or
half done: see `tests/ui/test_clicks.py`. Here a run listens for newer requests only after its callbacks are over; they are quick,
and what they do is kept on the disk. This needs `runner.fastReruns = false` in `.streamlit/config.toml`: with it a new request
waits for the run before it to break off and takes its clicks along, instead of starting beside it, where one run resets the
clicks of the other.

When a run begins, Streamlit forgets what it has not sent yet of the run before. With that went answers that belong to no run: the
address to which a chosen file is to be sent, without which the page waits for ever and says nothing.
"""

from __future__ import annotations

from streamlit.runtime.forward_msg_queue import ForwardMsgQueue
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.scriptrunner.script_runner import ScriptRunner

ANSWERS = frozenset({"file_urls_response", "backend_operation_response", "heartbeat_ack"})
_break_off = ScriptRunner._maybe_handle_execution_control_request
_clear = ForwardMsgQueue.clear


def _break_off_later(runner: ScriptRunner) -> None:
    """Streamlit's own, once the callbacks of this run are over."""
    context = get_script_run_ctx(suppress_warning=True)
    if context is None or context.has_script_started:
        _break_off(runner)


def _clear_but_answers(
    waiting: ForwardMsgQueue, retain_lifecycle_msgs: bool = False, fragment_ids_this_run: list[str] | None = None
) -> None:
    """Streamlit's own, but what the page waits for stays; for a fragment it stays anyway."""
    whole_run = retain_lifecycle_msgs and fragment_ids_this_run is None
    answers = [message for message in waiting._queue if message.WhichOneof("type") in ANSWERS] if whole_run else []
    _clear(waiting, retain_lifecycle_msgs, fragment_ids_this_run)
    waiting._queue = [*answers, *waiting._queue]


def keep_whole() -> None:
    """From now on callbacks run to their end and answers are sent; called by the frame, any number of times."""
    ScriptRunner._maybe_handle_execution_control_request = _break_off_later  # type: ignore[method-assign, assignment]
    ForwardMsgQueue.clear = _clear_but_answers  # type: ignore[method-assign, assignment]
