"""From the bytes that came to the files of a recording: WAV, a copy for listening, the picture of the wave, the captions."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from utils.audio.pcm import PcmFile
from utils.errors import AppError, BadInput, Conflict
from utils.jobs.context import Context
from utils.jobs.live_kind import WAV
from utils.jobs.live_work import end_recording
from utils.jobs.transcribe_files import LISTEN, PLAYER, SOURCE_ROLE
from utils.storage.item import ItemFile
from utils.storage.live_facts import LiveFacts
from utils.storage.recordings import ABOUT, CAPTIONS

if TYPE_CHECKING:
    from utils.transcription.contract import Transcript

CAPTIONS_ROLE = "captions"
MEDIA_TYPES = {
    ".wav": "audio/wav",
    ".mp3": "audio/mpeg",
    ".json": "application/json",
    ".srt": "application/x-subrip",
    ".txt": "text/plain; charset=utf-8",
}
PRESET = "netflix"
SETTLE_WITHIN_S = 60.0
T = TypeVar("T")


@dataclass(frozen=True)
class Sound:
    """The recording as samples.

    Attributes:
        pcm: All that counts; it may be in scratch.
        seconds: Its length.
        losses: What is missing of it, in sentences.
    """

    pcm: PcmFile
    seconds: float
    losses: list[str]


class RecordWork:
    """What an attempt works with."""

    def __init__(self, context: Context) -> None:
        """Take the job over."""
        self.context = context
        context.check()
        context.sessions.clear_scratch(context.session_id, context.item.id)
        self._home = context.sessions.item_path(context.session_id, context.item.id)

    def run(self) -> None:
        """Make the files, and let the item become a transcript if one is wanted."""
        context = self.context
        facts = end_recording(context, "abandoned")  # nobody submits this before; a disk may have lost the last word
        count = self._settled()
        with context.scratch() as scratch:
            sound = self._sound(facts, count, scratch)
            words = self._captions(sound.seconds)
            roles = self._make(sound, words, scratch)
            context.publish_all({name: scratch / name for name in roles})
        self._finish(facts, sound, words, roles)

    def _settled(self) -> int:
        """Bytes of sound that count. Who still writes soon sees that it has ended; what was acknowledged till then counts."""
        deadline = time.monotonic() + SETTLE_WITHIN_S
        while True:
            try:
                return self.context.sessions.settle_recording(self.context.session_id, self.context.item.id)
            except Conflict:
                if time.monotonic() >= deadline:
                    raise
                self.context.stay()

    def _sound(self, facts: LiveFacts, count: int, scratch: Path) -> Sound:
        """What was recorded, as samples. Raises BadInput when there is none."""
        path = self._home / facts.sound
        if count < 2:
            raise BadInput("Nothing was recorded: no sound has come.", "Check the microphone, and record again.")
        if facts.format == "pcm_s16le":
            pcm = PcmFile(path, facts.sample_rate, 0, count // 2)
            return Sound(pcm, pcm.seconds, [])
        from utils.audio import recording

        most_s = self.context.settings.live_max_hours * 3600 + 60
        decoded = recording.decode(path, scratch / "decoded", max_seconds=most_s, check=self.context.stay)
        return Sound(decoded.pcm, decoded.pcm.seconds, list(decoded.report.losses()))

    def _captions(self, seconds: float) -> Transcript | None:
        """What was heard while it was spoken; None when there is nothing."""
        from utils.transcription import captions_file

        try:
            about: Mapping[str, Any] = json.loads((self._home / ABOUT).read_bytes())
        except (OSError, ValueError):
            about = {}
        heard = captions_file.captions_of(self._home / CAPTIONS)
        engine, model = str(about.get("engine", "")), str(about.get("model", ""))
        transcript = captions_file.transcript_of(heard, engine=engine, model=model, seconds=seconds)
        return transcript if transcript.segments else None

    def _make(self, sound: Sound, words: Transcript | None, scratch: Path) -> dict[str, str]:
        """All files in scratch; name -> role, in the order in which they are listed."""
        from utils.audio.codec import encode
        from utils.audio.peaks import Peaks

        peaks, pcm, title = Peaks(), sound.pcm, {"title": self.context.item.title}
        encode(self._watched(peaks.collect(pcm.blocks())), pcm.rate_hz, scratch / WAV, "wav", tags=title)
        encode(self._watched(pcm.blocks()), pcm.rate_hz, scratch / LISTEN, "mp3", tags=title)
        spoken = [word for segment in words.segments for word in segment.words] if words else []
        player = {
            "seconds": round(pcm.seconds, 3),
            "peaks": peaks.values(),
            "words": [[round(word.start, 3), round(word.end, 3), word.text.strip()] for word in spoken],
        }
        (scratch / PLAYER).write_bytes(json.dumps(player, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"))
        made = {LISTEN: "audio", WAV: SOURCE_ROLE, PLAYER: "peaks"}
        if words:
            from utils.transcription.formats import render
            from utils.transcription.presets import PRESETS

            for key in ("srt", "txt"):
                (scratch / f"captions.{key}").write_bytes(render(words, key, PRESETS[PRESET]))
                made[f"captions.{key}"] = CAPTIONS_ROLE
        return made

    def _finish(self, facts: LiveFacts, sound: Sound, words: Transcript | None, roles: Mapping[str, str]) -> None:
        context = self.context
        result = {
            "seconds": round(sound.seconds, 3),
            "why": facts.why,
            "marks": list(facts.marks),
            "losses": sound.losses,
            "captions": bool(words),
            "engine": words.engine if words else "",
            "engine_label": words.model if words else "",
            "language": words.language if words else facts.language,
        }
        files = [
            ItemFile(name, MEDIA_TYPES["." + name.rpartition(".")[2]], (self._home / name).stat().st_size, role)
            for name, role in roles.items()
        ]
        context.finish(result, files)
        if facts.transcript:
            context.item = context.sessions.become_transcript(context.session_id, context.item.id)
        with suppress(AppError):  # the server's next round does it
            context.sessions.open_recordings.drop(context.session_id, context.item.id)

    def _watched(self, blocks: Iterable[T]) -> Iterator[T]:
        for block in blocks:
            self.context.stay()
            yield block
