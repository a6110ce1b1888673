"""The signals that ask a program to end, for the length of what must not be left half done."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Final

_SIGNALS: Final = (signal.SIGTERM, signal.SIGHUP)

Handler = Callable[[int, FrameType | None], object]
# The effect of a signal: a handler, one of `signal.Handlers` as a number, or a handler of C.
Taken = Handler | int | None


def catch_ending(handler: Handler, numbers: Iterable[int] = _SIGNALS) -> dict[int, Taken]:
    """Let `handler` take these signals; return what `release_ending` restores.

    What is ignored from the start (by nohup, or as a shell ignores signals for its background
    jobs) goes on being ignored.
    """
    return {
        number: signal.signal(number, handler)
        for number in numbers
        if signal.getsignal(number) is not signal.SIG_IGN
    }


def release_ending(before: dict[int, Taken]) -> None:
    """Give the signals back to what took them before."""
    for number, handler in before.items():
        signal.signal(number, handler)
