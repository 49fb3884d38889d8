"""Sound that is encoded into something which may refuse it."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import pytest

from utils.audio.encoder import encode_stream
from utils.audio.formats import FORMATS
from utils.errors import QuotaExceeded

RATE_HZ = 16_000


class Full(BytesIO):
    """Takes something, and then no more."""

    def write(self, data: Any) -> int:
        if self.tell() > 10_000:
            raise QuotaExceeded("No room is left.")
        return super().write(data)


@pytest.mark.parametrize("name", [name for name, form in FORMATS.items() if form.streamable])
def test_refusal_of_what_is_written_to_comes_through(name: str) -> None:
    second = np.random.default_rng(1).integers(-9_000, 9_000, RATE_HZ).astype(np.int16)
    with pytest.raises(QuotaExceeded):
        encode_stream((second for _ in range(20)), RATE_HZ, Full(), name)
