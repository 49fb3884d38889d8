"""A stand-in for `utils/speech/engines/espeak_child.py` that goes wrong on request. The words in the text say how:

    DIE      ends by a signal half way through the part
    LONG     the same, but only in a part of more than 100 characters
    HANG     is silent for ever
    CHATTER  reports for ever
    FULL     finds the disk full
    MUTE     writes no sound
    STRANGER says that there is no such voice

All else "sounds" 1,000 samples a character, each of them a 7; every word is reported.
It talks between its reports, as a library does.
"""

from __future__ import annotations

import errno
import os
import re
import sys
import time

SAMPLES_A_CHARACTER = 1_000
SAMPLE = b"\x07\x00"


def report(line: str) -> None:
    os.write(2, f"{line}\n".encode())


def speak(text: str, silence: int) -> None:
    count = SAMPLES_A_CHARACTER * len(text)
    os.write(2, b"*** w 1 a warning of the library\nw x y\n\xff\n")
    if "DIE" in text or ("LONG" in text and len(text) > 100):
        os.write(1, SAMPLE * (count // 2))
        report("w 1 0")
        os.abort()
    while "HANG" in text:
        time.sleep(1)
    while "CHATTER" in text:
        report("w 1 0")
        time.sleep(0.01)
    if "FULL" in text:
        report(f"f {errno.ENOSPC}")
        sys.exit(0)
    if "MUTE" in text:
        report("d 0")
        return
    os.write(1, SAMPLE * count)
    for word in re.finditer(r"\S+", text):
        report(f"w {word.start() + 1} {SAMPLES_A_CHARACTER * word.start()}")
    report(f"e {count}")
    os.write(1, b"\0\0" * silence)
    report(f"d {count}")


def main() -> None:
    if "STRANGER" in sys.argv[2]:
        report("v")
        return
    report("r 22050")
    while len(head := sys.stdin.buffer.read(8)) == 8:
        text = sys.stdin.buffer.read(int.from_bytes(head[:4], "little"))
        speak(text.decode(), int.from_bytes(head[4:], "little"))


if __name__ == "__main__":
    main()
