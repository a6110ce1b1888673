"""The audit: which client wrote which result, and which was refused.  One JSON object a line.

The client is known from the channel or the proven token, never from a message.  No token is ever
written.  Refusals have a file of their own, so that a stranger with many of them displaces no line
about a result.
"""

from __future__ import annotations

import json
import logging
import logging.handlers
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

# A line has some 300 bytes: a hundred thousand results to a file, and as many files as this kept.
FILE_BYTES_MAX: Final = 32 * 1024 * 1024
FILES_KEPT: Final = 8


@dataclass(frozen=True)
class Caller:
    """The caller: the name and number that were proven, and the address of the peer."""

    name: str
    number: str
    peer: str
    call: str


NOBODY: Final = Caller("", "", "", "")

# Set when a call is authorised, in the context of that call.
caller: ContextVar[Caller] = ContextVar("caller", default=NOBODY)


class Audit:
    """Two files that rotate."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        self._written = _lines(folder / "results.jsonl")
        self._refused = _lines(folder / "refused.jsonl")

    def result(self, action: str, result: str, outcome: str) -> None:
        """Say that the caller of now wrote a result for an action; both are digests."""
        self._written.info(_entry(caller.get(), action=action, result=result, outcome=outcome))

    def refused(self, who: Caller, reason: str) -> None:
        """Say that a call was refused."""
        self._refused.info(_entry(who, reason=reason))

    def close(self) -> None:
        """Close both files."""
        for logger in (self._written, self._refused):
            for handler in logger.handlers:
                handler.close()


def _lines(path: Path) -> logging.Logger:
    handler = logging.handlers.RotatingFileHandler(
        path, maxBytes=FILE_BYTES_MAX, backupCount=FILES_KEPT, encoding="utf-8"
    )
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger = logging.Logger(path.name)  # A logger of its own: no other settings reach it.
    logger.addHandler(handler)
    return logger


def _entry(who: Caller, **said: str) -> str:
    entry = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "by": who.name,
        "token": who.number,
        "peer": who.peer,
        "call": who.call,
    }
    return json.dumps(entry | said)
