"""Sizes in words, in one way everywhere: in the units of the settings, where 1 MB is 1,048,576 bytes."""

from __future__ import annotations

UNIT = 1024
ROUNDED_UP = 999.5  # what would be written as 1000 is 1 of the next unit


def size(size_bytes: float) -> str:
    """Size of a file, or a limit: `96 kB`, `1.2 MB`, `2 GB`."""
    if size_bytes < UNIT:
        return f"{size_bytes:.0f} bytes"
    if size_bytes < ROUNDED_UP * UNIT:
        return f"{size_bytes / UNIT:.0f} kB"
    number, unit = size_bytes / UNIT**2, "MB"
    if number >= ROUNDED_UP:
        number, unit = number / UNIT, "GB"
    return f"{number:,.1f}".removesuffix(".0") + f" {unit}"
