"""The table of requirements names tests that are there, and the page on migration has what the table says."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ROW = re.compile(r"^\| (?P<demand>.+?) \| (?P<how>.+?) \| `(?P<test>tests/[^`]+)` \|$", re.MULTILINE)


def section(letter: str) -> str:
    text = (ROOT / "docs" / "requirements.md").read_text("utf-8")
    found = re.search(rf"^## {letter}\. .*?(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"no section {letter}"
    return found[0]


def test_every_demand_has_a_test_that_is_there() -> None:
    missing, count = [], 0
    for letter in "ABCDE":
        rows = [line for line in section(letter).splitlines() if line.startswith("| ") and not line.startswith("| demand")]
        found = list(ROW.finditer(section(letter)))
        assert len(found) == len(rows) >= 10, f"a row of section {letter} names no test"
        for row in found:
            count += 1
            file, _, test = row["test"].partition("::")
            path = ROOT / file
            if not path.is_file() or (test and f"def {test}(" not in path.read_text("utf-8")):
                missing.append(row["test"])
    assert missing == []
    assert count >= 70


def test_migration_page_has_its_parts() -> None:
    text = (ROOT / "docs" / "migration.md").read_text("utf-8")
    heads = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert [head.split(":")[0] for head in heads] == [
        "Before",
        "Deploying",
        "Adopting old files into a session",
        "Going back",
        "When something is not as expected",
    ]
    for name in ("SESSION_TIMEOUT_HOURS", "MAX_SESSIONS", "ITEM_TIMEOUT_HOURS", "python -m utils.storage.adopt"):
        assert name in text
