"""Files of an item: finished ones that may be served, and scratch folders in which they are made."""

from __future__ import annotations

import secrets
import shutil
import stat
from collections.abc import Mapping
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


def publish(folder: Folder, built: Mapping[str, Path], when: float) -> None:
    """Flush finished files to the disk and move them from a scratch folder into the item under their names.

    Raises:
        NotFound: One is not a regular file in a scratch folder of this item.
    """
    for name, path in built.items():
        inside = path.absolute().parent
        if not inside.name.startswith(WORK) or inside.parent != folder.path:
            raise no_item()
        with folder.sub(inside.name) as work:
            work.settle(path.name, when)
            work.rename(path.name, name, folder)
    folder.flush()


def clear_scratch(folder: Folder) -> None:
    """Remove scratch folders of work that was killed. Whoever still uses one, because it was frozen, can publish nothing more."""
    for name in folder.names():
        if name.startswith(WORK):
            shutil.rmtree(folder.path / name, ignore_errors=True)
