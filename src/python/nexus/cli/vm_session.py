"""A run of one machine as a sequence of short stretches: pure, so that every front end is thin.

Stretches have a fixed length in virtual time, and typed input is offered between them; so a run
with scripted input gives the same bytes every time.
"""

from __future__ import annotations

import os
from typing import Final

from nexus.core.record import dataclass
from nexus.emulator.machine import Machine, Stop

# Short enough for a terminal to feel alive on the slowest engine (a twentieth of a second there).
SLICE_NS: Final = 2_000_000
_NS_PER_STEP: Final = 10

EXIT_UNSEEN: Final = 1
EXIT_RESET: Final = 11
EXIT_STUCK: Final = 11
EXIT_DEADLOCK: Final = 13
EXIT_INSTRUCTIONS: Final = 15
EXIT_HOST: Final = 21
EXIT_UNAVAILABLE: Final = 22
EXIT_INTERRUPTED: Final = 130
EXIT_GUEST_MAX: Final = 255


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of a run: the exit code, and the words about it."""

    exit_code: int
    message: str | None = None
    details: tuple[str, ...] = ()  # Further lines, about the machine.


DEADLOCK: Final = Ending(
    EXIT_DEADLOCK, "the guest waits for ever: no timer is set, and no input comes"
)


class Search:
    """Looks for a text in a stream that comes in pieces."""

    def __init__(self, text: bytes | None) -> None:
        self.text = text
        self._tail = b""

    def cut(self, data: bytes) -> bytes | None:
        """The part of `data` up to the end of the text, or None if it has not come yet."""
        if self.text is None:
            return None
        seen = self._tail + data
        at = seen.find(self.text)
        if at >= 0:
            return data[: at + len(self.text) - len(self._tail)]
        keep = len(self.text) - 1
        self._tail = seen[-keep:] if keep else b""
        return None


def ending_of(exit_code: int, until: bytes | None) -> Ending:
    """The ending of a guest that switched the machine off."""
    if exit_code:
        return Ending(min(exit_code, EXIT_GUEST_MAX))
    if until is None:
        return Ending(0)
    return Ending(EXIT_UNSEEN, f"the guest ended, and never printed {os.fsdecode(until)!r}")


class Session:
    """A machine, what is typed on it, and what it is waited for to say."""

    def __init__(
        self, machine: Machine, *, until: bytes | None = None, max_instructions: int | None = None
    ) -> None:
        self.machine = machine
        self._typed = b""
        self._search = Search(until)
        self._instructions_max = max_instructions

    def type(self, data: bytes) -> None:
        """Type on the console; what the guest has no room for yet is kept."""
        self._typed += data

    @property
    def has_input(self) -> bool:
        """Whether something typed has not reached the guest yet."""
        return bool(self._typed)

    @property
    def untyped(self) -> bytes:
        """Typed bytes that have not reached the guest yet."""
        return self._typed

    @property
    def waits_for_ever(self) -> bool:
        """Whether nothing will ever happen, unless a user types."""
        return self.sleeps_until_ns is None and not self.has_input

    @property
    def sleeps_until_ns(self) -> int | None:
        """When the machine goes on by itself; None if it waits for input alone."""
        return self.machine.next_event_ns()

    def advance(self, slice_ns: int = SLICE_NS) -> tuple[bytes, Ending | None]:
        """Run a stretch; return what was printed, and the ending if this was one."""
        machine = self.machine
        self._offer()
        stop = machine.run(self._target(slice_ns))
        output = machine.take_console()
        found = self._search.cut(output)
        if found is not None:
            return found, Ending(0)
        return output, self._ending(stop)

    def _offer(self) -> None:
        if self._typed:
            self._typed = self._typed[self.machine.offer_console(self._typed) :]

    def _target(self, slice_ns: int) -> int:
        """The end of the next stretch: a sleeping machine sleeps to its timer in one go."""
        now = self.machine.now_ns
        event = self.machine.next_event_ns()
        if event is not None and event > now:
            return event
        if self._instructions_max is not None:
            left = self._instructions_max - self.machine.instructions
            slice_ns = min(slice_ns, left * _NS_PER_STEP)
        return now + slice_ns

    def _ending(self, stop: Stop) -> Ending | None:
        machine = self.machine
        if stop is Stop.FINISHED:
            return ending_of(machine.exit_code or 0, self._search.text)
        if stop is Stop.RESET:
            return Ending(EXIT_RESET, "the guest asked for a reset")
        if stop is Stop.STUCK:
            return _stuck(machine)
        limit = self._instructions_max
        if limit is not None and machine.instructions >= limit:
            return Ending(EXIT_INSTRUCTIONS, f"{limit} instructions are spent (--max-instructions)")
        return None


def _stuck(machine: Machine) -> Ending:
    """The guest would go on for ever and never get anywhere: say why, and where it is."""
    from nexus.emulator.post_mortem import describe, describe_loop
    from nexus.harness.places import Places

    loop = machine.trap_loop
    assert loop is not None, "the machine stopped for that"
    place = Places(machine.kernel)
    return Ending(
        EXIT_STUCK,
        f"guest-panic: the guest {describe_loop(loop, place)}",
        tuple(describe(machine, place)),
    )
