"""The scripts, styles and markup of our components, as far as they can be checked without a browser."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.pages.stage import tone
from utils.ui.components import ASSETS, lean, read
from utils.ui.player import address

FILES = sorted(path.name for path in ASSETS.iterdir() if path.suffix in {".js", ".css", ".html", ".svg"})


@pytest.mark.parametrize("name", FILES)
def test_assets_ask_no_other_host(name: str) -> None:
    addresses = set(re.findall(r"(?:https?:)?//[\w.-]+\.[a-z]{2,}", read(name)))
    assert addresses <= {"http://www.w3.org"}  # the name of SVG, not an address that is asked


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".js")])
def test_scripts_build_no_markup_from_text(name: str) -> None:
    for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"):
        assert way not in read(name)


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".js")])
def test_scripts_have_no_text_over_several_lines(name: str) -> None:
    assert [
        line for line in read(name).splitlines() if line.count("`") % 2 and not line.strip().startswith(("//", "*", "/*"))
    ] == []


def test_lean_leaves_code_and_takes_comments() -> None:
    assert lean("// a\n\n  if (x) {\n    y('// z'); // kept\n  }\n") == "if (x) {\ny('// z'); // kept\n}"


@pytest.mark.parametrize("name", ["player", "shelf", "counter"])
def test_components_have_script_style_and_markup(name: str) -> None:
    assert "export default" in read(f"{name}.js")
    assert read(f"{name}.css").count("{") == read(f"{name}.css").count("}")
    assert read(f"{name}.html").strip()


def test_address_of_a_file_is_quoted_and_our_own() -> None:
    assert address("20260101-000000-a-0000", "speech.mp3") == "/api/v1/items/20260101-000000-a-0000/files/speech.mp3"
    assert address('a"b/..', "x y#.mp3", inline=True) == "/api/v1/items/a%22b%2F../files/x%20y%23.mp3?inline=1"


def test_staged_tone_is_a_wav_of_that_length() -> None:
    assert len(tone(2.0)) == 44 + 2 * 8000 * 2


def test_drawing_a_component_with_rows_imports_no_pandas() -> None:
    page = "from utils.ui.shelf import _shelf; _shelf(key='shelf', data={'rows': [{'id': 'a'}]})"
    script = f"""
import sys
from streamlit.testing.v1 import AppTest
drawn = AppTest.from_string({page!r}).run()
assert not drawn.exception, drawn.exception
print(drawn.get("bidi_component")[0].proto.json, "pandas" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ASSETS.parents[2], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == '[{"rows": [{"id": "a"}]}] False', done.stdout + done.stderr
