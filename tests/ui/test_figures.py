from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from utils.ui import figures

NOW = datetime(2026, 3, 14, 12, 0, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0.04, "0.0 s"),
        (6.24, "6.2 s"),
        (59.94, "59.9 s"),
        (59.95, "1 min 00 s"),
        (65, "1 min 05 s"),
        (3599.4, "59 min 59 s"),
        (3599.6, "1 h 00 min"),
        (3725, "1 h 02 min"),
        (36_000, "10 h 00 min"),
    ],
)
def test_length_of_any_sound_has_no_sixty(seconds: float, told: str) -> None:
    assert figures.length(seconds) == told


@pytest.mark.parametrize(
    ("seconds", "told"), [(0.2, "about 1 s"), (40, "about 40 s"), (200, "about 3 min"), (5400, "about 2 h"), (7300, "about 2 h")]
)
def test_about_rounds_to_what_an_estimate_is_worth(seconds: float, told: str) -> None:
    assert figures.about(seconds) == told


@pytest.mark.parametrize(
    ("size_bytes", "told"),
    [
        (0, "0 bytes"),
        (1023, "1023 bytes"),
        (1024, "1 kB"),
        (98_304, "96 kB"),
        (1_023_487, "999 kB"),
        (1_023_488, "1 MB"),
        (1_234_567, "1.2 MB"),
        (20 * 2**20, "20 MB"),
        (2048 * 2**20, "2 GB"),
        (5000 * 2**20, "4.9 GB"),
    ],
)
def test_size_is_in_the_units_of_the_settings(size_bytes: int, told: str) -> None:
    assert figures.size(size_bytes) == told


def test_count_agrees_with_its_noun() -> None:
    assert figures.count(1, "request") == "1 request"
    assert figures.count(1024, "request") == "1,024 requests"
    assert figures.count(2, "entry", "entries") == "2 entries"


@pytest.mark.parametrize(
    ("passed_s", "told"),
    [
        (-5, "just now"),
        (59, "just now"),
        (300, "5 min ago"),
        (3 * 3600, "3 h ago"),
        (13 * 3600, "yesterday, 23:00"),
        (4 * 86_400, "10 March, 12:00"),
        (100 * 86_400, "4 December 2025"),
    ],
)
def test_ago_tells_times_as_people_do(passed_s: float, told: str) -> None:
    assert figures.ago(NOW - passed_s, NOW, UTC) == told


def test_ago_follows_the_time_zone_of_the_person() -> None:
    evening = NOW - 13 * 3600  # 23:00 in London is 8:00 of the same day in Tokyo
    assert figures.ago(evening, NOW, ZoneInfo("Asia/Tokyo")) == "13 h ago"
