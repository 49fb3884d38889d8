"""Transcripts -> cues: promises for any words, places to cut, times, and the report."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transcription.judge import breaks, columns, seen
from tests.transcription.spoken import (
    ARABIC,
    CHINESE,
    FRENCH,
    GERMAN,
    HEBREW,
    JAPANESE,
    STORY,
    TEXTS,
    THAI,
    interview,
    segment,
    spoken,
    transcript,
    words,
)
from utils.subtitles import Cue
from utils.transcription import cues, presets
from utils.transcription.contract import Segment, Transcript, Word
from utils.transcription.cue_report import RULES
from utils.transcription.cues import CueSheet
from utils.transcription.presets import CueRules

NETFLIX = presets.rules("netflix")
TIGHT = presets.rules("netflix", max_chars=8, max_lines=1, min_s=2, max_s=2, max_cps=5, gap_s=1)
WIDE = presets.rules("plain", max_chars=100, max_lines=4, min_s=0, max_s=30, max_cps=0)
ALL_RULES = [*(presets.rules(name) for name in presets.PRESETS), TIGHT, WIDE]


def shown(sheet: CueSheet) -> list[str]:
    return [cue.text.replace("\n", " | ") for cue in sheet.cues]


LATIN = [" the", " cat", " sat.", " No,", " 3", " kg", " John", " Smith", "-like", " ?", " «", "»", " »", " –", " --> "]
OTHERS = [*CHINESE, *THAI.replace(" ", ""), "です。", "「", "」", "ー", "가", "나", " 나라", "x" * 120, "漢" * 70]
UNSEEN = ["\u200e", "\u200d", " ", "", "\n", "\x00", " \u00a0!", "\u202b abc \u202c", "👩\u200d👩\u200d👧", "e\u0301"]
WORD_TEXT = st.one_of(
    st.sampled_from(LATIN),
    st.sampled_from(OTHERS),
    st.sampled_from([" نعم؟", " \u200fאב", *UNSEEN]),
    st.text(max_size=12),
    st.lists(st.sampled_from(STORY.split()), max_size=30).map(" ".join),
)
TIME = st.one_of(st.floats(0, 0.6), st.sampled_from([0.0, 0.001, 0.05, 2.0, 40.0]), st.floats(-3, 70))


@st.composite
def transcripts(draw: st.DrawFn) -> Transcript:
    """Words of all scripts; times mostly in order, sometimes not."""
    at, found = draw(st.floats(0, 5)), []
    for _ in range(draw(st.integers(0, 6))):
        row = []
        for text, rest_s, length_s in draw(st.lists(st.tuples(WORD_TEXT, TIME, st.one_of(st.floats(0, 0.5), TIME)), max_size=25)):
            start = max(0.0, at + rest_s)
            at = max(start, start + length_s)
            row.append(Word(start, at, text))
        joined = "".join(word.text for word in row)
        text = draw(st.sampled_from([joined.strip(), joined.strip(), joined, STORY[:80]]))
        timed = draw(st.sampled_from([True, True, True, False]))
        found.append(Segment(row[0].start if row else at, at, text, tuple(row) if timed else ()))
    language = draw(st.sampled_from(["", "en", "de", "fr", "zh", "th", "ar", "xx-YY"]))
    return Transcript(tuple(found), language, None, "whisper", "m", draw(st.sampled_from([0.0, at, at + 5.0])))


@settings(max_examples=100, deadline=None)
@given(transcripts(), st.sampled_from(ALL_RULES))
def test_cues_of_any_words_hold_every_promise_and_report_every_break(given_one: Transcript, rules: CueRules) -> None:
    check_promises(given_one, rules)


@pytest.mark.long
@pytest.mark.timeout(1800)
@settings(max_examples=5000, deadline=None)
@given(transcripts(), st.sampled_from(ALL_RULES))
def test_cues_of_very_many_words_hold_every_promise_and_report_every_break(given_one: Transcript, rules: CueRules) -> None:
    check_promises(given_one, rules)


def check_promises(given_one: Transcript, rules: CueRules) -> None:
    sheet = cues.make(given_one, rules, stamps=True)
    before_ms = 0
    for cue in sheet.cues:
        start_ms, end_ms = round(cue.start * 1000), round(cue.end * 1000)
        assert (start_ms / 1000, end_ms / 1000) == (cue.start, cue.end)  # whole milliseconds
        assert before_ms <= start_ms < end_ms
        before_ms = end_ms
        lines = cue.text.split("\n")
        assert all(line and line.strip() == line for line in lines)
        assert len(lines) <= rules.max_lines
        assert all(columns(line) <= rules.max_chars for line in lines)
        assert cue.end - cue.start <= rules.max_s + 1e-9
    assert seen("".join(cue.text for cue in sheet.cues)) == seen("".join(part.text for part in given_one.segments))
    assert {(breach.rule, breach.number) for breach in sheet.report.breaches} == breaks(sheet.cues, rules)
    assert all(breach.why.endswith(".") and breach.start == sheet.cues[breach.number - 1].start for breach in sheet.report.breaches)
    assert [stamp_text(stamps) for stamps in sheet.stamps] == [cue.text for cue in sheet.cues]
    assert len(sheet.segments) == len(sheet.cues) and list(sheet.segments) == sorted(sheet.segments)


def stamp_text(stamps: tuple[cues.Stamp, ...]) -> str:
    return "".join(stamp.text for stamp in stamps)


@pytest.mark.parametrize("preset", presets.PRESETS)
@pytest.mark.parametrize("language", TEXTS)
@pytest.mark.parametrize("timed", [True, False], ids=["words", "no words"])
def test_cues_of_plain_speech_break_no_rule(preset: str, language: str, timed: bool) -> None:
    rules = presets.rules(preset)
    sheet = cues.make(interview(60, language=language, timed=timed), rules)
    assert len(sheet.cues) >= 20
    assert breaks(sheet.cues, rules) <= {("min_s", number) for number in range(1, len(sheet.cues) + 1)}
    assert len(sheet.report.breaches) <= 0.05 * len(sheet.cues)
    assert {(breach.rule, breach.number) for breach in sheet.report.breaches} == breaks(sheet.cues, rules)


def test_cues_end_at_sentences_then_clauses_and_the_lower_line_is_the_longer() -> None:
    assert shown(cues.make(spoken(STORY), NETFLIX)) == [
        "It was a bright cold day in April, | and the clocks were striking thirteen.",
        "Dr. Smith, who had been walking along | the quiet road towards the village,",
        "was thinking about the 3.5 | letters he had not answered.",
        "Yes. No. Does anybody know why | the river changed its course?",
        "Nobody could say for certain;",
        "the maps were lost in the fire | of the previous century.",
    ]


PROSE = {
    "en": "She said that the very old house behind the garden of my uncle was sold to a man from another town last week",
    "de": GERMAN + " Dann traf er einen Freund aus der Schule und sie gingen zusammen in die Stadt um ein Eis zu essen",
    "fr": FRENCH + " Elle a dit que la maison de mon oncle est à vendre depuis le mois de mai et que les voisins sont partis",
    "es": "El perro de mi hermano corre por el parque y los niños juegan con una pelota que les dio el abuelo el domingo",
}
HELD = {"en": "the a of my to", "de": "der die ein einen", "fr": "la de mon le les du", "es": "el la de mi los una"}


@pytest.mark.parametrize("language", PROSE)
@pytest.mark.parametrize("preset", ["netflix", "bbc", "reels"])
def test_cues_no_line_ends_between_article_and_noun(language: str, preset: str) -> None:
    sheet = cues.make(spoken(PROSE[language], language=language), presets.rules(preset))
    lines = [line for cue in sheet.cues for line in cue.text.split("\n")]
    assert len(lines) > 2
    assert [line for line in lines if line.split()[-1].lower() in HELD[language].split()] == []


def test_cues_keep_first_and_last_name_together() -> None:
    text = "In the spring of that year my good old friend Winston Churchill came to see the large house in the north"
    for rules in (presets.rules("netflix"), presets.rules("reels"), presets.rules("bbc")):
        lines = [line for cue in cues.make(spoken(text), rules).cues for line in cue.text.split("\n")]
        assert any("Winston Churchill" in line for line in lines), lines


def test_cues_prefer_a_pause_when_there_is_no_punctuation() -> None:
    first, second = "one two three four five six seven", "eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
    row = words(first)
    late = words(second, at=row[-1].end + 0.5)
    late = (replace(late[0], text=" eight"), *late[1:])
    whole = Segment(0.0, late[-1].end, f"{first} {second}", (*row, *late))
    assert shown(cues.make(transcript(whole, language=""), NETFLIX))[0] == first


def test_cues_start_at_their_first_word_and_not_with_the_segment() -> None:
    row = words("Hello there, my friend.", at=10.0)
    early = Segment(0.0, 15.0, "Hello there, my friend.", row)
    (cue,) = cues.make(transcript(early), NETFLIX).cues
    assert cue.start == 10.0


def test_cues_hold_until_the_next_over_a_small_gap_but_not_for_seconds_into_silence() -> None:
    row = (Word(1.0, 2.0, "Hello."), Word(2.4, 3.4, " You."), Word(9.0, 9.5, " Bye."))
    whole = transcript(Segment(1.0, 9.5, "Hello. You. Bye.", row), seconds=60.0)
    reels = cues.make(whole, presets.rules("reels", max_chars=8))
    assert reels.cues == (Cue(1.0, 2.4, "Hello."), Cue(2.4, 3.4, "You."), Cue(9.0, 9.5, "Bye."))


def test_cues_a_word_that_lasts_for_minutes_is_not_shown_for_minutes() -> None:
    long = transcript(Segment(5.0, 1900.0, "Hm", (Word(5.0, 1900.0, "Hm"),)), seconds=2000.0)
    assert cues.make(long, NETFLIX).cues == (Cue(5.0, 12.0, "Hm"),)


def test_cues_too_fast_speech_takes_the_following_silence_first() -> None:
    fast = transcript(segment(STORY[:74], a_letter_s=0.02), seconds=60.0)
    (cue,) = cues.make(fast, NETFLIX).cues
    assert fast.segments[0].end < cue.end <= fast.segments[0].end + 2.0
    assert cues.make(fast, NETFLIX).report.ok


def test_cues_too_fast_without_silence_are_reported_with_the_reason_and_lose_nothing() -> None:
    rushed = spoken(STORY, a_letter_s=0.01)
    sheet = cues.make(rushed, NETFLIX)
    speed = sheet.report.rule("max_cps")
    assert speed and all(breach.value > breach.limit == 20 for breach in speed)
    assert any("next cue follows at once" in breach.why for breach in speed)
    assert seen("".join(cue.text for cue in sheet.cues)) == seen(STORY)
    assert sheet.report.as_dict()["counts"]["max_cps"] == len(speed)
    assert set(sheet.report.counts()) == set(RULES)


def test_cues_too_fast_neighbours_of_slow_words_are_cut_where_it_helps() -> None:
    quick = segment("These are words that come very quickly one after the other, and", a_letter_s=0.015)
    slow = segment("then it goes slowly.", at=quick.end + 0.2, a_letter_s=0.3)
    sheet = cues.make(transcript(quick, slow), NETFLIX)
    assert sheet.report.counts()["max_cps"] <= 1


def test_cues_segments_without_words_share_their_time_by_characters() -> None:
    sheet = cues.make(spoken(STORY, timed=False, seconds=30.0), NETFLIX)
    timed = cues.make(spoken(STORY, seconds=30.0), NETFLIX)
    assert sheet.cues[0].start == 0.0
    assert len(sheet.cues) == len(timed.cues)
    assert all(abs(a.start - b.start) < 1.0 for a, b in zip(sheet.cues, timed.cues, strict=True))


def test_cues_words_that_are_not_the_text_leave_the_decision_to_the_text() -> None:
    odd = Segment(1.0, 3.0, "What was written", (Word(1.0, 2.0, "something"), Word(2.0, 3.0, " else")))
    (cue,) = cues.make(transcript(odd), NETFLIX).cues
    assert cue.text == "What was written" and cue.start == 1.0


@pytest.mark.parametrize("text", [CHINESE, JAPANESE, THAI])
@pytest.mark.parametrize("preset", presets.PRESETS)
def test_cues_scripts_without_spaces_never_begin_a_line_with_what_ends_something(text: str, preset: str) -> None:
    for cue in cues.make(spoken(text * 3, language="zh"), presets.rules(preset)).cues:
        for line in cue.text.split("\n"):
            assert line[0] not in "，。？！、」ーะาำ\u0e31\u0e34\u0e48" and line[-1] not in "「เแโ"


def test_cues_characters_of_thai_that_come_as_words_of_their_own_stay_together() -> None:
    split = tuple(Word(index * 0.1, index * 0.1 + 0.1, char) for index, char in enumerate("สวัสดี" * 9))
    one = Segment(0.0, 5.4, "สวัสดี" * 9, split)
    for cue in cues.make(transcript(one, language="th"), presets.rules("reels", max_chars=8)).cues:
        assert cue.text[0] not in "\u0e31\u0e35"


@pytest.mark.parametrize(("language", "text"), [("ar", ARABIC), ("he", HEBREW)])
def test_cues_right_to_left_lines_are_in_logical_order_with_their_marks(language: str, text: str) -> None:
    sheet = cues.make(spoken(text, language=language), presets.rules("reels"))
    assert " ".join(cue.text for cue in sheet.cues) == text


def test_cues_french_marks_behind_a_space_stay_with_their_word() -> None:
    for preset in presets.PRESETS:
        for cue in cues.make(spoken(FRENCH, language="fr"), presets.rules(preset)).cues:
            for line in cue.text.split("\n"):
                assert line[0] not in "!?:»" and line[-1] != "«"


def test_cues_of_nothing_are_none() -> None:
    for empty in (transcript(), transcript(Segment(0, 1, "")), transcript(Segment(0, 1, " \n", (Word(0, 1, " "),)))):
        sheet = cues.make(empty, NETFLIX)
        assert sheet.cues == () and sheet.report.ok


def test_cues_music_and_other_signs_are_text_too() -> None:
    assert shown(cues.make(spoken("♪ ... ♪"), NETFLIX)) == ["♪ ... ♪"]
