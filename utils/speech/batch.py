"""What somebody wants of a whole batch, beyond what each row says."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from utils.errors import BadInput
from utils.speech.contract import PAUSE_RANGE_MS

MERGED = ("", "m4b", "mp3")
FASTEST = 1.6  # timed speech: how much a cue may be sped up to fit; beyond that speech gets hard to follow
SMALL_GAP_MS = 500


@dataclass(frozen=True)
class BatchOptions:
    """Options of a batch.

    Attributes:
        merged: `m4b` or `mp3` for one track of all rows with chapters, SRT and VTT; empty for none.
        gap_ms: Silence between rows in the merged track.
        row_subtitles: SRT and VTT beside every row.
        timed: Rows with times are placed at them in the merged track; too long ones are sped up, at most FASTEST.
        check: Every row is transcribed back afterwards and compared with its text.
    """

    merged: str = ""
    gap_ms: int = SMALL_GAP_MS
    row_subtitles: bool = False
    timed: bool = False
    check: bool = False

    def checked(self) -> BatchOptions:
        """The same options. Raises BadInput for a value that is not allowed."""
        if self.merged not in MERGED:
            raise BadInput(f"There is no merged track of the kind {self.merged[:20]!r}.", "Choose m4b, mp3 or none.")
        low, high = PAUSE_RANGE_MS
        if not low <= self.gap_ms <= high:
            raise BadInput(
                f"The gap between rows is {self.gap_ms} ms, allowed is {low} to {high} ms.", "Choose a value within these."
            )
        if self.timed and not self.merged:
            raise BadInput("Timed speech needs a merged track to be placed in.", "Choose m4b or mp3 as the merged track.")
        return self

    def as_dict(self) -> dict[str, Any]:
        """Plain data that survives JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> BatchOptions:
        """The inverse of as_dict; fields of newer versions are left out."""
        known = {field.name for field in fields(cls)}
        return cls(**{key: value for key, value in data.items() if key in known})
