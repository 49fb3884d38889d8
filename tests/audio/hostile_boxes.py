"""Changes to the boxes of an MP4: numbers that lie, and data that is said to lie in another file."""

from __future__ import annotations

import struct

PARENTS = (b"moov", b"trak", b"mdia", b"minf", b"dinf")


def box_patched(data: bytes, name: bytes, offset: int, value: bytes) -> bytes:
    """The file with `value` at `offset`, counted from the box's name, in the first box of that name."""
    place = data.index(name) + offset
    return data[:place] + value + data[place + len(value) :]


def drefs_outside(data: bytes, target: bytes, *, kind: bytes = b"url ") -> bytes:
    """The file with every track's data said to lie in `target`."""
    return b"".join(_rebuilt(box, target, kind) for box in _boxes(data))


def _boxes(data: bytes) -> list[bytes]:
    boxes, place = [], 0
    while place + 8 <= len(data):
        size = int.from_bytes(data[place : place + 4], "big")
        if size < 8:
            break
        boxes.append(data[place : place + size])
        place += size
    return boxes


def _rebuilt(box: bytes, target: bytes, kind: bytes) -> bytes:
    name = box[4:8]
    if name in PARENTS:
        inner = b"".join(_rebuilt(child, target, kind) for child in _boxes(box[8:]))
        return struct.pack(">I4s", 8 + len(inner), name) + inner
    if name == b"dref":
        entry = struct.pack(">I4sI", 12 + len(target) + 1, kind, 0) + target + b"\0"
        return struct.pack(">I4sII", 16 + len(entry), name, 0, 1) + entry
    return box
