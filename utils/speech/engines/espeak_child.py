"""The program of the child process in which eSpeak NG speaks. It is run as a file and imports next to nothing.

Nothing of the project is imported here, and of the standard library only what costs no time to start. Usage:

    python -I -S espeak_child.py <library> <data folder> voices
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator

SYNCHRONOUS = 2  # AUDIO_OUTPUT_SYNCHRONOUS: sound goes to the callback, no sound device is opened
BUFFER_MS = 1_000  # one callback a second of sound, instead of one every 60 ms


class _Voice(ctypes.Structure):
    """`espeak_VOICE` of speak_lib.h."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_void_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("spare_1", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare_2", ctypes.c_void_p),
    )


def _start(library: str, data: str) -> tuple[ctypes.CDLL, int]:
    """Load and initialise the library; answer it and its rate in Hz."""
    espeak = ctypes.CDLL(library)
    rate_hz = espeak.espeak_Initialize(SYNCHRONOUS, BUFFER_MS, os.fsencode(data), 0)
    if rate_hz <= 0:
        raise OSError(f"eSpeak NG does not start with the data in {data}")
    return espeak, rate_hz


def _languages(address: int) -> Iterator[str]:
    """`<priority>:<tag>` of each entry of eSpeak's list: a priority byte, a tag, a NUL, again and again, ended by a 0."""
    while priority := ctypes.string_at(address, 1)[0]:
        tag = ctypes.string_at(address + 1)
        yield f"{priority}:{tag.decode()}"
        address += len(tag) + 2


def _list(espeak: ctypes.CDLL, kind: bytes) -> None:
    """Print one line for each voice (kind empty) or variant: kind, identifier, name, gender, languages; tabs between."""
    espeak.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
    wanted = ctypes.create_string_buffer(kind)
    chosen = ctypes.byref(_Voice(languages=ctypes.addressof(wanted))) if kind else None
    listed = espeak.espeak_ListVoices(chosen)
    index = 0
    while listed[index]:
        voice = listed[index].contents
        fields = (kind.decode() or "voice", voice.identifier.decode(), voice.name.decode().strip(), str(voice.gender))
        sys.stdout.buffer.write("\t".join((*fields, ",".join(_languages(voice.languages)))).encode() + b"\n")
        index += 1


def main(arguments: list[str]) -> None:
    """Run what the command line asks for."""
    library, data, mode = arguments[:3]
    espeak, _rate_hz = _start(library, data)
    if mode == "voices":
        _list(espeak, b"")
        _list(espeak, b"variant")


if __name__ == "__main__":
    main(sys.argv[1:])
