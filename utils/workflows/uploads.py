"""Recordings that people send: streamed to the session's disk, looked at, kept as items of the kind "upload"."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from utils.errors import RecordingTooLong, UnreadableSound
from utils.services import Services
from utils.settings import Settings
from utils.sizes import size
from utils.storage import names
from utils.storage.item import Item, ItemFile
from utils.storage.receive import Incoming

if TYPE_CHECKING:
    from utils.audio.recording import Facts

WEB_CODECS = {"opus", "vorbis"}  # of sound in a Matroska file that is called WebM
OTHER = (".bin", "application/octet-stream")
# By the first name of the container as the media library tells it; what browsers play is served under a type of sound.
CONTAINERS = {
    "wav": (".wav", "audio/wav"),
    "w64": (".w64", "audio/x-w64"),
    "mp3": (".mp3", "audio/mpeg"),
    "flac": (".flac", "audio/flac"),
    "ogg": (".ogg", "audio/ogg"),
    "mov": (".m4a", "audio/mp4"),
    "matroska": (".webm", "audio/webm"),
    "aac": (".aac", "audio/aac"),
    "aiff": (".aiff", "audio/aiff"),
    "amr": (".amr", "audio/amr"),
    "caf": (".caf", "audio/x-caf"),
    "au": (".au", "audio/basic"),
    "avi": (".avi", "video/x-msvideo"),
    "mpegts": (".ts", "video/mp2t"),
    "mpeg": (".mpg", "video/mpeg"),
    "flv": (".flv", "video/x-flv"),
    "asf": (".wma", "audio/x-ms-wma"),
}


@dataclass
class Upload:
    """One file on its way in. Used by one thread at a time.

    Attributes:
        name: As the sender calls it, cleaned; never a path.
        item: What became of it, after `finish`.
    """

    services: Services = field(repr=False)
    session_id: str
    name: str
    incoming: Incoming = field(repr=False)
    item: Item | None = None

    @property
    def size_bytes(self) -> int:
        """Received so far."""
        return self.incoming.size_bytes

    def write(self, data: bytes) -> None:
        """Take the next bytes. Raises TooLarge, QuotaExceeded, StoreUnavailable."""
        self.incoming.write(data)

    def finish(self) -> Item:
        """All bytes are there: find out whether they are a recording, and keep it.

        Raises:
            UnreadableSound: They are not, or hold no sound; one sentence says why.
            RecordingTooLong: It says that it is longer than MAX_MEDIA_HOURS.
        """
        if not self.size_bytes:
            raise UnreadableSound("The file is empty.", "Choose a file that holds a recording.")
        path = self.incoming.settle()
        with self.services.door.looking():
            from utils.audio import recording

            facts = recording.inspect(path)
        check_length(facts.seconds, self.services.settings)  # here it fails alone; later, all that are started with it would
        suffix, media_type = kind_of_file(facts)
        name = f"source{suffix}"
        self.item = self.services.sessions.create_item(
            self.session_id,
            folder="single",
            kind="upload",
            title=title_of(self.name),
            request={"original_name": self.name},
            result=_told(facts),
            built={name: path},
            listed=(ItemFile(name, media_type, self.size_bytes, "source"),),
        )
        return self.item


@contextmanager
def receive(services: Services, session_id: str, name: str, size_bytes: int | None = None) -> Iterator[Upload]:
    """A file to be received; leaving without `finish` removes everything.

    Args:
        services: As everywhere.
        session_id: Whose it will be.
        name: As the sender calls it.
        size_bytes: As announced, or None; only used to refuse early what cannot fit.

    Raises:
        NotFound: There is no such session.
        TooMany: Too many files arrive at this moment.
        TooLarge: It is announced as longer than MAX_UPLOAD_MB.
        QuotaExceeded: The session has no room for it.
    """
    most = size(max_bytes(services.settings))
    limit = f"The recording is larger than {most}, the most allowed here (MAX_UPLOAD_MB)."
    with (
        services.door.entering(session_id),
        services.sessions.incoming(session_id, most_bytes=max_bytes(services.settings), limit=limit) as incoming,
    ):
        if size_bytes is not None:
            incoming.expect(size_bytes)
        yield Upload(services, session_id, clean_name(name), incoming)


def max_bytes(settings: Settings) -> int:
    """The largest upload."""
    return settings.max_upload_mb * 2**20


def check_length(seconds: float | None, settings: Settings) -> None:
    """Raise RecordingTooLong for what says that it is longer than MAX_MEDIA_HOURS."""
    most_h = settings.max_media_hours
    if seconds is not None and seconds > most_h * 3600:
        raise RecordingTooLong(f"The recording is longer than {most_h:g} hours (MAX_MEDIA_HOURS).", "Cut it into shorter ones.")


def clean_name(name: str) -> str:
    """The last part of a name as a sender gave it, without what cannot be shown; "" becomes "recording"."""
    return names.clean_title(name.replace("\\", "/").rstrip("/").rpartition("/")[2]) or "recording"


def title_of(name: str) -> str:
    """A title from a file's name."""
    return PurePath(name).stem.strip(" .") or name


def kind_of_file(facts: Facts) -> tuple[str, str]:
    """Suffix and media type by what is inside, never by what a sender says. Videos have a type of sound: they are only heard."""
    found = next((CONTAINERS[name] for name in facts.container.split(",") if name in CONTAINERS), OTHER)
    if found[0] == ".m4a" and facts.has_video:
        return ".mp4", found[1]
    if found[0] == ".webm" and not {track.codec for track in facts.tracks} <= WEB_CODECS:
        return ".mkv" if facts.has_video else ".mka", found[1]
    return found


def _told(facts: Facts) -> dict[str, Any]:
    return {
        "container": facts.container,
        "seconds": facts.seconds,
        "has_video": facts.has_video,
        "tracks": [asdict(track) for track in facts.tracks],
    }
