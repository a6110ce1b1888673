"""A machine of a world with a debugger on it: the whole world stands still while its guest does.

The world asks the machine to run, and the machine serves the debugger in between: while the guest
is stopped, inside of that call.  So no virtual time passes, nothing is lost on the network, and the
run is the same as without a debugger until a debugger changes a register or memory.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from nexus.emulator.gdb_session import State
from nexus.emulator.io.gdb_link import GdbLink
from nexus.emulator.io.gdb_server import GdbServer, ListenError
from nexus.emulator.live import LiveHistory
from nexus.emulator.machine import Machine, Stop
from nexus.emulator.observe import Observer
from nexus.harness.engine import EndedByUserError
from nexus.harness.plan import PlanError


class DebuggedMachine:
    """A machine and its debugger, as one machine of the world."""

    def __init__(self, label: str, machine: Machine, observer: Observer, where: str) -> None:
        """Listen on a port or a unix socket; the world begins once a debugger is there.

        Raises:
            PlanError: no debugger can connect there.
        """
        self.machine = machine
        self._label = label
        self._history = LiveHistory(machine, observer)
        try:
            server = GdbServer(where)
        except ListenError as exc:
            raise PlanError(f"--gdb: {label}: {exc}") from exc
        self._link = GdbLink(server, self._history)
        self._is_begun = False
        shown = server.address
        print(f"os2vm: machine {label}: debugger: target remote {shown}", file=sys.stderr)
        sys.stderr.flush()

    @property
    def exit_code(self) -> int | None:
        """The code it switched itself off with, once it did."""
        return self.machine.exit_code

    @property
    def now_ns(self) -> int:
        """Virtual time since power-on."""
        return self.machine.now_ns

    @property
    def instructions(self) -> int:
        """Instructions retired since power-on."""
        return self.machine.instructions

    def next_event_ns(self) -> int | None:
        """When it can act next; a stopped guest is asked at once."""
        if self._link.state is State.STOPPED:
            return self.machine.now_ns
        return self.machine.next_event_ns()

    def take_console(self) -> bytes:
        """Console output since the last call."""
        return self.machine.take_console()

    def take_frames(self) -> list[tuple[int, bytes]]:
        """Frames sent since the last call."""
        return self.machine.take_frames()

    def deliver(self, frame: bytes) -> bool:
        """Hand one frame to the Ethernet port now."""
        return self.machine.deliver(frame)

    def run(self, until_ns: int) -> Stop:
        """Advance to `until_ns`, and serve the debugger whenever the guest stands still.

        Raises:
            EndedByUserError: It wants the run to end.
        """
        self._link.attach(is_waiting=not self._is_begun)
        self._is_begun = True
        self._history.until_ns = until_ns
        while self._link.is_attached:
            is_running = self._link.state is State.RUNNING
            if self._link.hear(is_waiting=not is_running) or not is_running:
                continue
            self._link.advance()
            if self._link.state is State.RUNNING and self._is_done(until_ns):
                break
        if self._link.state is State.KILLED:
            raise EndedByUserError(f"ended by the debugger of machine {self._label}")
        return self.machine.run(until_ns)

    def _is_done(self, until_ns: int) -> bool:
        return self.machine.now_ns >= until_ns or self._history.is_over

    def close(self) -> None:
        """Let go of the sockets."""
        self._link.close()


def debug(label: str, make: Callable[[Observer], Machine], where: str) -> DebuggedMachine:
    """Make a machine that a debugger watches; raises like `DebuggedMachine`."""
    observer = Observer()
    return DebuggedMachine(label, make(observer), observer, where)
