from __future__ import annotations

import re

import pytest

from utils.speech.table.contract import MAX_CELL_CHARS
from utils.ui.components import read
from utils.ui.roster import Line, Page, pages


@pytest.mark.parametrize("name", ["roster", "sheet"])
def test_components_have_script_style_and_markup(name: str) -> None:
    assert "export default" in read(f"{name}.js")
    assert read(f"{name}.css").count("{") == read(f"{name}.css").count("}")
    assert read(f"{name}.html").strip()


@pytest.mark.parametrize(("matching", "count"), [(0, 1), (1, 1), (50, 1), (51, 2), (5000, 100)])
def test_pages_cover_all_lines(matching: int, count: int) -> None:
    assert pages(matching, 50) == count


def test_page_beyond_the_last_is_the_last() -> None:
    assert Page("failed", 7, 50).within(60) == Page("failed", 2, 50)
    assert Page("failed", 7, 50).within(0) == Page("failed", 1, 50)
    assert Page("failed", 0, 50).within(60).offset == 0


def test_script_draws_every_mark_and_field_that_lines_have() -> None:
    script = read("roster.js")
    drawn = set(re.findall(r"^  (\w+): \"M", script, re.MULTILINE))
    assert {"waiting", "failed", "warned", "skipped", "batch"} <= drawn
    for field in vars(Line("", "")):
        assert re.search(rf"\b{field}\b", script), field


def test_field_for_a_text_takes_what_a_row_may_have() -> None:
    assert f"MAX_CHARS = {MAX_CELL_CHARS};" in read("roster.js")
