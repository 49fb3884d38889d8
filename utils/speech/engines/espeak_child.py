"""The program of the child process in which eSpeak NG speaks: it limits itself, loads the library, and speaks what comes.

It is run as a file, imports nothing of the project, and of the standard library only what costs next to no time to start:

    python -I -S -B espeak_child.py <library> <data folder> voices
    python -I -S -B espeak_child.py <library> <data folder> speak <voice> <wpm> <pitch> <range> <memory> <cpu> <file>

where <wpm>, <pitch> and <range> are eSpeak's parameters 1, 3 and 4, and the last three are limits in bytes, seconds and bytes;
0 means no limit.

`speak` reads parts from standard input until its end: 4 bytes size of the text, 4 bytes samples of silence after it (unsigned,
little endian), then the text in UTF-8. It writes raw PCM (s16le, mono) to standard output, and lines to standard error:

    r <rate>            ready, sound has this rate in Hz; no part is read before this line is out
    w <place> <sample>  a word begins: 1-based place of its first character in the part, sample counted from the part's begin
    e <sample>          a clause ends here
    d <samples>         the part is spoken in so many samples, and its silence is written as well
    v                   there is no such voice; the child ends
    f <errno>           the sound could not be written; the child ends

Other lines are the library's own words and mean nothing. A part is read only after the one before it is done.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from typing import Any, NoReturn

SYNCHRONOUS = 2  # AUDIO_OUTPUT_SYNCHRONOUS: sound goes to the callback, no sound device is opened
BUFFER_MS = 1_000  # a callback for each second of sound at most, instead of one for every 60 ms
UTF8, END_PAUSE = 0x1, 0x1000  # never 0x10 (SSML opens files) and never 0x100 (phonemes in [[brackets]])
RATE_WPM, PITCH, RANGE = 1, 3, 4
LIST_END, WORD, END = 0, 1, 5
ZEROS = bytes(65_536)


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


class _Event(ctypes.Structure):
    """`espeak_EVENT` of speak_lib.h."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("unique", ctypes.c_uint),
        ("place", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_ms", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    )


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(_Event))


def _limit(memory: int, cpu: int, file: int) -> None:
    """Take away from this process what speaking does not need, where the system knows such limits."""
    try:
        import resource  # not on Windows, where the parent's time limit is the only one
    except ImportError:
        return
    wanted = (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 24),
        (resource.RLIMIT_AS, memory or None),
        (resource.RLIMIT_CPU, cpu or None),
        (resource.RLIMIT_FSIZE, file or None),
    )
    for kind, value in wanted:
        if value is None:
            continue
        hard = resource.getrlimit(kind)[1]
        most = value if hard == resource.RLIM_INFINITY else min(value, hard)
        try:
            resource.setrlimit(kind, (most, most))
        except (OSError, ValueError):
            continue  # macOS refuses RLIMIT_AS; the other limits still hold


def _start(library: str, data: str) -> tuple[ctypes.CDLL, int]:
    """Load and initialise the library; answer it and its rate in Hz."""
    espeak = ctypes.CDLL(library)
    rate_hz = espeak.espeak_Initialize(SYNCHRONOUS, BUFFER_MS, os.fsencode(data), 0)
    if rate_hz <= 0:
        raise OSError(f"eSpeak NG does not start with the data in {data}")
    return espeak, rate_hz


def _write(file: int, data: bytes) -> None:
    """Write all of it; a file near its limit takes a part first and fails on the rest."""
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def _own(descriptor: int) -> int:
    """Keep what stands behind a descriptor for ourselves, and let the library's own words to it vanish."""
    ours = os.dup(descriptor)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
    return ours


class _Speaker:
    """Speaks parts, one after the other, with one voice."""

    def __init__(self, espeak: ctypes.CDLL, sound: int, reports: int) -> None:
        self._espeak = espeak
        self._sound = sound
        self._reports = reports
        self._samples = 0
        self._failed = 0
        self._callback = _Callback(self._on_sound)  # must stay referenced for as long as the library may call it
        espeak.espeak_SetSynthCallback(self._callback)
        unsigned, pointer = ctypes.c_uint, ctypes.c_void_p
        espeak.espeak_Synth.argtypes = (
            ctypes.c_char_p, ctypes.c_size_t, unsigned, ctypes.c_int, unsigned, unsigned, pointer, pointer
        )  # fmt: skip

    def speak(self, text: bytes, silence: int) -> None:
        """Speak one part and write its silence. Ends the process when the sound cannot be written."""
        self._samples = 0
        if text:  # eSpeak makes some samples even of none
            self._espeak.espeak_Synth(text, len(text) + 1, 0, 1, 0, UTF8 | END_PAUSE, None, None)  # + 1: the NUL that ctypes adds
        left = silence * 2
        try:
            while left and not self._failed:
                _write(self._sound, ZEROS[:left])
                left -= min(left, len(ZEROS))
        except OSError as exc:
            self._failed = exc.errno or 1
        if self._failed:
            self._end(f"f {self._failed}\n")
        _write(self._reports, b"d %d\n" % self._samples)

    def _on_sound(self, samples: int | None, count: int, events: Any) -> int:
        """The library hands over sound and what happens in it; 1 stops it. No exception may pass into the library."""
        try:
            lines = []
            index = 0
            while (event := events[index]).type != LIST_END:
                if event.type == WORD:
                    lines.append(b"w %d %d\n" % (event.place, event.sample))
                elif event.type == END:
                    lines.append(b"e %d\n" % event.sample)
                index += 1
            if samples and count > 0:
                _write(self._sound, ctypes.string_at(samples, count * 2))
                self._samples += count
            if lines:
                _write(self._reports, b"".join(lines))
        except OSError as exc:
            self._failed = exc.errno or 1
            return 1
        return 0

    def _end(self, line: str) -> NoReturn:
        _write(self._reports, line.encode())
        sys.exit(0)


def _speak(espeak: ctypes.CDLL, rate_hz: int, voice: str, wpm: int, pitch: int, pitch_range: int) -> None:
    """Speak the parts that come by standard input."""
    sound, reports = _own(1), _own(2)
    if espeak.espeak_SetVoiceByName(os.fsencode(voice)) != 0:
        _write(reports, b"v\n")
        return
    for parameter, value in ((RATE_WPM, wpm), (PITCH, pitch), (RANGE, pitch_range)):
        espeak.espeak_SetParameter(parameter, value, 0)
    speaker = _Speaker(espeak, sound, reports)
    _write(reports, b"r %d\n" % rate_hz)
    parts = sys.stdin.buffer
    while len(head := parts.read(8)) == 8:
        text = parts.read(int.from_bytes(head[:4], "little"))
        speaker.speak(text, int.from_bytes(head[4:], "little"))


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
    if mode == "speak":
        voice, wpm, pitch, pitch_range, memory, cpu, file = arguments[3:]
        _limit(int(memory), int(cpu), int(file))
        _speak(*_start(library, data), voice, int(wpm), int(pitch), int(pitch_range))
    else:
        espeak, _rate_hz = _start(library, data)
        _list(espeak, b"")
        _list(espeak, b"variant")


if __name__ == "__main__":
    main(sys.argv[1:])
