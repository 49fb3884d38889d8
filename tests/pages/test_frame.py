from __future__ import annotations

import pytest

from tests.pages.conftest import Stage, words
from utils import session_manager
from utils.ui import state


def test_frame_with_session_draws_the_first_page_and_keeps_the_id(stage: Stage) -> None:
    page = stage.open()
    assert not page.exception
    assert page.markdown[0].value.startswith("# Speak\n")
    assert page.session_state["session_id"] == stage.session_id


def test_frame_registers_the_module_functions_for_the_running_script(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.open()
    assert session_manager.get_manager() is stage.services.sessions
    monkeypatch.setattr(state, "session_id", lambda: stage.session_id)
    assert session_manager.get_session_id() == stage.session_id
    assert session_manager.get_session_output_dir() == stage.services.sessions.outputs / str(stage.session_id)


@pytest.mark.parametrize(("cookie", "sentence"), [(True, "This session has ended"), (False, "Allow cookies")])
def test_frame_without_session_says_why_and_offers_to_reload(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, cookie: bool, sentence: str
) -> None:
    stage.session_id = None
    monkeypatch.setattr(state, "has_cookie", lambda: cookie)
    page = stage.open()
    assert not page.exception
    assert sentence in page.warning[0].value
    assert ">Reload</a>" in words(page)
    assert not page.text_area
    assert "session_id" not in page.session_state


def test_frame_cookie_has_the_name_that_the_edge_sets() -> None:
    from utils.api import cookies

    assert state.COOKIE == cookies.NAME


def test_frame_defect_shows_an_id_and_logs_no_words_of_the_person(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    page = stage.open()

    def broken(*args: object, **options: object) -> None:
        raise ValueError("secret words")

    monkeypatch.setattr(stage.jobs, "of_session", broken)
    page.run()
    assert not page.exception
    assert "Something went wrong in the server." in words(page)
    assert "ValueError" in caplog.text and "secret words" not in caplog.text
