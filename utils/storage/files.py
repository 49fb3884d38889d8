"""Files of an item: finished ones that may be served, and scratch folders in which they are made."""

from __future__ import annotations

import secrets
import stat
from pathlib import Path

from utils.storage.atomic import WORK, Folder
from utils.storage.faults import no_item
from utils.storage.item import Item


def finished(folder: Folder, item: Item, name: str) -> Path:
    """Where a finished file lies. Raises NotFound unless the item lists it and it is a regular file."""
    if item.file(name) is None or "/" in name or "\\" in name or not stat.S_ISREG(folder.stat(name).st_mode):
        raise no_item()
    return folder.path / name


def new_scratch(folder: Folder) -> Path:
    """A new, empty, dot-named folder inside the item."""
    name = WORK + secrets.token_hex(8)
    folder.make(name)
    return folder.path / name


def publish(folder: Folder, built: Path, name: str, when: float) -> Path:
    """Flush a finished file to the disk and move it from a scratch folder into the item.

    Raises:
        NotFound: `built` is not a regular file in a scratch folder of this item.
    """
    inside = built.absolute().parent
    if not inside.name.startswith(WORK) or inside.parent != folder.path:
        raise no_item()
    with folder.sub(inside.name) as work:
        work.settle(built.name, when)
        work.rename(built.name, name, folder)
    folder.flush()
    return folder.path / name
