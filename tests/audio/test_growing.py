"""Sound that is decoded while it still comes."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

from tests.jobs.rig import until
from tests.live.webm import webm
from utils.audio.growing import Growing


def test_growing_recording_is_heard_while_it_grows_and_to_its_end(tmp_path: Path) -> None:
    samples = (b"\x00\x10" * 24 + b"\x00\xf0" * 24) * 3000  # 3 s of 1 kHz
    data, source, pcm = webm(samples), tmp_path / "a.webm", tmp_path / "a.pcm"
    source.write_bytes(b"")
    ended = threading.Event()

    def speak(begin: int, end: int) -> None:
        for at in range(begin, end, 500):
            with source.open("ab") as file:
                file.write(data[at : min(end, at + 500)])
            time.sleep(0.05)

    with Growing(source, pcm, arrived=lambda: source.stat().st_size, ended=ended.is_set, max_seconds=60) as growing:
        speak(0, len(data) * 2 // 3)
        until(lambda: pcm.stat().st_size > 32_000)  # more than a second of what is there
        assert not growing.is_over
        speak(len(data) * 2 // 3, len(data))
        ended.set()
        until(lambda: growing.is_over)
        assert abs(pcm.stat().st_size - 3 * 32_000) < 3_200


def test_growing_recording_that_is_none_is_over_at_its_end(tmp_path: Path) -> None:
    source = tmp_path / "a.webm"
    source.write_bytes(os.urandom(200_000))
    with Growing(source, tmp_path / "a.pcm", arrived=lambda: 200_000, ended=lambda: True, max_seconds=60) as growing:
        until(lambda: growing.is_over)


def test_growing_recording_is_let_go_at_any_moment(tmp_path: Path) -> None:
    source = tmp_path / "a.webm"
    source.write_bytes(b"\x1a\x45\xdf\xa3")
    began = time.monotonic()
    with Growing(source, tmp_path / "a.pcm", arrived=lambda: 4, ended=lambda: False, max_seconds=60):
        pass
    assert time.monotonic() - began < 20
