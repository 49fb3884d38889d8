"""What a person is told about missing sound, and what is believed of a child's report."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from utils.audio.decode_faults import ACCEPTED, refusal
from utils.audio.decode_report import Gap, SoundReport, facts_from, report_from
from utils.errors import EngineUnreachable, RecordingTooLong, StoreUnavailable, UnreadableSound

WHOLE = SoundReport(
    seconds=600.0,
    expected_s=600.0,
    bad_packets=0,
    gaps=(),
    container="mp3",
    codec="mp3",
    rate_hz=44_100,
    channels=2,
    tracks=1,
    track=0,
    layout_changes=0,
)


def report(**changes: Any) -> SoundReport:
    return dataclasses.replace(WHOLE, **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"expected_s": None},
        {"bad_packets": 1, "gaps": (Gap(300.0, 0.04),)},
        {"gaps": (Gap(1.0, 0.6), Gap(30.0, 0.39))},
        {"seconds": 599.85},
        {"seconds": 3.0, "expected_s": 3.15},
        {"seconds": 1.0, "expected_s": 1.0, "gaps": (Gap(0.5, 0.06),)},
        {"seconds": 700.0},
    ],
)
def test_losses_below_a_hundredth_and_a_second_are_not_told(changes: dict[str, Any]) -> None:
    assert report(**changes).losses() == []


def test_losses_name_how_much_and_where() -> None:
    seen = report(bad_packets=3, gaps=(Gap(65.0, 2.0), Gap(3_700.5, 75.0)), seconds=7_200.0, expected_s=7_200.0)

    assert seen.losses() == [
        "About 1 min 17 s of 2 h 0 min are missing: the file is damaged.",
        "Missing are 2.0 s from 1:05 on, 1 min 15 s from 1:01:40 on.",
    ]


def test_losses_at_the_end_tell_both_lengths() -> None:
    assert report(seconds=300.0).losses() == [
        "About 5 min 0 s of 10 min 0 s are missing: the file ends too early.",
        "The sound stops at 5:00; the file says that it lasts until 10:00.",
    ]


def test_losses_of_a_short_recording_count_by_share() -> None:
    assert report(seconds=20.0, expected_s=20.0, gaps=(Gap(5.0, 0.4),)).losses() == [
        "About 0.4 s of 20 s are missing: the file is damaged, or its recorder paused.",
        "Missing are 0.4 s from 0:05 on.",
    ]


def test_losses_at_many_places_name_the_largest_in_order() -> None:
    gaps = tuple(Gap(10.0 * number, 0.5 + number / 10) for number in range(8))

    assert report(gaps=gaps, bad_packets=8).losses()[1] == (
        "Missing are 0.8 s from 0:30 on, 0.9 s from 0:40 on, 1.0 s from 0:50 on, 1.1 s from 1:00 on, 1.2 s from 1:10 on, "
        "and at 3 more places."
    )


def test_losses_at_an_unknown_place_say_so() -> None:
    assert report(expected_s=None, seconds=20.0, lost_s=1.5).losses() == [
        "About 1.5 s of 22 s are missing: the file is damaged.",
        "Where cannot be told from a file of this kind.",
    ]


def test_losses_behind_a_break_cannot_be_told() -> None:
    assert report(broken_off=True).losses() == ["The file breaks off at 10:00; what was behind that cannot be told."]


def test_report_as_plain_data_and_back_is_the_same() -> None:
    seen = report(gaps=(Gap(1.5, 2.5),), broken_off=True)
    data = json.loads(json.dumps(seen.as_dict()))

    assert SoundReport.from_dict({**data, "of a newer version": 1}) == seen


FACTS = {
    "container": "mp3",
    "seconds": 3.0,
    "has_video": False,
    "tracks": [{"index": 0, "codec": "mp3", "channels": 2, "rate_hz": 8_000, "language": "und", "title": "x\ny", "default": True}],
}
DONE = {"bad_packets": 0, "gaps": [[1.0, 0.5]], "lost_s": 0.0, "layout_changes": 0, "broken_off": False, "rate_hz": 8_000}


def test_facts_and_report_of_a_child_are_read() -> None:
    facts = facts_from(FACTS)

    assert (facts.tracks[0].language, facts.tracks[0].title) == ("", "x y")
    assert report_from(facts, 0, DONE, 3.0).gaps == (Gap(1.0, 0.5),)


@pytest.mark.parametrize(
    "changes", [{"tracks": None}, {"tracks": [{}]}, {"tracks": [7]}, {"container": None, "tracks": 5}, {"tracks": {"a": 1}}]
)
def test_facts_that_are_none_are_not_believed(changes: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        facts_from({**FACTS, **changes})


@pytest.mark.parametrize(
    "changes", [{"gaps": [[1.0]]}, {"gaps": [["a", 1.0]]}, {"gaps": [[float("nan"), 1.0]]}, {"gaps": 3}, {"bad_packets": "x"}]
)
def test_reports_that_are_none_are_not_believed(changes: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        report_from(facts_from(FACTS), 0, {**DONE, **changes}, 3.0)


@pytest.mark.parametrize("seconds", [float("inf"), float("nan"), -1.0, 0, "3", None])
def test_claimed_length_that_is_none_is_left_out(seconds: object) -> None:
    assert facts_from({**FACTS, "seconds": seconds}).seconds is None


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("too_long", RecordingTooLong),
        ("no_disk", StoreUnavailable),
        ("no_library", EngineUnreachable),
        ("unreadable", UnreadableSound),
        ("vanished", UnreadableSound),
        ("of a newer version", UnreadableSound),
    ],
)
def test_refusals_become_errors_with_a_sentence_and_a_hint(code: str, kind: type[Exception]) -> None:
    error = refusal({"refused": code}, 12 * 3600)

    assert type(error) is kind
    assert error.sentence.endswith(".") and error.hint.endswith(".")


@pytest.mark.parametrize(
    ("seconds", "told"), [(43_200, "12 hours"), (5_400, "1.5 hours"), (90, "1.5 minutes"), (1_000, "16.7 minutes")]
)
def test_recording_too_long_names_limit_and_setting(seconds: float, told: str) -> None:
    assert f"longer than the {told} allowed here (MAX_MEDIA_HOURS)" in refusal({"refused": "too_long"}, seconds).sentence


def test_unreadable_names_what_is_accepted_once_each() -> None:
    hint = refusal({"refused": "unreadable"}, 60).hint

    assert all(hint.count(f" {label},") + hint.count(f" {label}.") == 1 for label in set(ACCEPTED.values()))
