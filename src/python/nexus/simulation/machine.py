"""The machine that a world needs: a protocol, so that a world can also be made of fakes.

The emulator's `Machine` fits it, and so does the scripted machine of the tests.  The simulation
knows nothing else about a machine: not its instruction set, not its memory, not its devices.

Rules of this file
------------------
1. `run(until_ns)` ends at exactly `until_ns`, or earlier because the machine is off for good.
2. The clock has a grain: every instant is a multiple of `TICK_NS`, one instruction's time.
3. What a machine does depends on what reaches it and when, never on how calls to `run` slice
   the time.  The world relies on this to pick its own steps.
"""

from __future__ import annotations

from enum import Enum
from typing import Final, Protocol

# The grain of virtual time; a machine cannot stop between two instructions.
TICK_NS: Final = 10

# Names of the stops after which a machine does not run again (`Stop` of the emulator).
STOP_FINISHED: Final = "FINISHED"
STOP_RESET: Final = "RESET"
STOP_STUCK: Final = "STUCK"  # It would go on for ever and never get anywhere.


class Machine(Protocol):
    """One computer with a console and an Ethernet port, advancing in virtual time."""

    @property
    def exit_code(self) -> int | None:
        """The code it switched itself off with, once it did."""

    @property
    def now_ns(self) -> int:
        """Virtual time since power-on."""

    @property
    def instructions(self) -> int:
        """Instructions retired since power-on."""

    def run(self, until_ns: int) -> Enum:
        """Advance to `until_ns`; the name of the result says why it stopped."""

    def next_event_ns(self) -> int | None:
        """When it can act next: now, at a timer, or (None) not before something arrives."""

    def take_console(self) -> bytes:
        """Console output since the last call."""

    def take_frames(self) -> list[tuple[int, bytes]]:
        """Frames sent since the last call, each with the virtual instant of sending."""

    def deliver(self, frame: bytes) -> bool:
        """Hand one frame to the Ethernet port now; False if it had no buffer for it."""
