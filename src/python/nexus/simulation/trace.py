"""The canonical trace: one line of text an event, and a SHA-256 over all of them.

Two runs are the same run if and only if their trace digests are equal.  The digest covers every
line; the text that is kept for people is bounded and holds the newest lines.

A line is `<virtual ns> <machine> <event> <details>`; `docs/determinism.md` has the legend.
"""

from __future__ import annotations

import hashlib
from collections import deque
from typing import Final

# A two-node run has some thousand events; this keeps the last minutes of a long one at ~6 MB.
LINES_KEPT_MAX: Final = 65_536

# Enough of a hash to name a frame or a piece of log within one run.
_NAME_HEX_DIGITS: Final = 16


class Trace:
    """Collects the events of one world, in the order they happened."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._kept: deque[str] = deque(maxlen=LINES_KEPT_MAX)
        self.count = 0

    def add(self, now_ns: int, machine: str, event: str, details: str = "") -> None:
        """Append one event."""
        line = f"{now_ns} {machine} {event} {details}".rstrip() + "\n"
        assert line.count("\n") == 1, f"a trace event is one line: {line!r}"
        self._digest.update(line.encode())
        self._kept.append(line)
        self.count += 1

    def digest(self) -> str:
        """SHA-256 of every line so far, as hexadecimal."""
        return self._digest.copy().hexdigest()

    def text(self) -> str:
        """The newest lines, headed by a note if older ones were let go."""
        dropped = self.count - len(self._kept)
        head = f"# {dropped} older events not kept\n" if dropped else ""
        return head + "".join(self._kept)


def fingerprint(data: bytes) -> str:
    """Name a piece of data in a trace line."""
    return f"{len(data)}:{hashlib.sha256(data).hexdigest()[:_NAME_HEX_DIGITS]}"
