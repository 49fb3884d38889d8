"""A child process that tells how eSpeak NG would pronounce texts: `[[voice, text], ...]` on stdin, a list of phonemes on stdout."""

from __future__ import annotations

import ctypes
import json
import sys


def _main(library: str, data: str) -> None:
    lib = ctypes.CDLL(library)
    lib.espeak_TextToPhonemes.restype = ctypes.c_char_p
    lib.espeak_TextToPhonemes.argtypes = [ctypes.POINTER(ctypes.c_char_p), ctypes.c_int, ctypes.c_int]
    lib.espeak_Initialize(2, 0, data.encode(), 0)
    answers = []
    for voice, text in json.load(sys.stdin):
        if lib.espeak_SetVoiceByName(voice.encode()):
            sys.exit(f"no voice {voice}")
        rest = ctypes.c_char_p(text.encode())
        clauses = []
        while rest.value is not None:
            clauses.append((lib.espeak_TextToPhonemes(ctypes.byref(rest), 1, 2) or b"").decode())
        answers.append(" | ".join(clauses))
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    _main(*sys.argv[1:3])
