"""Shared by all tests: long forms run only when asked for (`pytest -m long`)."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is marked `long`, unless a mark expression was given."""
    if config.option.markexpr:
        return
    chosen = [item for item in items if "long" not in item.keywords]
    if len(chosen) < len(items):
        config.hook.pytest_deselected(items=[item for item in items if "long" in item.keywords])
        items[:] = chosen
