"""A day of silence in 314 kB: FLAC in constant blocks, with a header that may lie."""

from __future__ import annotations

import struct
from functools import cache

RATE_HZ = 16_000


@cache
def flac(hours: float, *, claimed: int | None = None, rate_hz: int = RATE_HZ) -> bytes:
    """Silence in constant blocks of FLAC: 13 bytes for 4.1 s; `claimed` lets the header say another number of samples."""
    block = 65_535
    frames = max(1, int(hours * 3600 * RATE_HZ / block))
    total = frames * block if claimed is None else claimed
    info = struct.pack(">HH", block, block) + bytes(6) + ((rate_hz << 44) | (15 << 36) | total).to_bytes(8, "big") + bytes(16)
    parts = [b"fLaC\x80", struct.pack(">I", len(info))[1:], info]
    for number in range(frames):
        coded = chr(number).encode("utf-8", "surrogatepass")
        head = b"\xff\xf8\x70\x08" + coded + struct.pack(">H", block - 1)
        body = head + bytes([_crc(head, _CRC8, 8)]) + b"\0\0\0"
        parts.append(body + struct.pack(">H", _crc(body, _CRC16, 16)))
    return b"".join(parts)


def _table(polynomial: int, bits: int) -> list[int]:
    rows = []
    for byte in range(256):
        value = byte << (bits - 8)
        for _ in range(8):
            value = (value << 1 ^ polynomial if value >> (bits - 1) else value << 1) & ((1 << bits) - 1)
        rows.append(value)
    return rows


_CRC8, _CRC16 = _table(0x07, 8), _table(0x8005, 16)


def _crc(data: bytes, table: list[int], bits: int) -> int:
    value = 0
    for byte in data:
        value = (value << 8 & ((1 << bits) - 1)) ^ table[(value >> (bits - 8)) ^ byte]
    return value
