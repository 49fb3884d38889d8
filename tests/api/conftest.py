from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.surface import Surface, surface


@pytest.fixture
def sotto(tmp_path: Path) -> Iterator[Surface]:
    """The routes on an empty folder."""
    with surface(tmp_path / "outputs") as built:
        yield built
