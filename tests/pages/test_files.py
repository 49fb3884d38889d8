"""The Files page: everything is there, found, opened, chosen, deleted with a way back, cleared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.conftest import Stage, drawn, words
from utils.errors import EngineUnreachable
from utils.storage.search import Query
from utils.ui import files_choice, files_list, undo
from utils.workflows import collect, files, privacy


def opened(stage: Stage) -> AppTest:
    page = stage.open()
    return page.switch_page("../../pages/files.py").run()


def rows(page: AppTest) -> list[dict[str, Any]]:
    found = drawn(page, "drawer")
    return found[0]["rows"] if found else []


def titles(page: AppTest) -> list[str]:
    return [row["title"] for row in rows(page)]


def choose(page: AppTest, *ids: str) -> AppTest:
    page.session_state[files_list.CHOICE] = set(ids)
    return page.run()


def show(page: AppTest, item_id: str) -> AppTest:
    page.session_state["files_open"] = item_id
    return page.run()


def test_page_empty_says_what_will_be_and_where_it_is_made(stage: Stage) -> None:
    page = opened(stage)
    assert not page.exception
    assert "Everything you make appears here" in words(page) and not page.get("text_input")
    assert "It goes 24 h after your last visit" in words(page)
    page.button("files_go_speak").click().run()
    assert "Speak" in words(page)


def test_page_lists_newest_first_and_running_ones_too(stage: Stage) -> None:
    from utils.speech.contract import SpeechRequest
    from utils.workflows import generate

    assert stage.session_id
    first, second = stage.made("First words"), stage.made("Second words")
    stage.clock.now += 1
    running = generate.submit(stage.services, stage.session_id, SpeechRequest("Still made")).id
    stage.services.sessions.markers.add(stage.session_id, running)
    page = opened(stage)
    assert [row["id"] for row in rows(page)] == [running, second, first]
    assert [row["mark"] for row in rows(page)] == ["running", "speech", "speech"]
    assert rows(page)[0]["audio"] == "" and "speech.wav" in rows(page)[1]["audio"]
    assert page.button(f"files_cancel_{running}")
    page.selectbox("files_state").set_value("running").run()
    assert titles(page) == ["Still made"]


def test_page_finds_by_words_and_says_when_nothing_matches(stage: Stage) -> None:
    stage.made("The library closes at six")
    stage.made("Good night")
    page = opened(stage)
    page.text_input("files_q").set_value("LIBRARY six").run()
    assert titles(page) == ["The library closes at six"]
    page.text_input("files_q").set_value("nothing of the kind").run()
    assert titles(page) == [] and "Nothing matches" in words(page)
    page.text_input("files_q").set_value("").run()
    page.selectbox("files_engine").set_value("eSpeak NG").run()
    page.selectbox("files_sort").set_value("oldest").run()
    page.selectbox("files_when").set_value("today").run()
    assert titles(page) == ["The library closes at six", "Good night"]
    stage.clock.now += 3 * 86_400
    assert titles(page.run()) == []
    page.selectbox("files_when").set_value("between").run()
    assert not page.exception and len(titles(page)) == 2
    page.segmented_control("files_kind").set_value("batch").run()
    assert titles(page) == []


def test_page_turns_by_fifty_and_begins_anew_for_another_search(stage: Stage) -> None:
    for number in range(53):
        stage.made(f"Number {number}", seconds=0.01)
    page = opened(stage)
    assert len(rows(page)) == 50 and drawn(page, "drawer")[0]["pages"] == 2
    page.session_state["files_page"] = 2
    page.run()
    assert titles(page) == ["Number 2", "Number 1", "Number 0"] and drawn(page, "drawer")[0]["span"] == "51 to 53 of 53"
    page.text_input("files_q").set_value("number").run()
    assert drawn(page, "drawer")[0]["page"] == 1


def test_item_opens_with_player_details_and_what_can_be_done(stage: Stage) -> None:
    item = stage.made("Good morning", fallback="Google cannot be reached")
    page = show(opened(stage), item)
    assert not page.exception
    assert drawn(page, "player")[0]["label"] == "Good morning" and drawn(page, "drawer")[0]["opened"] == item
    said = words(page)
    for part in ("English (America)", "24 h after your last visit", "Google cannot be reached", f"/api/v1/items/{item}.zip"):
        assert part in said
    page.button("files_again").click().run()
    assert page.text_area("speak_text").value == "Good morning"


def test_item_that_failed_says_why_and_can_be_tried_again(stage: Stage) -> None:
    from utils.speech.contract import SpeechRequest
    from utils.workflows import generate

    assert stage.session_id
    job = generate.submit(stage.services, stage.session_id, SpeechRequest("Not to be"))
    stage.jobs.fail(job.id, EngineUnreachable("Google cannot be reached.", "Use eSpeak."))
    page = opened(stage)
    assert rows(page)[0]["mark"] == "failed" and "failed" in rows(page)[0]["facts"]
    show(page, job.id)
    assert "Google cannot be reached." in words(page)
    page.button("files_Try again").click().run()
    assert stage.services.jobs.status(stage.session_id, job.id).is_open


def test_item_deleted_elsewhere_is_said_to_be_gone(stage: Stage) -> None:
    item = stage.made("Good morning")
    page = show(opened(stage), item)
    assert stage.session_id
    files.delete(stage.services, stage.session_id, item)
    page.run()
    assert "This file is gone" in words(page) and not page.exception
    assert "This file is gone" not in words(page.run())


def test_item_deleted_from_the_card_of_its_own_page_can_be_taken_back_here(stage: Stage) -> None:
    item = stage.made("Good morning")
    page = show(opened(stage), item)
    assert stage.session_id
    files.delete(stage.services, stage.session_id, item)
    page.session_state[undo.DELETED] = {"id": item, "title": "Good morning", "until": stage.clock() + 10, "place": "bulk"}
    page.run()
    assert "This file is gone" not in words(page) and "Deleted: Good morning" in words(page)
    page.button("bulk_undo").click().run()
    assert titles(page) == ["Good morning"]


def test_chosen_ones_are_kept_and_deleted_with_one_way_back(stage: Stage) -> None:
    assert stage.session_id
    made = [stage.made(f"Number {n}") for n in range(3)]
    page = choose(opened(stage), made[0], made[2], "20200101-000000-gone-0000")
    assert "2 files chosen" in words(page)
    page.button("files_keep").click().run()
    assert files.get(stage.services, stage.session_id, made[0]).permanent
    page.button("files_delete").click().run()
    assert titles(page) == ["Number 1"] and "Deleted: 2 files." in words(page)
    page.button("files_undo_many").click().run()
    assert titles(page) == ["Number 2", "Number 1", "Number 0"] and "Deleted" not in words(page)


def test_way_back_ends_after_ten_seconds(stage: Stage) -> None:
    page = choose(opened(stage), stage.made("One"))
    page = choose(page, *[row["id"] for row in rows(page.run())])
    page.button("files_delete").click().run()
    stage.clock.now += 10.5
    assert "Deleted" not in words(page.run())


def test_all_that_match_are_chosen_over_all_pages(stage: Stage) -> None:
    made = [stage.made(f"Number {n}", seconds=0.01) for n in range(52)]
    page = choose(opened(stage), made[0])
    assert page.button("files_all").label == "Choose all 52 that match"
    page.button("files_all").click().run()
    assert "52 files chosen" in words(page)
    page.button("files_none").click().run()
    assert "files chosen" not in words(page)


def test_choice_above_the_limit_of_memory_is_a_link_to_our_route(stage: Stage) -> None:
    one, two = stage.made("One", extra_bytes=26 * 2**20), stage.made("Two")
    page = choose(opened(stage), one)
    assert f"/api/v1/items.zip?ids={collect.short(one)}" in words(page)
    page = choose(page, one, two)
    assert "/api/v1/items.zip?sort=newest" in words(page)
    page = choose(page, two)
    assert "items.zip" not in words(page)


def test_link_of_a_search_asks_our_route_for_the_same() -> None:
    query = Query("a & b", ("speech", "batch"), 10.0, None, "eSpeak NG", "done", "largest")
    assert files_choice.address(query, ["x"]) == (
        "/api/v1/items.zip?kind=speech&kind=batch&q=a+%26+b&engine=eSpeak+NG&state=done&from=10.0&sort=largest"
    )


def test_clear_asks_once_cancels_work_and_leaves_a_working_session(stage: Stage) -> None:
    from utils.speech.contract import SpeechRequest
    from utils.workflows import generate

    assert stage.session_id
    stage.made("One")
    job = generate.submit(stage.services, stage.session_id, SpeechRequest("Two"))
    page = opened(stage)
    page.button("files_clear").click().run()
    assert "Delete 2 files" in words(page) and "1 piece of running work is cancelled first" in words(page)
    page.button("files_clear_not").click().run()
    assert len(titles(page)) == 2
    page.button("files_clear").click().run()
    page.button("files_clear_sure").click().run()
    assert not page.exception and titles(page) == [] and "Deleted: 2 files." in words(page)
    assert stage.jobs.status(stage.session_id, job.id).state == "cancelled"
    stage.made("Three")
    assert titles(page.run()) == ["Three"]


def test_storage_tells_what_is_used_and_what_to_do_when_it_is_full(stage: Stage) -> None:
    stage.made("One", extra_bytes=2 * 2**20)
    page = opened(stage)
    assert "Speech: 1, 2 MB" in words(page) and "free on the server" in words(page)
    stage.services.sessions.quota_bytes = 2 * 2**20
    page.run()
    assert "Your space is full: 2 MB of 2 MB (SESSION_QUOTA_MB)" in words(page)
    page.button("files_largest").click().run()
    assert page.selectbox("files_sort").value == "largest"


def test_storage_is_full_when_the_disk_is() -> None:
    assert privacy.Storage({}, 1000, 10**9, 10).is_full
    assert not privacy.Storage({}, 1000, 10**9, 10**9).is_full


def test_session_can_be_kept_and_the_page_says_so(stage: Stage) -> None:
    assert stage.session_id
    page = opened(stage)
    page.toggle("files_keep_session").set_value(True).run()
    session = stage.services.sessions.peek_session(stage.session_id)
    assert session and session.permanent
    assert "This session is kept: nothing in it goes by itself." in words(page)


def test_code_for_another_browser_is_shown_until_it_is_too_old(stage: Stage) -> None:
    page = opened(stage)
    page.button("files_make_code").click().run()
    made = page.session_state["files_code"]
    assert made["code"] in words(page)
    assert stage.services.sessions.redeem_transfer_code(made["code"], "somebody") == stage.session_id
    stage.clock.now += 301
    assert made["code"] not in words(page.run())


@pytest.mark.parametrize(
    "title", ["<img src=x onerror=alert(1)>", "[x](javascript:alert(1))", "![](http://evil.test/x.png)", ":red[x]"]
)
def test_titles_are_shown_as_text(stage: Stage, title: str) -> None:
    assert stage.session_id
    item = stage.made("Plain")
    files.rename(stage.services, stage.session_id, item, title)
    page = show(opened(stage), item)
    assert titles(page) == [title] and not page.exception
    for element in [*page.markdown, *page.caption]:
        assert title not in element.value
    assert "<img src=x" not in "".join(element.proto.body for element in page.html)


def test_page_stays_within_its_length() -> None:
    page = Path(__file__).resolve().parents[2] / "pages" / "files.py"
    assert len(page.read_text("utf-8").splitlines()) <= 120
