"""The Speak page without a browser: what it asks for, what it shows, and what its buttons do."""

from __future__ import annotations

import os
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.conftest import Stage, drawn, words
from utils.errors import EngineUnreachable, NothingToSay
from utils.jobs import away
from utils.speech.contract import SpeechRequest
from utils.storage import names
from utils.ui import item_card
from utils.workflows import generate

HELLO = "Hello there. How are you?"


def type_and_generate(page: AppTest, text: str = HELLO) -> AppTest:
    page.text_area(key="speak_text").set_value(text)
    return page.button(key="speak_generate").click().run()


def test_speak_empty_offers_an_example_that_one_click_tries(stage: Stage) -> None:
    page = stage.open()
    assert "appears here" in words(page)
    page.button(key="speak_try").click().run()
    assert not page.exception
    assert stage.jobs.asked[0].request["text"].startswith("Good morning.")
    assert page.text_area(key="speak_text").value.startswith("Good morning.")
    assert "appears here" not in words(page)


def test_speak_generate_submits_what_the_form_says(stage: Stage) -> None:
    page = stage.open()
    page.text_area(key="speak_text").set_value(HELLO)
    page.selectbox(key="speak_language").set_value("de")
    page.selectbox(key="speak_format").set_value("wav")
    page.run()
    page.selectbox(key="speak_voice").set_value("espeak:de+f1")
    page.button(key="speak_generate").click().run()
    assert not page.exception
    asked = SpeechRequest.from_dict(stage.jobs.asked[0].request)
    assert asked == SpeechRequest(HELLO, language="de", voice="espeak:de+f1", format="wav")


def test_speak_more_fields_reach_the_request_and_outlive_the_closed_box(stage: Stage) -> None:
    page = stage.open()
    page.session_state["speak_more"] = True
    page.run()
    page.slider(key="speak_speed").set_value(1.5)
    page.slider(key="speak_pitch").set_value(-2.0)
    page.slider(key="speak_pause").set_value(0.5)
    page.selectbox(key="speak_loudness").set_value(None)
    page.selectbox(key="speak_engine").set_value("espeak")
    page.text_input(key="speak_title").set_value("My title")
    page.text_area(key="speak_dictionary").set_value("Sotto = sotto voce")
    page.run()
    page.session_state["speak_more"] = False
    page.run()
    assert not page.slider
    type_and_generate(page)
    asked = SpeechRequest.from_dict(stage.jobs.asked[0].request)
    assert (asked.speed, asked.pitch, asked.pause_ms, asked.loudness, asked.engine) == (1.5, -2.0, 500, None, "espeak")
    assert asked.dictionary == (("Sotto", "sotto voce"),)
    assert stage.jobs.asked[0].title == "My title"


def test_speak_promises_no_request_to_google_after_it_could_not_be_reached(stage: Stage) -> None:
    page = stage.open()
    page.text_area(key="speak_text").set_value("Good morning.").run()
    folder = stage.services.settings.queue_dir
    assert "request to Google" in drawn(page, "counter")[0]["rest"]
    folder.mkdir(exist_ok=True)
    away.tell(folder, "gtts")
    os.utime(folder / "away-gtts", (stage.clock.now, stage.clock.now))
    assert drawn(page.run(), "counter")[0]["rest"].startswith("eSpeak NG, if Google still cannot be reached · about")
    stage.clock.now += away.LATELY_S + 1
    assert "request to Google" in drawn(page.run(), "counter")[0]["rest"]


def test_speak_says_what_will_be_spoken_and_what_it_costs(stage: Stage) -> None:
    page = stage.open()
    page.session_state["speak_more"] = True
    page.text_area(key="speak_text").set_value("# Title\n\nSome **bold** text.").run()
    assert "**" not in page.text[0].value
    assert "bold" in page.text[0].value


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("One two three four five six seven eight.", "One two three four five six seven eight."),
        ("One two three four five six seven eight, nine.", "One two three four five six seven eight…"),
        ("あ" * 40, "あ" * 40),
        ("あ" * 41, "あ" * 39 + "…"),
    ],
)
def test_speak_title_made_of_the_text_ends_in_dots_where_it_goes_on(text: str, title: str) -> None:
    assert generate.title_of(SpeechRequest(text)) == title == names.clean_title(title)
    assert "…" not in names.download_name(title, ".mp3")


def test_speak_nothing_to_say_shows_one_sentence_and_makes_nothing(stage: Stage) -> None:
    page = type_and_generate(stage.open(), "?!")
    assert not page.exception
    assert 'role="alert"' in words(page)
    assert stage.jobs.asked == []


def test_speak_over_the_limit_names_limit_and_setting(stage: Stage) -> None:
    page = type_and_generate(stage.open(), "a b " * 200)
    assert "500" in words(page) and "MAX_TEXT_CHARS" in words(page)
    assert stage.jobs.asked == []


def test_speak_bad_dictionary_is_said_not_raised(stage: Stage) -> None:
    page = stage.open()
    page.session_state["speak_dictionary"] = "no sign here"
    type_and_generate(page)
    assert not page.exception
    assert "dictionary" in words(page)
    assert stage.jobs.asked == []


def test_speak_running_work_is_a_card_with_place_progress_note_and_cancel(stage: Stage) -> None:
    page = type_and_generate(stage.open())
    assert "next in the queue" in words(page)
    job = stage.newest()
    stage.jobs.change(job.id, state="running", done=13, total=31, progress=0.42, eta_s=40.0, note="Google is slow.")
    page.run()
    assert "about 40 s left" in words(page)
    assert "Google is slow" in words(page)
    assert page.get("progress")[0].proto.text == "13 of 31 characters"
    page.button(key=f"speak_cancel_{job.id}").click().run()
    assert stage.newest().state == "cancelled"
    assert "You cancelled this." in words(page)


def test_speak_second_tab_of_the_session_shows_the_same_work(stage: Stage) -> None:
    type_and_generate(stage.open())
    assert "next in the queue" in words(stage.open())


def test_speak_done_shows_facts_downloads_and_the_fallback(stage: Stage) -> None:
    item_id = stage.made(HELLO, seconds=6.2, fallback="Google could not be reached")
    page = stage.open()
    assert not page.exception
    (card,) = drawn(page, "player")
    assert card["label"] == "Hello there. How are you?"
    assert card["head"] == "just now · 6.2 s · 97 kB · eSpeak NG · English (America)"
    assert card["note"] == "Spoken by eSpeak NG because Google could not be reached."
    assert card["audio"] == f"/api/v1/items/{item_id}/files/speech.wav?inline=1"
    assert card["facts"] == f"/api/v1/items/{item_id}/files/player.json"
    labels = [element.proto.label for element in page.get("download_button")]
    assert labels == ["WAV", "SRT", "VTT"]
    assert all(element.proto.ignore_rerun and element.proto.deferred_file_id for element in page.get("download_button"))


def test_speak_large_file_is_a_link_to_our_own_route(stage: Stage) -> None:
    item_id = stage.made(HELLO, extra_bytes=item_card.SMALL_BYTES)
    page = stage.open()
    assert [element.proto.label for element in page.get("download_button")] == ["SRT", "VTT"]
    assert f'href="/api/v1/items/{item_id}/files/speech.wav" download=' in words(page)


def test_speak_failed_says_why_and_offers_the_engine_that_needs_nobody(stage: Stage) -> None:
    page = type_and_generate(stage.open())
    failed = stage.newest()
    stage.jobs.fail(failed.id, EngineUnreachable("Google could not be reached.", "Check the network."))
    page.run()
    assert "Google could not be reached." in words(page) and "Check the network." in words(page)
    stage.clock.now += 1
    page.button(key="speak_Speak with eSpeak NG").click().run()
    assert stage.newest().id != failed.id
    assert stage.jobs.asked[-1].request["engine"] == "espeak"
    items, _ = stage.services.sessions.list_items(str(stage.session_id))
    assert [item.id for item in items] == [stage.newest().id]


def test_speak_failed_try_again_runs_the_same_item(stage: Stage) -> None:
    page = type_and_generate(stage.open())
    job = stage.newest()
    stage.jobs.fail(job.id, NothingToSay("Nothing to say."))
    page.run()
    assert "speak_Speak with eSpeak NG" not in [button.key for button in page.button]
    page.button(key="speak_Try again").click().run()
    assert stage.newest().id == job.id
    assert stage.newest().state == "queued"


def test_speak_again_with_changes_refills_the_form(stage: Stage) -> None:
    stage.clock.now += 1
    request = SpeechRequest("Guten Tag.", language="de", voice="espeak:de+m1", speed=1.25, format="flac", dictionary=(("a", "b"),))
    from utils.workflows import generate

    job = generate.submit(stage.services, str(stage.session_id), request)
    stage.jobs.finish(job.id)
    page = stage.open()
    assert page.text_area(key="speak_text").value == ""
    page.button(key="speak_again").click().run()
    assert not page.exception
    page.button(key="speak_generate").click().run()
    assert SpeechRequest.from_dict(stage.jobs.asked[-1].request) == request


def test_speak_form_of_a_new_tab_remembers_choices_and_dictionary_but_no_text(stage: Stage) -> None:
    page = stage.open()
    page.selectbox(key="speak_language").set_value("fr").run()
    page.session_state["speak_dictionary"] = "a = b"
    type_and_generate(page)
    again = stage.open()
    assert again.selectbox(key="speak_language").value == "fr"
    assert again.session_state["speak_dictionary"] == "a = b"
    assert again.text_area(key="speak_text").value == ""


def test_speak_title_with_markup_is_shown_as_it_is(stage: Stage) -> None:
    typed = "**bold** :red[x] $y$ <b>z</b> [a](http://b.example)"
    page = type_and_generate(stage.open(), typed)
    escaped = r"\*\*bold\*\* \:red\[x\] \$y\$ \<b\>z\<\/b\> \[a\]\(http\:\/\/b\.example\)"
    assert any(escaped in element.value for element in page.markdown)
    stage.jobs.fail(stage.newest().id, EngineUnreachable("No <i>luck</i>."))
    page.run()
    assert any(escaped in element.value for element in page.markdown)
    assert "No &lt;i&gt;luck&lt;/i&gt;." in words(page)


def test_speak_foreign_session_sees_nothing(stage: Stage) -> None:
    stage.made(HELLO)
    stage.session_id = stage.services.sessions.create_session()
    page = stage.open()
    assert "Hello" not in words(page)
    assert "appears here" in words(page)


def test_speak_defect_behind_a_click_shows_an_id_and_logs_no_words_of_the_person(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    page = stage.open()

    def broken(*args: object) -> None:
        raise ValueError("secret words")

    monkeypatch.setattr(stage.jobs, "submit", broken)
    type_and_generate(page)
    assert not page.exception
    assert "tell the operator the id" in words(page)
    assert "ValueError" in caplog.text and "secret words" not in caplog.text


# ---- the card's menu, undo, the shelf


def choose(page: AppTest, option: str) -> AppTest:
    """Choose from the menu of the card."""
    return page.menu_button(key="speak_menu").click(option).run()


def test_speak_rename_changes_the_title(stage: Stage) -> None:
    item_id = stage.made(HELLO)
    page = choose(stage.open(), "Rename")
    page.text_input(key=f"speak_title_{item_id}").set_value("  My   talk ").run()
    assert not page.exception
    assert stage.services.sessions.get_item(str(stage.session_id), item_id).title == "My talk"
    assert not page.text_input
    assert "My talk" in words(page)


def test_speak_rename_to_nothing_keeps_the_title_and_says_so(stage: Stage) -> None:
    item_id = stage.made(HELLO)
    page = choose(stage.open(), "Rename")
    page.text_input(key=f"speak_title_{item_id}").set_value("  ").run()
    assert "The title is empty." in words(page)
    assert stage.services.sessions.get_item(str(stage.session_id), item_id).title == HELLO


def test_speak_keep_marks_the_item_and_can_be_taken_back(stage: Stage) -> None:
    item_id = stage.made(HELLO)
    page = choose(stage.open(), "Keep")
    assert stage.services.sessions.get_item(str(stage.session_id), item_id).permanent
    assert "kept" in words(page)
    choose(page, "Do not keep")
    assert not stage.services.sessions.get_item(str(stage.session_id), item_id).permanent


def test_speak_delete_leaves_undo_in_its_place_for_ten_seconds(stage: Stage) -> None:
    item_id = stage.made(HELLO)
    page = choose(stage.open(), "Delete")
    assert "Deleted: Hello there. How are you?" in words(page)
    page.button(key="speak_undo").click().run()
    assert not page.exception
    assert "Deleted:" not in words(page)
    assert stage.services.sessions.get_item(str(stage.session_id), item_id).title == HELLO
    assert page.menu_button(key="speak_menu")
    choose(page, "Delete")
    stage.clock.now += 11
    page.run()
    assert "Deleted:" not in words(page)
    assert "speak_undo" not in [button.key for button in page.button]


def test_speak_deleted_in_another_tab_is_simply_gone(stage: Stage) -> None:
    item_id = stage.made(HELLO)
    page = stage.open()
    page.session_state["speak_open"] = item_id
    stage.services.sessions.delete_item(str(stage.session_id), item_id)
    page.run()
    assert not page.exception
    assert "appears here" in words(page)


def shelf_rows(page: AppTest) -> list[dict[str, Any]]:
    """What the shelf was given to draw."""
    return [row for shelf in drawn(page, "shelf") for row in shelf["rows"]]


def test_speak_shelf_holds_ten_and_more_on_demand(stage: Stage) -> None:
    made = [stage.made(f"Text number {number}.") for number in range(14)]
    page = stage.open()
    assert [row["id"] for row in shelf_rows(page)] == made[-2:-12:-1]
    assert drawn(page, "shelf")[0]["more"]
    page.session_state["speak_shown"] = 20  # what the component's trigger does
    page.run()
    assert [row["id"] for row in shelf_rows(page)] == made[-2::-1]
    assert not drawn(page, "shelf")[0]["more"]


def test_speak_shelf_item_opens_as_the_card(stage: Stage) -> None:
    first, second = stage.made("The first."), stage.made("The second.")
    page = stage.open()
    page.session_state["speak_open"] = first
    page.run()
    assert [row["id"] for row in shelf_rows(page)] == [second]
    assert first in drawn(page, "player")[0]["audio"]


def test_speak_shelf_names_how_work_without_sound_ended(stage: Stage) -> None:
    page = type_and_generate(stage.open(), "Failing.")
    stage.jobs.fail(stage.newest().id, EngineUnreachable("No."))
    stage.clock.now += 1
    type_and_generate(page, "Cancelled.")
    page.button(key=f"speak_cancel_{stage.newest().id}").click().run()
    stage.made("Done.")
    page.session_state["speak_open"] = ""
    page.run()
    rows = [(row["title"], row["facts"], row["failed"], bool(row["audio"])) for row in shelf_rows(page)]
    assert [(title, str(facts).split(" · ")[1], failed, audio) for title, facts, failed, audio in rows] == [
        ("Done.", "eSpeak NG", False, True),
        ("Cancelled.", "cancelled", False, False),
        ("Failing.", "failed", True, False),
    ]


# ---- sample and file


def test_speak_sample_plays_when_it_is_made_and_is_in_no_list(stage: Stage) -> None:
    page = stage.open()
    page.button(key="speak_hear").click().run()
    assert "Making the sample" in words(page)
    job = next(iter(stage.jobs.jobs.values()))
    stage.jobs.finish(job.id)
    page.run()
    assert not page.exception
    assert [(player["play"], job.id in player["audio"]) for player in drawn(page, "player")] == [(True, True)]
    assert shelf_rows(page) == []


def test_speak_text_file_becomes_the_text(stage: Stage) -> None:
    page = stage.open()
    page.session_state["speak_file_menu"] = True
    page.run()
    page.file_uploader[0].upload("notes.md", "Grüße aus dem Süden".encode("cp1252"), "text/markdown").run()
    assert not page.exception
    assert page.text_area(key="speak_text").value == "Grüße aus dem Süden"


def test_speak_file_over_the_limit_is_refused_with_a_sentence(stage: Stage) -> None:
    page = stage.open()
    page.session_state["speak_file_menu"] = True
    page.run()
    page.file_uploader[0].upload("long.txt", b"a" * 501, "text/plain").run()
    assert "501 characters" in words(page) and "MAX_TEXT_CHARS" in words(page)
    assert page.text_area(key="speak_text").value == ""


def test_speak_without_google_offers_nothing_of_it(stage: Stage) -> None:
    del stage.services.engines["gtts"]  # type: ignore[attr-defined]  # as TTS_ENGINE=espeak does
    page = stage.open()
    page.session_state["speak_more"] = True
    page.run()
    assert not page.exception
    assert page.selectbox(key="speak_engine").options == ["Automatic", "eSpeak NG"]
    assert not [label for label in page.selectbox(key="speak_voice").options if "Google" in label]
    assert page.selectbox(key="speak_accent").disabled
