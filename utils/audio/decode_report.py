"""What is known about a recording: what its container claims, and what came out of it when it was decoded."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from utils.audio import tags

MAX_TEXT_CHARS = 200  # of a title or a language; 4 MB were seen
TOLD_SHARE = 0.01  # what is missing is told above this share of the recording,
TOLD_S = 1.0  # and above so many seconds whatever the share,
HOLE_S = 0.1  # but not below this: less than any syllable
END_S = 0.2  # and at the end not below this: codecs add up to two frames, which some containers count
MAX_PLACES = 5  # named in a sentence


@dataclass(frozen=True)
class Track:
    """A sound track.

    Attributes:
        index: Its place among the sound tracks, from 0; what `decode` takes.
        codec: The media library's name, e.g. `mp3`, `aac`; "" = no decoder here.
        channels: As the header says.
        rate_hz: As the header says; 0 = unknown before decoding.
        language: As the file says, cleaned, at most 200 characters.
        title: The same.
        default: The file names it as the one to play.
    """

    index: int
    codec: str
    channels: int
    rate_hz: int
    language: str
    title: str
    default: bool


@dataclass(frozen=True)
class Facts:
    """What a container claims, without decoding it.

    Attributes:
        container: The media library's name of the format.
        seconds: Claimed length, or None where it would be a guess.
        tracks: Of sound, in order.
        has_video: There are moving pictures (a cover is none).
    """

    container: str
    seconds: float | None
    tracks: tuple[Track, ...]
    has_video: bool


@dataclass(frozen=True)
class Gap:
    """Sound that is missing.

    Attributes:
        at_s: Where it begins, in the decoded sound.
        seconds: How much; so much silence stands in its place.
    """

    at_s: float
    seconds: float


@dataclass(frozen=True)
class SoundReport:
    """How a recording was decoded.

    Attributes:
        seconds: Length of the decoded sound, the silence in place of gaps included: its times are those of the recording.
        expected_s: Length that the container claims, or None where that would be a guess.
        bad_packets: Packets that could not be decoded; each costs itself only.
        gaps: Holes, in order; at most 100, later ones are added to the last.
        container: The media library's name of the format.
        codec: The media library's name.
        rate_hz: Of the original.
        channels: Of the original.
        tracks: How many sound tracks there are.
        track: The one that was decoded, from 0.
        layout_changes: How often rate, channels or sample format changed on the way.
        broken_off: The file is cut off, or its container damaged, at a place behind which sound may be missing without a trace.
        lost_s: Seconds missing at places that cannot be told, guessed from damaged bytes.
    """

    seconds: float
    expected_s: float | None
    bad_packets: int
    gaps: tuple[Gap, ...]
    container: str
    codec: str
    rate_hz: int
    channels: int
    tracks: int
    track: int
    layout_changes: int
    broken_off: bool = False
    lost_s: float = 0.0

    @property
    def tail_s(self) -> float:
        """Seconds that are missing at the end; what the codec's frames may explain is not counted."""
        short = (self.expected_s or 0.0) - self.seconds
        return short if short > END_S else 0.0

    @property
    def missing_s(self) -> float:
        """Seconds that are known to be missing."""
        return sum(gap.seconds for gap in self.gaps) + self.tail_s + self.lost_s

    def losses(self) -> list[str]:
        """What is missing, in plain sentences: how much, and where. Nothing unless more than 1 % or 1 s is missing."""
        missing_s = self.missing_s
        whole_s = self.seconds + self.tail_s + self.lost_s
        if missing_s < HOLE_S or (missing_s <= TOLD_S and missing_s <= TOLD_SHARE * whole_s):
            return (
                [f"The file breaks off at {_clock(self.seconds)}; what was behind that cannot be told."] if self.broken_off else []
            )
        sentences = [f"About {_length(missing_s)} of {_length(whole_s)} are missing: {self._why()}."]
        if holes := [gap for gap in self.gaps if gap.seconds >= HOLE_S]:
            named = ", ".join(f"{_length(gap.seconds)} from {_clock(gap.at_s)} on" for gap in _largest(holes))
            more = f", and at {len(holes) - MAX_PLACES} more places" if len(holes) > MAX_PLACES else ""
            sentences.append(f"Missing are {named}{more}.")
        if self.tail_s:
            sentences.append(f"The sound stops at {_clock(self.seconds)}; the file says that it lasts until {_clock(whole_s)}.")
        elif self.lost_s >= HOLE_S:
            sentences.append("Where cannot be told from a file of this kind.")
        return sentences

    def _why(self) -> str:
        if self.bad_packets or self.broken_off or self.lost_s:
            return "the file is damaged"
        return "the file is damaged, or its recorder paused" if self.gaps else "the file ends too early"

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> SoundReport:
        """The inverse of `as_dict`; fields of newer versions are left out."""
        kept = {known.name: data[known.name] for known in fields(cls) if known.name in data}
        kept["gaps"] = tuple(Gap(**gap) for gap in kept["gaps"])
        return cls(**kept)


def facts_from(data: Mapping[str, Any]) -> Facts:
    """Facts out of the child's report, which is believed as little as the file.

    Raises:
        KeyError, TypeError, ValueError: it is not such a report.
    """
    tracks = data["tracks"]
    return Facts(
        container=_text(data["container"]),
        seconds=_seconds(data["seconds"]),
        has_video=bool(data["has_video"]),
        tracks=tuple(
            Track(
                index=index,
                codec=_text(track["codec"]),
                channels=int(track["channels"]),
                rate_hz=int(track["rate_hz"]),
                language="" if track["language"] == "und" else _text(track["language"]),
                title=_text(track["title"]),
                default=bool(track["default"]),
            )
            for index, track in enumerate(tracks)
        ),
    )


def report_from(facts: Facts, track: int, done: Mapping[str, Any], seconds: float) -> SoundReport:
    """The report of a decoding out of the child's.

    Raises:
        KeyError, TypeError, ValueError, IndexError: it is not such a report.
    """
    gaps = tuple(Gap(float(at_s), float(length)) for at_s, length in done["gaps"])
    if not all(math.isfinite(gap.at_s) and math.isfinite(gap.seconds) for gap in gaps):
        raise ValueError("a gap is not finite")
    return SoundReport(
        seconds=seconds,
        expected_s=facts.seconds,
        bad_packets=int(done["bad_packets"]),
        gaps=gaps,
        container=facts.container,
        codec=facts.tracks[track].codec,
        rate_hz=int(done["rate_hz"]),
        channels=facts.tracks[track].channels,
        tracks=len(facts.tracks),
        track=track,
        layout_changes=int(done["layout_changes"]),
        broken_off=bool(done["broken_off"]),
        lost_s=_seconds(done["lost_s"]) or 0.0,
    )


def _text(value: object) -> str:
    return tags.clean(str(value))[:MAX_TEXT_CHARS]


def _seconds(value: object) -> float | None:
    seconds = float(value) if isinstance(value, int | float) else None
    return seconds if seconds is not None and math.isfinite(seconds) and seconds > 0 else None


def _largest(holes: list[Gap]) -> list[Gap]:
    chosen = sorted(holes, key=lambda gap: -gap.seconds)[:MAX_PLACES]
    return sorted(chosen, key=lambda gap: gap.at_s)


def _length(seconds: float) -> str:
    """`0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _clock(seconds: float) -> str:
    """`0:05`, `1:02:09`."""
    whole = int(seconds)
    return f"{whole // 3600}:{whole % 3600 // 60:02d}:{whole % 60:02d}" if whole >= 3600 else f"{whole // 60}:{whole % 60:02d}"
