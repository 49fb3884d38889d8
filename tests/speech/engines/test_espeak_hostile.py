"""Texts made to hurt: each is spoken or refused with a sentence, no file is opened for it, and the next text is spoken."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import psutil
import pytest

from tests.speech.engines.espeak_kit import RATE_HZ, Teller, assert_no_more_than, belongings, program, say, seconds, voice
from utils.errors import EngineCrashed, EngineRefused, NothingToSay
from utils.speech.contract import Part, Prosody
from utils.speech.engines.espeak import EspeakEngine

HOSTILE = {
    "overrun": "s'" * 220,
    "letters": "abcdefghijklmnopqrstuvwxyz" * 20,
    "word": "a" * 5_000,
    "emoji": "😂🚀👨‍👩‍👧‍👦❤️🏳️‍🌈" * 30,
    "scripts": "Hello мир 世界 مرحبا שלום नमस्ते สวัสดี 안녕 ሰላም ꙮ 𝔘𝔫𝔦 " * 5,
    "nul": "before\0behind \x01 50P \x02 \x1b[0m",
    "surrogates": "a\ud800b \udfff c \U0010ffff \ufffe",
    "right to left": "\u202eabc שלום مرحبا\u202c \u2067x\u2069",
    "ssml": '<speak><audio src="/etc/passwd">no</audio><mark name="x"/><voice name="de">hi</voice></speak>',
    "option": "-f/etc/passwd -wowned.wav",
    "phonemes": "[[h@'loU]]",
    "dashes": "-- --stdin",
    "shell": "`id` $(id) ; rm -rf / | sh & \"'\\",
    "marks": "... !!! ??? ,,, ;;;",
    "combining": "z̶̛̤̖͕̎̋" * 60,
    "lines": "\n\r\n\t\n" * 50 + "end",
    "base64": "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo=" * 10,
    "percent": "%s%n%x %d {0} ${x}",
}
SILENT = {"dashes", "marks", "emoji"}  # have nothing to say in some voices


@pytest.mark.parametrize("key", ["en-us", "si"])
def test_hostile_text_is_spoken_or_refused_and_nothing_stays_behind(key: str, tmp_path: Path) -> None:
    before = belongings()
    outcomes = {}

    for name, text in HOSTILE.items():
        try:
            samples, spoken = say(tmp_path, text, key=key)
        except (EngineCrashed, EngineRefused, NothingToSay) as error:
            assert error.sentence.endswith(".")
            outcomes[name] = error.code
        else:
            assert len(samples) == spoken.sample_count > 0
            outcomes[name] = "spoken"

    assert {name for name, outcome in outcomes.items() if outcome != "spoken"} <= SILENT
    assert len(say(tmp_path, "Hello.", key=key)[0]) > RATE_HZ / 4
    assert_no_more_than(before)


@pytest.mark.parametrize("key", ["de", "fr", "cmn", "ar"])
def test_hostile_texts_in_one_speech_are_all_spoken(key: str, tmp_path: Path) -> None:
    _, spoken = say(tmp_path, *HOSTILE.values(), key=key)

    heard = {list(HOSTILE)[mark.part] for mark in spoken.marks}
    assert heard >= set(HOSTILE) - SILENT
    assert spoken.parts_redone == 0


@pytest.mark.parametrize(
    ("markup", "plain"),
    [
        ('<audio src="/etc/passwd"/>', ""),
        ('<break time="9s"/>', ""),
        ("<say-as>hello</say-as>", "hello"),
        ("[[h@'loU w3:ld]]", "hello world"),
        ("-f/etc/passwd", ""),
    ],
)
def test_markup_is_read_out_as_text(markup: str, plain: str, tmp_path: Path) -> None:
    bare = seconds(tmp_path, plain) if plain else 0.0

    assert bare + 0.4 < seconds(tmp_path, markup) < 6


def test_control_characters_command_nothing(tmp_path: Path) -> None:
    """`\\x01 50P` would set the pitch, `\\x01 900S` the speed, and NUL would end the text."""
    plain = seconds(tmp_path, "  hello there all of you")

    assert seconds(tmp_path, "\x01 hello there\0all of you") == pytest.approx(plain, rel=0.05)
    assert seconds(tmp_path, "\x01 900S hello there all of you") > plain


def test_file_named_in_the_text_is_not_opened(tmp_path: Path) -> None:
    """A pipe without a writer: who opens it for reading waits until the time limit."""
    pipe = tmp_path / "canary"
    if not hasattr(os, "mkfifo"):
        pytest.skip("this system has no named pipes")
    os.mkfifo(pipe)
    seen: set[str] = set()
    others = set(psutil.Process().children())  # a server that other tests share, for one

    def look() -> bool:
        for child in set(psutil.Process().children()) - others:
            seen.update(Path(file.path).name for file in child.open_files())
        return False

    for text in (f'<audio src="{pipe}"/>', f"-f{pipe}", f"`cat {pipe}`"):
        run = Teller(look)
        with (tmp_path / "out.pcm").open("wb") as out:
            EspeakEngine().speak([Part(text)], voice("en-us"), Prosody(), out, run)

    assert pipe.name not in seen
    assert seen <= {"out.pcm", "libespeak-ng.so", "espeak_child.py", "phondata", "en_dict", "en-US"}


def test_child_opens_no_file_of_the_text_and_starts_no_program(tmp_path: Path) -> None:
    """Seen by strace: every file that is opened for hostile texts is opened for a harmless one as well."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed")
    probe = subprocess.run([strace, "-o", os.devnull, "true"], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip("strace may not look into processes here")

    harmless = _traced(strace, tmp_path, ["Hello world, 123. Привет 世界 مرحبا 😂 नमस्ते สวัสดี 안녕 ሰላም שלום"])
    hostile = _traced(strace, tmp_path, [text.encode("utf-8", "replace").decode() for text in HOSTILE.values()])

    assert any("espeak-ng-data" in line for line in harmless)
    known = re.compile(r"espeak-ng-data|/dev/null|^execve")
    assert [line for line in hostile - harmless if not known.search(line)] == []
    assert sum("execve" in line for line in hostile) == 1
    assert not any("passwd" in line or "owned" in line for line in hostile)


def _traced(strace: str, folder: Path, texts: list[str]) -> set[str]:
    """What a child that speaks the texts asks of the system, without process ids and results."""
    log = folder / "trace"
    calls = "trace=open,openat,openat2,creat,execve,execveat,fork,vfork,clone,clone3,socket,connect,unlink,rename"
    command = program().command("speak", "en-us", "175", "50", "50", "0", "0", "0")
    data = b""
    for text in texts:
        encoded = text.encode().replace(b"\0", b" ")
        data += len(encoded).to_bytes(4, "little") + bytes(4) + encoded
    subprocess.run(
        [strace, "-f", "-qq", "-e", calls, "-o", str(log), *command], input=data, capture_output=True, check=False, timeout=60
    )
    lines = [re.sub(r"^\d+\s+|\s+=\s.*$", "", line) for line in log.read_text(errors="replace").splitlines()]
    return {line for line in lines if not line.startswith(("+++", "---"))}


@pytest.mark.long
@pytest.mark.parametrize(
    "text", ["x" * 100_000, "word " * 20_000, "😂" * 20_000, "s'" * 50_000, "1734 " * 4_000], ids=lambda text: text[:5]
)
def test_very_long_text_memory_stays_flat(text: str, tmp_path: Path) -> None:
    me = psutil.Process()
    before = belongings()
    start = me.memory_info().rss
    most = {"parent": 0, "child": 0}

    def look() -> bool:  # at most 20 times a second
        most["parent"] = max(most["parent"], me.memory_info().rss - start)
        for child in me.children():
            most["child"] = max(most["child"], child.memory_info().rss)
        return False

    path = tmp_path / "out.pcm"
    with path.open("wb") as out:
        spoken = EspeakEngine().speak([Part(text)], voice("en-us"), Prosody(), out, Teller(look))

    assert path.stat().st_size == 2 * spoken.sample_count > 50_000_000
    assert most["parent"] < 60 * 2**20
    assert most["child"] < 60 * 2**20
    assert_no_more_than(before)
