"""The server's own access log prints whole addresses, and with them what people search for and words of titles. Not here."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from utils.storage.names import without_words

LOGGER = "uvicorn.access"
PATH = 2  # place in the record's arguments: client, method, path with query, HTTP version, status


class _PathOnly(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        args = record.args
        if isinstance(args, tuple) and len(args) > PATH:
            record.args = (*args[:PATH], without_words(str(args[PATH]).partition("?")[0]), *args[PATH + 1 :])
        return True


@contextmanager
def without_queries() -> Iterator[None]:
    """While it is open, access lines end at the question mark, and ids of items hold no words."""
    path_only = _PathOnly()
    logger = logging.getLogger(LOGGER)
    logger.addFilter(path_only)
    try:
        yield
    finally:
        logger.removeFilter(path_only)
