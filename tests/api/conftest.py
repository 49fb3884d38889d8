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


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Surface]:
    """The same for tests that look at nothing but a session of their own, made once."""
    with surface(tmp_path_factory.mktemp("shared") / "outputs") as built:
        yield built
