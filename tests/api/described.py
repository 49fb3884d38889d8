"""The committed description of the API. `python -m tests.api.described` writes docs/openapi.json anew."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from tests.api.surface import surface

FILE = Path(__file__).resolve().parents[2] / "docs" / "openapi.json"


def as_text(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def renew() -> None:
    with tempfile.TemporaryDirectory() as folder, surface(Path(folder) / "outputs") as sotto:
        FILE.write_text(as_text(sotto.stranger().get("/api/openapi.json").json()), "utf-8")


if __name__ == "__main__":
    renew()
