"""A machine of a world with a debugger on it: the whole world stands still while its guest does.

The world asks the machine to run, and the machine serves the debugger in between: while the guest
is stopped, inside of that call.  So no virtual time passes, nothing is lost on the network, and the
run is the same as without a debugger until somebody changes a register or memory.
"""

from __future__ import annotations

import select
import socket
import sys
from collections.abc import Callable
from typing import Final

from nexus.emulator.gdb_session import GdbSession, State
from nexus.emulator.io.gdb_server import GdbServer, ListenError
from nexus.emulator.live import LiveHistory
from nexus.emulator.machine import Machine, Stop
from nexus.emulator.observe import Observer
from nexus.harness.engine import EndedByUserError
from nexus.harness.plan import PlanError

_READ_BYTES: Final = 1 << 16


class DebuggedMachine:
    """A machine and its debugger, as one machine of the world."""

    def __init__(self, label: str, machine: Machine, observer: Observer, where: str) -> None:
        """Listen on a port or a unix socket; the world begins once a debugger is there.

        Raises:
            PlanError: Nobody can connect there.
        """
        self.machine = machine
        self._label = label
        self._history = LiveHistory(machine, observer)
        self._session = GdbSession(self._history)
        self._connection: socket.socket | None = None
        try:
            self._server: GdbServer | None = GdbServer(where)
        except ListenError as exc:
            raise PlanError(f"--gdb: {label}: {exc}") from exc
        shown = self._server.address
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
        if self._session.state is State.STOPPED:
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
        self._accept()
        self._history.until_ns = until_ns
        while self._session.state in (State.STOPPED, State.RUNNING):
            is_running = self._session.state is State.RUNNING
            if self._serve(is_blocking=not is_running) or not is_running:
                continue
            self._reply(self._session.advance())
            if self._session.state is State.RUNNING and self._is_done(until_ns):
                break
        if self._session.state is State.KILLED:
            raise EndedByUserError(f"ended by the debugger of machine {self._label}")
        return self.machine.run(until_ns)

    def _is_done(self, until_ns: int) -> bool:
        return self.machine.now_ns >= until_ns or self._history.is_over

    def _accept(self) -> None:
        """Wait for the debugger, the first time."""
        if self._server is None:
            return
        self._connection = self._server.accept()
        self._server = None

    def _serve(self, *, is_blocking: bool) -> bool:
        """Take what the debugger says; whether it said anything."""
        assert self._connection is not None, "it is accepted first"
        ready, _, _ = select.select([self._connection], [], [], None if is_blocking else 0)
        if not ready:
            return False
        try:
            data = self._connection.recv(_READ_BYTES)
        except OSError:
            data = b""
        if not data:  # A lost connection is a detaching: the guest goes on.
            self._history.release()
            self._session.state = State.DETACHED
            return True
        self._reply(self._session.feed(data))
        return True

    def _reply(self, data: bytes) -> None:
        assert self._connection is not None, "it is accepted first"
        if data:
            try:
                self._connection.sendall(data)
            except OSError:
                self._history.release()
                self._session.state = State.DETACHED

    def close(self) -> None:
        """Let go of the sockets."""
        for end in (self._server, self._connection):
            if end is not None:
                end.close()


def debug(label: str, make: Callable[[Observer], Machine], where: str) -> DebuggedMachine:
    """Make a machine that a debugger watches; raises like `DebuggedMachine`."""
    observer = Observer()
    return DebuggedMachine(label, make(observer), observer, where)
