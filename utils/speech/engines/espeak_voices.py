"""What voices the installed eSpeak NG has, asked in a child process; for checking our voices data against the truth."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

from utils.errors import EngineUnreachable
from utils.speech.engines import espeak_library
from utils.speech.engines.espeak_process import Program, environment

_GENDERS = {"1": "male", "2": "female"}
_LIST_LIMIT_S = 30.0


@dataclass(frozen=True)
class EspeakVoice:
    """A voice or a variant as eSpeak lists it.

    Attributes:
        kind: "voice" or "variant".
        key: Base name of the identifier in lower case; the first half of a `Voice.key`, or what follows its plus sign.
        identifier: As eSpeak has it, e.g. `gmw/en-US`.
        name: For people, as eSpeak has it, e.g. "English (America)".
        gender: "male", "female" or empty.
        languages: eSpeak's tags, in lower case mostly, the best fitting first.
        speaks: It has a dictionary; True for variants.
    """

    kind: str
    key: str
    identifier: str
    name: str
    gender: str
    languages: tuple[str, ...]
    speaks: bool


def list_voices() -> list[EspeakVoice]:
    """All voices, then all variants. Raises EngineUnreachable when eSpeak NG is missing or does not start."""
    library = espeak_library.find()
    if library is None:
        raise EngineUnreachable(espeak_library.why_missing(), "Install the requirements again.")
    command = Program(library).command("voices")
    try:
        asked = subprocess.run(  # noqa: S603 - our own program, nobody's words among the arguments
            command, stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=_LIST_LIMIT_S, env=environment()
        )
    except (OSError, subprocess.SubprocessError) as exc:
        raise EngineUnreachable("eSpeak NG does not start on this machine.", "Install the requirements again.") from exc
    return [_voice(line, library) for line in asked.stdout.decode().splitlines()]


def _voice(line: str, library: espeak_library.Library) -> EspeakVoice:
    kind, identifier, name, gender, languages = line.split("\t")
    key = identifier.replace("\\", "/").rpartition("/")[2].lower()
    ranked = sorted((entry.partition(":")[::2] for entry in languages.split(",") if entry), key=lambda pair: int(pair[0]))
    speaks = kind == "variant" or key in library.voices
    return EspeakVoice(kind, key, identifier, name, _GENDERS.get(gender, ""), tuple(tag for _, tag in ranked), speaks)
