"""The house rules are tests too: lint, types, rooms, lengths, and words that must not stand in the project."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = [*sorted((ROOT / "utils").rglob("*.py")), *sorted((ROOT / "pages").glob("*.py")), ROOT / "app.py"]


def run(*command: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True)


def test_ruff_finds_nothing() -> None:
    done = run(sys.executable, "-m", "ruff", "check", ".")
    assert done.returncode == 0, done.stdout + done.stderr


def test_ruff_format_changes_nothing() -> None:
    done = run(sys.executable, "-m", "ruff", "format", "--check", ".")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.timeout(1200)  # half a minute of one processor; a busy machine takes its time
def test_mypy_strict_finds_nothing() -> None:
    done = run(sys.executable, "-m", "mypy")
    assert done.returncode == 0, done.stdout + done.stderr


def lint_imports(cwd: Path) -> subprocess.CompletedProcess[str]:
    return run(sys.executable, "-c", "from importlinter.cli import lint_imports_command as main; main(['--no-cache'])", cwd=cwd)


def test_rooms_import_only_downward() -> None:
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("where", "line", "contract"),
    [
        ("utils/audio/pcm.py", "import utils.session_manager", "Rooms import only downward"),
        ("utils/workflows/files.py", "import streamlit", "Only the frame, pages and app import streamlit"),
        ("utils/speech/text.py", "import gtts", "Only engines import the speech libraries"),
    ],
)
def test_rooms_planted_violation_is_found(tmp_path: Path, where: str, line: str, contract: str) -> None:
    for name in ("utils", "pages"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    planted = tmp_path / where
    planted.write_text(planted.read_text("utf-8") + f"\n{line}\n", "utf-8")
    done = lint_imports(tmp_path)
    assert done.returncode != 0
    assert f"{contract} BROKEN" in done.stdout


def test_files_and_functions_keep_their_lengths() -> None:
    too_long = []
    for path in SOURCES:
        text = path.read_text("utf-8")
        limit = 120 if path.parent.name == "pages" else 40 if path.name == "app.py" else 400
        if text.count("\n") > limit:
            too_long.append(f"{path.relative_to(ROOT)}: {text.count(chr(10))} lines, allowed {limit}")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or 0) - node.lineno + 1
                if length > 50:
                    too_long.append(f"{path.relative_to(ROOT)}: {node.name} has {length} lines, allowed 50")
    assert too_long == []


def test_project_names_no_paths_of_a_machine() -> None:
    listed = run("git", "ls-files", "-z")
    if listed.returncode:
        pytest.skip("not a git checkout")
    pattern = re.compile(r"(?<![\w.])/(?:work|root|farm|home/\w+)/")
    found = []
    for name in filter(None, listed.stdout.split("\0")):
        path = ROOT / name
        if path.suffix in {".py", ".md", ".toml", ".txt", ".yaml", ".js", ".css", ""} and path.is_file():
            text = path.read_text("utf-8", errors="ignore")
            found += [f"{name}: {match[0]}" for match in pattern.finditer(text) if name != "tests/test_house.py"]
    assert found == []


def test_readme_commands_are_those_that_ci_and_people_run() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    ci = (ROOT / ".ci" / "run").read_text("utf-8")
    tests = next(line for line in readme.splitlines() if "-m pytest" in line and "venv" in line)
    assert tests.strip() in ci


def test_requirements_every_line_is_pinned_and_explained() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        lines = (ROOT / name).read_text("utf-8").splitlines()
        wanted = [line for line in lines if line and not line.startswith(("#", "-r"))]
        assert wanted
        assert all(re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9][^ ]*( ?; .+)?", line) for line in wanted), wanted
