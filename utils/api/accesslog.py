"""What the server itself logs. Its access log prints whole addresses, and with them what people search for and words of titles."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from utils.storage.names import without_words

LOGGER, ERRORS = "uvicorn.access", "uvicorn.error"
PATH = 2  # place in the record's arguments: client, method, path with query, HTTP version, status
SOCKETS = "websockets_"  # the server's modules for them begin so


class _PathOnly(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        args = record.args
        if isinstance(args, tuple) and len(args) > PATH:
            record.args = (*args[:PATH], without_words(str(args[PATH]).partition("?")[0]), *args[PATH + 1 :])
        return True


class _NoTrace(logging.Filter):
    """A text frame that is no UTF-8 is the client's fault: it is closed with 1007, and one line tells so."""

    def filter(self, record: logging.LogRecord) -> bool:
        cause = record.exc_info[1] if record.exc_info else None
        if isinstance(cause, UnicodeDecodeError) and record.module.startswith(SOCKETS):
            record.exc_info = record.exc_text = None
            record.levelno, record.levelname = logging.INFO, logging.getLevelName(logging.INFO)
        return True


@contextmanager
def fit_logs() -> Iterator[None]:
    """While it is open, access lines end at the question mark, ids of items hold no words, and each line is there once."""
    filters = {LOGGER: _PathOnly(), ERRORS: _NoTrace()}
    for name, one in filters.items():
        logging.getLogger(name).addFilter(one)
    # Streamlit gives this logger a console handler; under `uvicorn app:app` it has one already.
    consoles = [one for one in logging.getLogger(LOGGER).handlers if type(one) is logging.StreamHandler]
    for console in consoles[1:]:
        logging.getLogger(LOGGER).removeHandler(console)
    try:
        yield
    finally:
        for name, added in filters.items():
            logging.getLogger(name).removeFilter(added)
