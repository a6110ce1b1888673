"""A clock that is turned by hand, for tests of what a node does when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class HandClock:
    """Calls wait until a test has turned the clock to them."""

    at_ns: int = 0
    waiting: list[tuple[int, Callable[[], object]]] = field(default_factory=list)

    def now_ns(self) -> int:
        """Return the instant."""
        return self.at_ns

    def call_at(self, at_ns: int, callback: Callable[[], object]) -> HandTimer:
        """Keep a call until the clock is turned to its instant."""
        entry = (at_ns, callback)
        self.waiting.append(entry)
        return HandTimer(self, entry)

    def turn_to(self, at_ns: int) -> None:
        """Make the calls that are due on the way, each at its own instant."""
        while due := [entry for entry in self.waiting if entry[0] <= at_ns]:
            entry = min(due, key=lambda each: each[0])
            self.waiting.remove(entry)
            self.at_ns = max(self.at_ns, entry[0])
            entry[1]()
        self.at_ns = at_ns


@dataclass
class HandTimer:
    """A call that waits for its instant."""

    clock: HandClock
    entry: tuple[int, Callable[[], object]]

    def cancel(self) -> None:
        """Do not make it."""
        if self.entry in self.clock.waiting:
            self.clock.waiting.remove(self.entry)
