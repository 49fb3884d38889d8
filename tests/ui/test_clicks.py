"""What a click does is done whole, and a chosen file is sent, whatever the page asks for meanwhile."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue
from streamlit.runtime.media_file_manager import MediaFileManager
from streamlit.runtime.media_file_storage import MediaFileStorageError
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage
from streamlit.runtime.scriptrunner import ScriptRunner
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.local_script_runner import LocalScriptRunner

from utils.ui import clicks

CONFIG = Path(__file__).resolve().parents[2] / ".streamlit" / "config.toml"


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streamlit as it comes."""
    monkeypatch.setattr(ScriptRunner, "_maybe_handle_execution_control_request", clicks._break_off)
    monkeypatch.setattr(ForwardMsgQueue, "clear", clicks._clear)
    monkeypatch.setattr(MediaFileManager, "_remove_orphaned_deferred_callables", clicks._forget)


@pytest.fixture
def whole(plain: None) -> Iterator[None]:
    """As the frame sets it up; ended with the test."""
    clicks.keep_whole()
    yield


def script() -> None:
    """A button whose work takes some steps; while it is done the page sends something else."""
    import streamlit as st
    from streamlit.runtime.scriptrunner import get_script_run_ctx
    from streamlit.runtime.scriptrunner_utils.script_requests import RerunData

    def clicked() -> None:
        context = get_script_run_ctx()
        assert context is not None and context.script_requests is not None
        st.session_state["steps"] = 1
        context.script_requests.request_rerun(RerunData())  # as when a file arrives, or a field is left
        st.session_state["steps"] = 2
        st.session_state["after"] = st.session_state["steps"] + 1

    st.button("Go", on_click=clicked)
    st.session_state["runs"] = st.session_state.get("runs", 0) + 1
    st.text(f"steps {st.session_state.get('steps', 0)}")


def test_click_is_broken_off_in_its_middle_by_streamlit_itself(plain: None) -> None:
    page = AppTest.from_function(script).run()
    page.button[0].click().run()
    assert page.session_state["steps"] == 1 and "after" not in page.session_state  # why `clicks` is there


def test_click_is_done_whole_while_the_page_sends_something_else(whole: None) -> None:
    page = AppTest.from_function(script).run()
    page.button[0].click().run()
    assert (page.session_state["steps"], page.session_state["after"]) == (2, 3)
    assert page.text[0].value == "steps 2"
    assert page.session_state["runs"] == 2  # what came after was not forgotten: the run of the click broke off, this is the next


def counting() -> None:
    """A button that counts its clicks."""
    import streamlit as st

    def clicked() -> None:
        st.session_state["clicks"] = st.session_state.get("clicks", 0) + 1

    st.button("Go", on_click=clicked)


@pytest.fixture
def crowded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each run meets a newer request as soon as it has begun, before its callbacks."""
    begin = LocalScriptRunner._run_script

    def run(runner: LocalScriptRunner, data: RerunData) -> None:
        if data.widget_states is not None and any(state.trigger_value for state in data.widget_states.widgets):
            runner.request_rerun(RerunData())
        begin(runner, data)

    monkeypatch.setattr(LocalScriptRunner, "_run_script", run)


def test_click_is_lost_by_streamlit_itself_where_something_came_before_its_callbacks(plain: None, crowded: None) -> None:
    page = AppTest.from_function(counting).run()
    page.button[0].click().run()
    assert "clicks" not in page.session_state


def test_click_is_done_once_where_something_came_before_its_callbacks(whole: None, crowded: None) -> None:
    page = AppTest.from_function(counting).run()
    page.button[0].click().run()
    assert page.session_state["clicks"] == 1


def waiting() -> ForwardMsgQueue:
    """Half a run that was not sent yet, and in its middle the address for a chosen file."""
    queue = ForwardMsgQueue()
    for place in range(2):
        old = ForwardMsg()
        old.delta.new_element.text.body = "of the run before"
        old.metadata.delta_path.extend([0, place])
        queue.enqueue(old)
        if not place:
            address = ForwardMsg()
            address.file_urls_response.response_id = "a file"
            queue.enqueue(address)
    return queue


@pytest.mark.parametrize("ours", [True, False])
def test_address_for_a_chosen_file_is_sent_although_a_run_begins(plain: None, ours: bool) -> None:
    if ours:
        clicks.keep_whole()
    queue = waiting()
    queue.clear(retain_lifecycle_msgs=True)
    assert [message.WhichOneof("type") for message in queue.flush()] == ["file_urls_response"] * ours  # not by Streamlit itself
    assert queue.is_empty()


def test_address_for_a_chosen_file_is_sent_once_where_a_fragment_runs(whole: None) -> None:
    queue = waiting()
    queue.clear(retain_lifecycle_msgs=True, fragment_ids_this_run=["polling"])
    assert [message.WhichOneof("type") for message in queue.flush()].count("file_urls_response") == 1


def test_requests_of_a_page_wait_for_each_other() -> None:
    settings: dict[str, Any] = tomllib.loads(CONFIG.read_text("utf-8"))
    assert settings["runner"]["fastReruns"] is False


def run_with_a_download(manager: MediaFileManager) -> str:
    """A run of a page with one download that is made at the click. Answers its id."""
    manager.clear_session_refs()
    found = manager.add_deferred(lambda: b"made", "text/plain", "1.(3).5")
    manager.remove_orphaned_files()
    return found


def test_download_of_the_run_before_is_forgotten_by_streamlit_itself(plain: None) -> None:
    manager = MediaFileManager(MemoryMediaFileStorage("/media"))
    clicked = run_with_a_download(manager)
    run_with_a_download(manager)
    with pytest.raises(MediaFileStorageError, match="not found"):
        manager.execute_deferred(clicked)


def test_download_of_the_run_before_is_found_for_some_seconds(whole: None, monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([0.0, 0.1, clicks.LINGER_S, clicks.LINGER_S + 1, 2 * clicks.LINGER_S + 1, 3 * clicks.LINGER_S + 2])
    monkeypatch.setattr(clicks, "monotonic", lambda: next(times))
    manager = MediaFileManager(MemoryMediaFileStorage("/media"))
    clicked = run_with_a_download(manager)
    for _ in range(3):
        run_with_a_download(manager)
        assert manager.execute_deferred(clicked).endswith(".txt")
    run_with_a_download(manager)
    newest = run_with_a_download(manager)
    with pytest.raises(MediaFileStorageError, match="not found"):
        manager.execute_deferred(clicked)
    assert manager.execute_deferred(newest).endswith(".txt")
    assert len(manager._deferred_callables) <= 3
