from __future__ import annotations

from tests.api.conftest import sotto

__all__ = ["sotto"]
