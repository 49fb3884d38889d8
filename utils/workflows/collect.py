"""Many items as one ZIP: each under a name of its own that every system takes, with a table of all of them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import PurePath

from utils.errors import AppError, BadInput, NotFound
from utils.services import Services
from utils.storage import archive, names
from utils.storage.archive import Entry, Taken
from utils.storage.item import Item
from utils.storage.manifest import safe_cell
from utils.storage.search import Query
from utils.workflows import batches, transcripts

MANIFEST = "manifest.csv"
COLUMNS = (
    "name", "title", "kind", "made", "engine", "voice", "model", "language", "seconds", "size_bytes", "files", "note",
)  # fmt: skip
FORMS = ("txt", "srt", "vtt", "json")  # in which a transcript is taken along
HIDDEN_ROLES = ("peaks", "transcript")  # the player's, and what FORMS say better
MOST_IDS = 350  # that fit into an address every proxy takes, in their short form


def short(item_id: str) -> str:
    """An item id without the words of its title: `<time>-<4 hex>`."""
    return names.without_words(item_id)


def chosen(services: Services, session_id: str, wanted: Sequence[str], query: Query) -> list[str]:
    """Ids of what a choice means, newest first unless the query sorts otherwise.

    Args:
        services: As everywhere.
        session_id: Whose.
        wanted: Ids, whole or short; empty = everything that the query matches.
        query: What matches; not looked at when there are ids.

    Raises:
        NotFound: Nothing is chosen by that, or one of the ids is not there.
    """
    if not wanted:
        found = [entry.id for entry in services.sessions.find_items(session_id, query).matching]
    else:
        everything = services.sessions.find_items(session_id, Query()).everything
        by_short: dict[str, list[str]] = {}
        for entry in everything:
            by_short.setdefault(short(entry.id), []).append(entry.id)
        found = []
        for name in dict.fromkeys(wanted):
            meant = [item_id for item_id in by_short.get(short(name), ()) if name in (item_id, short(item_id))]
            if not meant:
                raise NotFound("There is no such item.", "It may have been deleted; look at the list of files.")
            found += meant
    if not found:
        raise NotFound("Nothing matches, so there is nothing to take.", "Change the search.")
    return found


def check_ids(wanted: Sequence[str]) -> None:
    """Raise BadInput for more ids than an address carries."""
    if len(wanted) > MOST_IDS:
        raise BadInput(f"At most {MOST_IDS} items can be named one by one.", "Choose all that match a search instead.")


def contents(services: Services, session_id: str, item_ids: Iterable[str]) -> Iterator[Entry]:
    """What the ZIP holds, one item after the other, read when its turn comes; in the end the table.

    An item that is deleted before its turn is left out, and the table says so.
    """
    taken, lines = Taken([MANIFEST]), [list(COLUMNS)]
    for item_id in item_ids:
        try:
            item = services.sessions.get_item(session_id, item_id)
            found = of_item(services, session_id, item)
        except AppError:
            lines.append(["", "", "", "", "", "", "", "", "", "0", "", "deleted before its turn"])
            continue
        placed = _placed(taken, item, found)
        lines.append(_line(item, placed))
        yield from placed
    yield Entry(MANIFEST, _csv(lines), services.clock())


def of_item(services: Services, session_id: str, item: Item) -> list[Entry]:
    """Everything of one item, under names that are unique in it."""
    if item.kind == "batch":
        return batches.zip_entries(services, session_id, item.id)
    folder = services.sessions.item_path(session_id, item.id)
    kept = [file for file in item.files if file.role not in HIDDEN_ROLES and names.is_file_name(file.name)]
    if item.kind == "transcript":
        texts = transcripts.archive(services, session_id, [item.id], FORMS)
        rest = archive.entries((_called(item, file.name), folder / file.name) for file in kept if file.role == "source")
        return [*(entry for entry in texts if entry.name != MANIFEST), *rest]
    return archive.entries((names.download_name(item.title, PurePath(file.name).suffix), folder / file.name) for file in kept)


def _called(item: Item, name: str) -> str:
    """A recording under the name it came with, where that still fits its kind."""
    stem = PurePath(str(item.request.get("original_name", ""))).stem or item.title
    return names.download_name(stem, PurePath(name).suffix)


def _placed(taken: Taken, item: Item, found: Sequence[Entry]) -> list[Entry]:
    """A single sound beside the others, everything else in a folder of its own."""
    stem = names.download_name(item.title, "")
    if item.kind in ("batch", "transcript"):
        place = taken.stem(stem)
        return [Entry(f"{place}/{entry.name}", entry.source, entry.modified) for entry in found]
    suffixes = [entry.name[len(stem) :] if entry.name.startswith(stem) else PurePath(entry.name).suffix for entry in found]
    place = taken.stem(stem, suffixes or [""])
    return [Entry(place + suffix, entry.source, entry.modified) for entry, suffix in zip(found, suffixes, strict=True)]


def _line(item: Item, placed: Sequence[Entry]) -> list[str]:
    made = item.result
    when = datetime.fromtimestamp(item.created_at, UTC).isoformat(timespec="seconds")
    told = [str(made.get(key) or "") for key in ("engine_label", "voice_name", "model", "language", "seconds")]
    size_bytes = sum(len(entry.source) if isinstance(entry.source, bytes) else _size(entry) for entry in placed)
    name = placed[0].name.partition("/")[0] if placed else ""
    note = "" if placed else "no files"
    return [name, item.title, item.kind, when, *told, str(size_bytes), str(len(placed)), note]


def _size(entry: Entry) -> int:
    try:
        return entry.size_bytes
    except OSError:
        return 0


def _csv(lines: Iterable[Sequence[str]]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows([safe_cell(cell) for cell in line] for line in lines)
    return out.getvalue().encode("utf-8-sig")
