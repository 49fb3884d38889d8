"""No click and no file is lost: what a page asked for is done whole, whatever the page asks for next. Three holes of Streamlit's.

When a page sends something new, Streamlit breaks off the run of the script that is under way: at its next `st.` call, and at its
next look into `st.session_state`. It does so before and inside the callbacks of that run, too, and what was clicked is not sent
twice. So a file that arrived, or a field that was left, while the click before it was being dealt with made that click undone, or
half done: see `tests/ui/test_clicks.py`. Here a run listens for newer requests only after its callbacks are over; they are quick,
and what they do is kept on the disk. This needs `runner.fastReruns = false` in `.streamlit/config.toml`: with it a new request
waits for the run before it to break off and takes its clicks along, instead of starting beside it, where one run resets the
clicks of the other.

When a run begins, Streamlit forgets what it has not sent yet of the run before. With that went answers that belong to no run: the
address to which a chosen file is to be sent, without which the page waits for ever and says nothing.

A download whose file is made at the click gets another id in every run, and the id of the run before is forgotten when that run
ends, while the page may not have heard of it: who clicks then gets nothing, and "Deferred file not found" in the log. Here ids live
on for some seconds.
"""

from __future__ import annotations

from time import monotonic

from streamlit.runtime.forward_msg_queue import ForwardMsgQueue
from streamlit.runtime.media_file_manager import MediaFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.scriptrunner.script_runner import ScriptRunner

ANSWERS = frozenset({"file_urls_response", "backend_operation_response", "heartbeat_ack"})
LINGER_S = 5.0  # and up to twice as long
_break_off = ScriptRunner._maybe_handle_execution_control_request
_clear = ForwardMsgQueue.clear
_forget = MediaFileManager._remove_orphaned_deferred_callables


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


def _forget_later(manager: MediaFileManager) -> None:
    """What Streamlit does after each run, every LINGER_S, for downloads that were on no page the last time either."""
    looked_at, before = getattr(manager, "_sotto_orphans", (float("-inf"), frozenset[str]()))
    now = monotonic()
    if now - looked_at < LINGER_S:
        return
    shown = {file_id for places in manager._files_by_session_and_coord.values() for file_id in places.values()}
    orphans = manager._deferred_callables.keys() - shown
    for file_id in orphans & before:
        manager._drop_deferred_id(file_id)
    manager._sotto_orphans = (now, orphans - before)  # type: ignore[attr-defined]


def keep_whole() -> None:
    """From now on callbacks run to their end, answers are sent, downloads found; called by the frame, any number of times."""
    MediaFileManager._remove_orphaned_deferred_callables = _forget_later  # type: ignore[method-assign, assignment]
    ScriptRunner._maybe_handle_execution_control_request = _break_off_later  # type: ignore[method-assign, assignment]
    ForwardMsgQueue.clear = _clear_but_answers  # type: ignore[method-assign, assignment]
