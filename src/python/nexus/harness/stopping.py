"""When a run has to end for the host's sake: a signal, or more wall time than was allowed.

A signal is noted, and the runner asks between two steps.  Two things may take longer than any step:
a pattern of the user, for which Python's matcher can need ages, and reading what was given, which
may be a pipe without a writer.  While one of them is going on, a signal, and the alarm of the
wall time, break it off by an exception.

A signal that is ignored when the run begins stays ignored: `nohup` and a shell's job in the
background ask for that, and a run has a bound of wall time all the same.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Final, Self

from nexus.entry.ending import Taken, catch_ending, release_ending
from nexus.harness.outcome import Outcome

_MS_PER_S: Final = 1000.0
_MOMENT_S: Final = 0.001  # An alarm of no time would never ring.


class BrokenOffError(Exception):
    """The run has to end now; `Stopper.reason` says why."""


class Stopper:
    """Notes signals and the alarm for the length of a `with`, in the main thread."""

    def __init__(self, limit_s: int, began_ms: float, clock_ms: Callable[[], float]) -> None:
        """Allow `limit_s` seconds of wall time from `began_ms` on."""
        self._limit_s = limit_s
        self._end_ms = began_ms + limit_s * _MS_PER_S
        self._clock_ms = clock_ms
        self._signal: str | None = None
        self._is_overdue = False
        self._is_breakable = False
        self._previous: dict[int, Taken] = {}

    def __enter__(self) -> Self:
        self._previous = catch_ending(
            self._on_signal, (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
        )
        # The alarm is our own: no other program has a reason to ignore it.
        self._previous[signal.SIGALRM] = signal.signal(signal.SIGALRM, self._on_signal)
        left_s = (self._end_ms - self._clock_ms()) / _MS_PER_S
        signal.setitimer(signal.ITIMER_REAL, max(left_s, _MOMENT_S))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        release_ending(self._previous)

    def reason(self) -> tuple[Outcome, str] | None:
        """The reason why the run must end; None if it may go on."""
        if self._signal is not None:
            return Outcome.INTERRUPTED, f"interrupted by {self._signal}"
        if self._is_overdue or self._clock_ms() > self._end_ms:
            return Outcome.HOST_FAULT, f"not finished after {self._limit_s} s of wall time"
        return None

    @contextmanager
    def breakable(self) -> Iterator[None]:
        """Let a signal break off what is inside.

        Raises:
            BrokenOffError: There was one, before or while.
        """
        self._is_breakable = True
        try:
            if self._signal is not None or self._is_overdue:
                raise BrokenOffError
            yield
        finally:
            self._is_breakable = False

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGALRM:
            self._is_overdue = True
        elif self._signal is None:
            self._signal = signal.Signals(number).name
        if self._is_breakable:
            self._is_breakable = False
            raise BrokenOffError
