"""Run all benchmarks, or those named on the command line, and print one table."""

from __future__ import annotations

import importlib
import sys

from benchmarks.figure import Figure, table

NAMES = (
    "gtts",
    "espeak",
    "batch",
    "jobs",
    "server",
    "api",
    "api_speech",
    "pages",
    "bulk_page",
    "download",
    "zip",
    "files",
    "cues",
    "decode",
    "transcribe",
    "windows",
    "wer",
    "captions",
    "sweep",
    "live",
)


def main(names: list[str]) -> None:
    """Print the table; a goal that was missed is marked in it."""
    figures: list[Figure] = []
    for name in names or NAMES:
        print(f"{name} ...", file=sys.stderr, flush=True)
        figures += importlib.import_module(f"benchmarks.bench_{name}").run()
    print(table(figures))


if __name__ == "__main__":
    main(sys.argv[1:])
