"""The recipes of docs/api.md, run as they stand there: shell, Python and JavaScript, each against one real server."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

import pysrt
import pytest

from tests.api.served import Served, served
from tests.openai.left import MODEL
from utils.audio.decoder import decode_trusted

PAGE = Path(__file__).resolve().parents[2] / "docs" / "api.md"
BLOCK = re.compile(r"^```(?P<language>\w+)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
ADDRESS = "http://localhost:8501"
WITHIN_S = 300
PYTHON = """import sys
namespace = {"__name__": "__main__"}
with open(sys.argv[1]) as page:
    blocks = page.read().split("\\f")
for number, block in enumerate(blocks):
    exec(compile(block, f"block {number + 1}", "exec"), namespace)
"""


def blocks(language: str) -> list[str]:
    """The page's blocks of a language, in order."""
    return [found["code"] for found in BLOCK.finditer(PAGE.read_text("utf-8")) if found["language"] == language]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("recipes")
    with served(folder, WHISPER_MODEL=str(MODEL), HF_HUB_OFFLINE="1") as started:
        yield started


@dataclass
class Done:
    """A language's recipes after they ran: what they printed, and where their files lie."""

    output: str
    folder: Path

    def data(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()

    def text(self, name: str) -> str:
        return (self.folder / name).read_text("utf-8")

    def seconds(self, name: str) -> float:
        found = decode_trusted(self.data(name), format=Path(name).suffix[1:])
        return len(found.samples) / found.rate_hz

    def names(self, archive: str) -> list[str]:
        with ZipFile(self.folder / archive) as found:
            assert found.testzip() is None
            return sorted(found.namelist())


def run(command: list[str], server: Served, folder: Path, script: str, name: str) -> Done:
    path = folder / name
    path.write_text(script.replace(ADDRESS, server.url), "utf-8")
    environ = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
    done = subprocess.run(
        [*command, str(path)], cwd=folder, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=WITHIN_S
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return Done(done.stdout, folder)


def node() -> str:
    """A program that runs JavaScript: the system's, or the one that the driver of the browser brings."""
    from playwright._impl._driver import compute_driver_executable

    return shutil.which("node") or compute_driver_executable()[0]


def test_page_has_recipes_in_three_languages_and_all_are_run() -> None:
    page = PAGE.read_text("utf-8")
    assert {found["language"] for found in BLOCK.finditer(page)} <= {"sh", "python", "js"}
    assert page.count("\n```") == 2 * len(BLOCK.findall(page))
    assert [len(blocks(language)) for language in ("sh", "python", "js")] >= [10, 6, 3]


def test_recipes_for_the_shell_do_what_they_say(server: Served, tmp_path: Path) -> None:
    if shutil.which("curl") is None or shutil.which("bash") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("curl and bash are needed")
        pytest.skip("curl and bash are needed")
    script = "set -euo pipefail\n" + "\n".join(blocks("sh"))
    done = run(["bash"], server, tmp_path, script, "recipes.sh")
    assert done.seconds("kitchen.mp3") > 4 and done.seconds("night.mp3") > 1
    assert done.data("again.mp3") == done.data("kitchen.mp3")
    assert done.names("greetings.zip") == ["0001-greeting.wav", "0002-farewell.wav", "manifest.csv"]
    assert done.seconds("farewell.wav") > 0.5
    assert done.text("kitchen.srt").count("-->") >= 2 and len(pysrt.from_string(done.text("night.srt"))) >= 1
    assert "kitchen" in done.text("kitchen.srt").lower()
    assert {Path(name).suffix for name in done.names("transcripts.zip")} == {".txt", ".srt", ".docx", ".csv"}
    assert any(name.endswith(".mp3") for name in done.names("speech.zip"))
    assert done.text("events.txt").count("event: status") >= 1 and '"state":"done"' in done.text("events.txt")
    first, second = done.text("ids.txt").split()
    assert first == second
    assert re.findall(r'"revision":(\d+)', done.output) == ["1", "2"]  # corrected, and taken back
    assert "206 Partial Content" in done.output


def test_recipes_in_python_do_what_they_say(server: Served, tmp_path: Path) -> None:
    (tmp_path / "run.py").write_text(PYTHON, "utf-8")
    done = run(
        [sys.executable, "-W", "error", str(tmp_path / "run.py")], server, tmp_path, "\f".join(blocks("python")), "recipes.txt"
    )
    assert "done: 100%" in done.output
    assert "Call my mother." in done.output
    assert "422 unknown_voice" in done.output and "400 " in done.output
    assert {"0001-morning.mp3", "0002-night.mp3", "manifest.csv"} < set(done.names("batch.zip"))
    assert done.seconds("music.wav") > 2 and done.seconds("night.mp3") > 0.5
    assert "music in the kitchen" in done.output and "('kitchen" in done.output.replace('"', "'")


def test_recipes_in_javascript_do_what_they_say(server: Served, tmp_path: Path) -> None:
    done = run([node()], server, tmp_path, "\n".join(blocks("js")), "recipes.mjs")
    assert "done 1" in done.output
    assert "Open the window." in done.output and "Thank you very much." in done.output


def test_page_lists_every_error_with_its_status(server: Served) -> None:
    with server.client() as client:
        examples = client.get("/api/openapi.json").json()["components"]["examples"]
    codes = {
        name.removeprefix("problem_"): shown["value"]["status"] for name, shown in examples.items() if name.startswith("problem_")
    }
    told: dict[str, int] = {}
    for line in PAGE.read_text("utf-8").partition("\n## Errors\n")[2].partition("\n## ")[0].splitlines():
        if line.startswith("| `"):
            names, statuses, *_ = line.strip("| ").split(" | ")
            found = re.findall(r"`(\w+)`", names)
            numbers = [int(status) for status in statuses.split(", ")]
            told |= dict(zip(found, numbers if len(numbers) == len(found) else numbers * len(found), strict=True))
    assert told == codes
