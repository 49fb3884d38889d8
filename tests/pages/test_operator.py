"""The operator's page without a browser: nobody else gets in, and what it tells holds no content of anybody's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.conftest import FRAME, Stage, words
from utils.jobs.ended import Ended, EndedLog
from utils.speech.engines.espeak import EspeakEngine
from utils.ui import state

TOKEN = "the operator of this server"
MODEL = Path(__file__).resolve().parents[1] / "assets" / "micro-whisper"
DAY_S = 86_400.0


@pytest.fixture
def served(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A server with an operator, real eSpeak and the small model."""
    settings = replace(stage.services.settings, admin_token=TOKEN, whisper_model=str(MODEL), secret_key="a secret of the server")
    espeak: Any = EspeakEngine()
    stage.services = replace(stage.services, settings=settings, engines={"espeak": espeak})
    monkeypatch.setattr(state, "services", lambda: stage.services)
    return stage


def open_page() -> AppTest:
    return AppTest.from_file(FRAME, default_timeout=60).run().switch_page("../../pages/operator.py").run()


def signed_in(token: str = TOKEN) -> AppTest:
    page = open_page()
    page.text_input(key="operator_token").set_value(token)
    page.button[0].click().run()
    return page


def part(page: AppTest, name: str) -> str:
    page.segmented_control(key="operator_part").set_value(name).run()
    assert not page.exception
    return words(page)


def test_operator_page_without_a_token_setting_is_not_there(stage: Stage) -> None:
    page = AppTest.from_file(FRAME, default_timeout=60).run()
    assert stage.services.settings.admin_token == ""
    with pytest.raises(ValueError, match=r"operator\.py"):
        page.switch_page("../../pages/operator.py").run()


def test_operator_stranger_sees_the_form_and_nothing_else(served: Stage) -> None:
    said = words(open_page())
    assert "Operator" in said
    for private in ("Free disk", "Session", "Setting", str(served.services.sessions.outputs)):
        assert private not in said


def test_operator_wrong_token_is_refused_and_then_slowed_down(served: Stage) -> None:
    page = signed_in("not the operator")
    assert "not the operator&#x27;s token" in words(page)
    for _ in range(5):
        page.text_input(key="operator_token").set_value("not the operator")
        page.button[0].click().run()
    assert "tried too often" in words(page)
    page.text_input(key="operator_token").set_value(TOKEN)
    page.button[0].click().run()
    assert "tried too often" in words(page)  # the right one, too: guessing must not become quick
    assert served.services.tally.of("sign_ins") == {("wrong",): 5, ("too_many",): 2}


def test_operator_right_token_opens_every_part_and_sign_out_closes_them(served: Stage) -> None:
    page = signed_in()
    assert "Free disk" in words(page)
    assert "operator_token" not in page.session_state
    marks = {"Sessions": "1 session", "Work": "No work failed", "Engines": "eSpeak NG", "Sweeps": "", "Settings": "MAX_SESSIONS"}
    for name, mark in marks.items():
        assert mark in part(page, name)
    page.button(key="operator_out").click().run()
    assert not page.exception
    assert "Free disk" not in words(page)
    assert page.text_input(key="operator_token").value == ""


def test_operator_sessions_show_sizes_and_no_content(served: Stage) -> None:
    served.made("Canary words of Ada.")
    said = part(signed_in(), "Sessions")
    assert served.session_id
    assert served.session_id[:8] in said
    assert served.session_id not in said
    assert "1 session" in said
    for private in ("canary", "ada"):
        assert private not in said.lower()


def test_operator_work_counts_errors_of_the_last_day_by_code(served: Stage) -> None:
    log, now = EndedLog(served.services.sessions.outputs), served.clock.now
    for age_s, code in ((60.0, "engine_busy"), (3600.0, "engine_busy"), (7200.0, "worker_died"), (DAY_S * 1.5, "too_old")):
        log.note(Ended(now - age_s, "here", "speech", "speech", "failed", code, 1, 1, 0))
    log.note(Ended(now - 30, "here", "speech", "speech", "done", "", 1, 2, 20))
    said = part(signed_in(), "Work")
    assert 'engine_busy</td><td>speech</td><td class="number">2<' in said
    assert "worker_died" in said
    assert "too_old" not in said
    assert "0.100" in said  # 2 s of work for 20 s of sound


def test_operator_sweep_preview_removes_nothing_and_sweep_now_does(served: Stage) -> None:
    sessions = served.services.sessions
    dead = sessions.create_session()
    served.clock.now += 30 * 3600
    assert served.session_id
    sessions.get_session(served.session_id)
    page = signed_in()
    part(page, "Sweeps")
    page.button(key="operator_preview").click().run()
    assert "1 session would go" in words(page)
    assert dead[:8] in words(page)
    assert dead in sessions.get_all_session_ids()
    page.button(key="operator_sweep").click().run()
    assert "1 session went" in words(page)
    assert dead not in sessions.get_all_session_ids()
    assert served.session_id in sessions.get_all_session_ids()


def test_operator_settings_hide_secrets_and_mark_changes(served: Stage) -> None:
    said = part(signed_in(), "Settings")
    for secret in (TOKEN, "a secret of the server"):
        assert secret not in said
    assert "<td>ADMIN_TOKEN</td><td>set</td><td>changed</td>" in said
    assert "<td>API_KEY</td><td>not set</td><td></td>" in said
    assert "<td>MAX_TEXT_CHARS</td><td>500</td><td>changed</td>" in said


def test_operator_engines_are_tried_out_for_real(served: Stage) -> None:
    page = signed_in()
    assert "micro-whisper" in part(page, "Engines")
    page.button(key="operator_test").click().run(timeout=120)
    said = words(page)
    assert "Spoke two words" in said
    assert "Heard “Turn on the light in the kitchen.”" in said
    assert "PocketSphinx" in said
    assert ">fails<" not in said
