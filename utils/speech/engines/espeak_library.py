"""Where eSpeak NG lies on this machine, and which voices it has, found without loading it.

The wheel of `espeakng-loader` brings the library and its data. It is only looked up here: the library itself is loaded in a
child process alone, because it is not safe in threads and some texts abort the process that hosts it.
"""

from __future__ import annotations

import importlib.util
import re
import sys
import sysconfig
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

LOADER = "espeakng_loader"
_LIBRARY_NAMES = {"win32": "espeak-ng.dll", "darwin": "libespeak-ng.dylib"}


@dataclass(frozen=True)
class Library:
    """eSpeak NG as installed.

    Attributes:
        path: The shared library.
        data: The folder `espeak-ng-data`.
    """

    path: Path
    data: Path

    @cached_property
    def voices(self) -> dict[str, str]:
        """Base name of each voice that has a dictionary: lower case -> as the file is written."""
        files = (file for file in (self.data / "lang").rglob("*") if file.is_file() and self._has_dictionary(file))
        return {file.name.lower(): file.name for file in files}

    @cached_property
    def variants(self) -> dict[str, str]:
        """Name of each variant: lower case -> as the file is written. eSpeak takes an unknown one silently for none."""
        return {file.name.lower(): file.name for file in (self.data / "voices" / "!v").iterdir() if file.is_file()}

    def name_of(self, key: str) -> str | None:
        """What eSpeak calls the voice `<base>` or `<base>+<variant>`, in any case; None when there is no such voice."""
        base, plus, variant = key.lower().partition("+")
        if base not in self.voices or (plus and variant not in self.variants):
            return None
        return self.voices[base] + (f"+{self.variants[variant]}" if plus else "")

    def _has_dictionary(self, voice_file: Path) -> bool:
        """Without its dictionary (fo, kaa and xex in this wheel) a voice only spells; eSpeak looks for it in this order."""
        text = voice_file.read_text(encoding="utf-8", errors="replace")
        named = re.search(r"^\s*dictionary\s+(\S+)", text, re.MULTILINE) or re.search(r"^\s*language\s+(\S+)", text, re.MULTILINE)
        name = named[1] if named else voice_file.name
        return any((self.data / f"{candidate}_dict").is_file() for candidate in (name, name.partition("-")[0]))


def find(platform: str = sys.platform) -> Library | None:
    """Look the library up without importing the loader; None when it is not installed or not complete."""
    spec = importlib.util.find_spec(LOADER)
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent
    library = Library(folder / _LIBRARY_NAMES.get(platform, "libespeak-ng.so"), folder / "espeak-ng-data")
    return library if library.path.is_file() and (library.data / "phontab").is_file() else None


def why_missing(abi: str | None = None) -> str:
    """Say in one sentence why `find` found nothing.

    Args:
        abi: The interpreter's ABI tag; the running one's when left out.
    """
    abi = abi if abi is not None else str(sysconfig.get_config_var("SOABI") or "")
    if "musl" in abi:
        return "eSpeak NG's package has no build for musl systems such as Alpine Linux."
    return "The package espeakng-loader, which brings eSpeak NG, is not installed or not complete."
