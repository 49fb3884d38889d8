"""The kind "say": the item's request is spoken into a file that grows, for somebody who reads it meanwhile.

    sound       the encoded sound
    told.json   who speaks; when all is there also how much; see `Told`

Nothing of the sound is read before `told.json` is there, and what that calls the end is said after the last byte. Another attempt
begins with a new file of the same name, so whoever has read from the old one knows that it will not be finished.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from utils.jobs.context import Context
    from utils.speech.choose import Choice

SOUND, TOLD = "sound", "told.json"
SAYING = "saying"  # in the item's request, beside those of the SpeechRequest


@dataclass(frozen=True)
class Told:
    """What the worker says of the sound.

    Attributes:
        engine: Name of the engine that speaks.
        voice: Id of its voice.
        ended: All of the sound is there.
        seconds: Its length then.
        characters: Spoken then.
    """

    engine: str
    voice: str
    ended: bool = False
    seconds: float = 0.0
    characters: int = 0

    @classmethod
    def read(cls, folder: Path) -> Told | None:
        """What was told last, or None."""
        try:
            return cls(**json.loads((folder / TOLD).read_bytes()))
        except (FileNotFoundError, NotADirectoryError):
            return None


def run_say(context: Context) -> None:
    """Speak the item's request into its growing file."""
    from utils.jobs.speech_kind import chooser_of
    from utils.speech.contract import SpeechRequest
    from utils.speech.streaming import Saying, say

    data: dict[str, Any] = dict(context.item.request)
    saying = Saying(**data.pop(SAYING, {}))
    outlet = _Item(context)
    with context.scratch() as folder:
        said = say(
            SpeechRequest.from_dict(data),
            saying,
            chooser=chooser_of(context),
            folder=folder,
            outlet=outlet,
            run=context,
            max_chars=context.settings.max_text_chars,
        )
        outlet.tell(Told(said.engine, said.voice, True, said.seconds, said.characters))
    context.item = context.item.changed(result={"seconds": said.seconds})  # for the count of what was spoken; nothing is stored


class _Item:
    """An Outlet: the sound goes into the item."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._place = (context.session_id, context.item.id)

    def begin(self, choice: Choice) -> BinaryIO:
        self._context.check_ours()
        self.tell(Told(choice.engine.name, choice.voice.id))
        return self._context.sessions.grow(*self._place, SOUND)

    def take(self, choice: Choice, built: Path) -> None:
        self._context.check()
        self._context.sessions.put_built(*self._place, built, SOUND)  # nothing is read before the end is told, too

    def tell(self, told: Told) -> None:
        self._context.check_ours()
        data = json.dumps(asdict(told)).encode()
        self._context.sessions.write_file(*self._place, TOLD, data, durable=False)
