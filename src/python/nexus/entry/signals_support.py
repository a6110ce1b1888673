"""Signals with their usual effect, for tests of what they do.

Tests may run where some are ignored: under nohup, or as a shell's job in the background.  What is
ignored stays ignored here, and in processes that a test starts.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from nexus.entry.ending import Taken

_USUAL: Final[dict[signal.Signals, Taken]] = {
    signal.SIGHUP: signal.SIG_DFL,
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
}


@contextmanager
def usual_signals() -> Iterator[None]:
    """Give the signals that end a program their usual effect, and take it back."""
    before = {number: signal.signal(number, effect) for number, effect in _USUAL.items()}
    try:
        yield
    finally:
        for number, effect in before.items():
            signal.signal(number, effect)
