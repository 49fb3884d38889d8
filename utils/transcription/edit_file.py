"""The edits of one transcript as a file beside it: what was done, what was undone, and which version that is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from utils.errors import BadInput, Conflict, NotFound, PreconditionFailed, TooLarge
from utils.transcription.edit_ops import Edit, Replace, as_dict, parse
from utils.transcription.plain_json import read_json

NAME = "edits.json"
SCHEMA = 1
MAX_EDITS = 5_000
MAX_REPLACES = 10  # whole transcripts that are kept for undoing
MAX_BYTES = 32 * 2**20
_DAMAGED = "The edits of this transcript are damaged and cannot be read."
_DAMAGED_HINT = "The transcript as it was heard is still there; ask for the original."


@dataclass(frozen=True)
class EditFile:
    """Edits in order, and those that were undone.

    Attributes:
        done: Applied, the oldest first.
        undone: Can be done again, the last one first to come back.
        revision: Grows by one with each edit, undo and redo: a number that never means two states.
        base: Which transcript they belong to, `transcript_file.digest` of its bytes, or "".
    """

    done: tuple[Edit, ...] = ()
    undone: tuple[Edit, ...] = ()
    revision: int = 0
    base: str = ""

    @property
    def etag(self) -> str:
        """Changes whenever the edited transcript may have changed; without quotes."""
        return hashlib.sha256(f"{SCHEMA} {self.base} {self.revision}".encode() + _dumped(self.as_dict())).hexdigest()[:32]

    def add(self, edit: Edit, revision: int) -> EditFile:
        """With one more edit; what was undone is forgotten. Whether it fits the transcript is seen when it is applied.

        Args:
            edit: To add.
            revision: The one that the person saw.

        Raises:
            PreconditionFailed: There is a newer revision.
            BadInput: A value of the edit cannot be, or there are MAX_EDITS already.
        """
        self._check(revision)
        done = self._kept_before(edit)
        if len(done) >= MAX_EDITS:
            raise BadInput(
                f"A transcript takes at most {MAX_EDITS:,} edits.", "Download the edited transcript and put it back as a whole."
            )
        return replace(self, done=(*done, parse(as_dict(edit))), undone=(), revision=self.revision + 1)

    def _kept_before(self, edit: Edit) -> tuple[Edit, ...]:
        """What stays before a new edit: a whole transcript makes what is older needless but for undoing, so that has a bound."""
        if not isinstance(edit, Replace):
            return self.done
        places = [number for number, older in enumerate(self.done) if isinstance(older, Replace)]
        done = self.done[places[1 - MAX_REPLACES] :] if len(places) >= MAX_REPLACES else self.done
        return done if len(done) < MAX_EDITS else ()

    def undo(self, revision: int) -> EditFile:
        """Without the last edit; PreconditionFailed as in `add`, Conflict when there is none."""
        self._check(revision)
        if not self.done:
            raise Conflict("There is nothing to undo.")
        return replace(self, done=self.done[:-1], undone=(*self.undone, self.done[-1]), revision=self.revision + 1)

    def redo(self, revision: int) -> EditFile:
        """With the edit that was undone last; PreconditionFailed as in `add`, Conflict when there is none."""
        self._check(revision)
        if not self.undone:
            raise Conflict("There is nothing to do again.")
        return replace(self, done=(*self.done, self.undone[-1]), undone=self.undone[:-1], revision=self.revision + 1)

    def _check(self, revision: int) -> None:
        if revision != self.revision:
            raise PreconditionFailed(
                "The transcript was changed in the meantime, perhaps in another tab.", "Load it again and repeat the change."
            )

    def as_dict(self) -> dict[str, Any]:
        """Plain data for `edits.json`."""
        return {
            "schema": SCHEMA,
            "revision": self.revision,
            "base": self.base,
            "done": [as_dict(edit) for edit in self.done],
            "undone": [as_dict(edit) for edit in self.undone],
        }

    def to_bytes(self) -> bytes:
        """The file.

        Raises:
            TooLarge: It would be over MAX_BYTES.
        """
        data = _dumped(self.as_dict())
        if len(data) > MAX_BYTES:
            raise TooLarge(
                f"The edits of this transcript would take more than {MAX_BYTES // 2**20} MB.", "Undo some of them first."
            )
        return data


def from_bytes(data: bytes) -> EditFile:
    """The inverse of `to_bytes`.

    Raises:
        Conflict: The bytes are damaged, or of a newer version.
    """
    plain = read_json(data, MAX_BYTES, SCHEMA, _DAMAGED, _DAMAGED_HINT)
    try:
        done, undone, revision, base = plain["done"], plain["undone"], plain["revision"], plain.get("base", "")
        if isinstance(revision, bool) or not isinstance(revision, int) or not isinstance(base, str):
            raise Conflict(_DAMAGED, _DAMAGED_HINT)
        return EditFile(_parsed(done), _parsed(undone), revision, base)
    except (KeyError, TypeError, BadInput) as exc:
        raise Conflict(_DAMAGED, _DAMAGED_HINT) from exc


def load(path: Path) -> EditFile:
    """From disk; no file means no edits.

    Raises:
        Conflict: As `from_bytes`.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return EditFile()
    except OSError as exc:
        raise NotFound("The edits of this transcript cannot be read from the disk.", "Try again.") from exc
    return from_bytes(data)


def _parsed(entries: Any) -> tuple[Edit, ...]:
    if not isinstance(entries, list) or len(entries) > 2 * MAX_EDITS:
        raise BadInput("The edits must be a list.")
    return tuple(parse(entry) for entry in entries)


def _dumped(data: Sequence[Any] | dict[str, Any]) -> bytes:
    return json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
