"""One machine, where debuggers connect to it, and the debugger that is there.

There is one at a time.  When it leaves, or is lost, nothing is looked at any more and the guest may
go on by itself; the next one finds it where it is then, stopped.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Callable
from typing import Final

from nexus.emulator.gdb_session import GdbSession, State
from nexus.emulator.history import History
from nexus.emulator.io.gdb_server import GdbServer
from nexus.emulator.io.pace import Pace

_READ_BYTES: Final = 1 << 16


def _nothing() -> None:
    """Progress is not shown."""


class GdbLink:
    """The sessions of one machine's debuggers, one after the other."""

    def __init__(
        self,
        server: GdbServer,
        history: History,
        on_progress: Callable[[], None] = _nothing,
    ) -> None:
        """`server` listens already.  `on_progress`: the guest may have printed something."""
        self.session = GdbSession(history)
        self._server = server
        self._history = history
        self._on_progress = on_progress
        self._connection: socket.socket | None = None
        self._pace = Pace()

    @property
    def state(self) -> State:
        """The present session's state; `DETACHED` when the last debugger has left."""
        return self.session.state

    @property
    def is_attached(self) -> bool:
        """Whether a debugger is there and has not ended the run."""
        return self.state in (State.STOPPED, State.RUNNING)

    def attach(self, *, is_waiting: bool) -> bool:
        """Let a debugger in, if none is there: whether one came.  The guest stands still for it."""
        if self._connection is not None and self.is_attached:
            return False
        ready, _, _ = select.select([self._server], [], [], None if is_waiting else 0)
        if not ready:
            return False
        self._hang_up()  # One that has detached had an answer to come.
        self._connection = self._server.accept()
        self.session = GdbSession(self._history)
        return True

    def hear(self, *, is_waiting: bool) -> bool:
        """Take what the debugger says; whether it said anything, if only that it is gone."""
        assert self._connection is not None, "it is attached first"
        ready, _, _ = select.select([self._connection], [], [], None if is_waiting else 0)
        if not ready:
            return False
        try:
            data = self._connection.recv(_READ_BYTES)
        except OSError:
            data = b""
        if data:
            self._say(self.session.feed(data))
        else:
            self._lose()
        return True

    def advance(self) -> None:
        """Let the guest run a stretch, and say so if it stopped."""
        self._say(self._pace.advance(self.session))

    def serve(self) -> None:
        """Serve the debugger that is there until it leaves, is lost, or ends the run."""
        while self.is_attached:
            is_running = self.state is State.RUNNING
            if not self.hear(is_waiting=not is_running):
                self.advance()

    def _say(self, reply: bytes) -> None:
        self._on_progress()  # Before the debugger says that it stopped.
        if not reply or self._connection is None:
            return
        try:
            self._connection.sendall(reply)
        except OSError:
            self._lose()

    def _lose(self) -> None:
        """A lost connection is a detaching, unless the debugger had ended the run."""
        self._hang_up()
        if self.is_attached:
            self._history.release()
            self.session.state = State.DETACHED

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def close(self) -> None:
        """Let go of the sockets."""
        self._hang_up()
        self._server.close()
