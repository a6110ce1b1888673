"""A host of the virtual switch whose program is Python: a machine with the guests' network stack.

It is a `nexus.simulation.machine.Machine`.  Its program runs in no time: after every frame and at
every tick of a timer.  What it does depends on what reaches it and when, never on how the world
slices time.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Final

from nexus.netstack.library import Library, NetworkStackError, WouldBlockError
from nexus.netstack.stack import Connection, Interface, NetworkStack
from nexus.simulation.machine import TICK_NS

# More than the windows of all connections, and answers to strangers: beyond is a stack gone mad.
_FRAMES_MAX: Final = 4096

# How often a stack may find something to do in one instant.
_POLLS_MAX: Final = 64

# The bytes that may wait for the wire; some sixty frames of a session.
UNSENT_BYTES_MAX: Final = 1 << 20


class Ran(Enum):
    """The end of a run: always at its deadline."""

    DEADLINE = "deadline"


class StackHost:
    """A stack in virtual time, and its users."""

    exit_code: int | None = None
    instructions = 0

    def __init__(self, library: Library, interface: Interface, timer_ns: int) -> None:
        """Wait for frames; the first tick is at 0.

        Args:
            library: Where the stack comes from.
            interface: The addresses of this host.
            timer_ns: Between two ticks.
        """
        if timer_ns <= 0 or timer_ns % TICK_NS:
            raise ValueError(f"timer_ns: {timer_ns} is not a positive multiple of {TICK_NS}")
        self.now_ns = 0
        self.stack = NetworkStack(library, interface)
        self.on_timer: Callable[[], None] = _nothing
        self.on_frame: Callable[[], None] = _nothing
        self._timer_ns = timer_ns
        self._timer_at = 0
        self._frames: list[tuple[int, bytes]] = []
        self._is_touched = False

    def touch(self) -> None:
        """Say that the stack was used from outside of `on_timer` and `on_frame`."""
        self._is_touched = True

    # Machine.

    def run(self, until_ns: int) -> Ran:
        """Send what this instant brought, then advance from deadline to deadline."""
        self._flush()
        polls = 0
        while (next_ns := self._next_ns()) <= until_ns:
            polls = polls + 1 if next_ns == self.now_ns else 0
            if polls > _POLLS_MAX:
                raise NetworkStackError(f"host: never done at {self.now_ns} ns")
            self.now_ns = next_ns
            self.stack.poll(self.now_ns)
            if self._timer_at == self.now_ns:
                self._timer_at += self._timer_ns
                self.on_timer()
            else:
                self.on_frame()
            self._flush()
        self.now_ns = until_ns
        return Ran.DEADLINE

    def next_event_ns(self) -> int | None:
        """Now if something waits to be sent, else the next deadline."""
        return self.now_ns if self._is_touched or self._frames else self._next_ns()

    def take_console(self) -> bytes:
        """Nothing is printed."""
        return b""

    def take_frames(self) -> list[tuple[int, bytes]]:
        """Frames sent since the last call."""
        sent, self._frames = self._frames, []
        return sent

    def deliver(self, frame: bytes) -> bool:
        """Take a frame, and let the program see what it brought."""
        self.stack.receive(frame, self.now_ns)
        self.on_frame()
        self._flush()
        return True

    def _next_ns(self) -> int:
        """The next tick or deadline, on the grain of virtual time."""
        deadline_ns = self.stack.deadline_ns()
        if deadline_ns is None:
            return self._timer_at
        grained_ns = -(-deadline_ns // TICK_NS) * TICK_NS
        return min(self._timer_at, max(grained_ns, self.now_ns))

    def _flush(self) -> None:
        self._is_touched = False
        while (frame := self.stack.transmit(self.now_ns)) is not None:
            if len(self._frames) == _FRAMES_MAX:
                raise NetworkStackError(f"host: over {_FRAMES_MAX} frames at {self.now_ns} ns")
            self._frames.append((self.now_ns, frame))


class ByteStream:
    """A connection that keeps what the stack has no room for yet."""

    def __init__(self, connection: Connection) -> None:
        """Wrap a connection, there or begun."""
        self.connection = connection
        self.is_ended = False  # The peer has closed its direction.
        self._unsent = bytearray()

    def send(self, data: bytes) -> None:
        """Send, now or when there is room.

        Raises:
            NetworkStackError: The connection failed, or too much waits.
        """
        if len(self._unsent) + len(data) > UNSENT_BYTES_MAX:
            raise NetworkStackError(f"byte stream: over {UNSENT_BYTES_MAX} bytes wait to be sent")
        self._unsent += data
        self.push()

    def push(self) -> None:
        """Send of what waits as much as there is room for."""
        while self._unsent:
            try:
                taken = self.connection.write(bytes(self._unsent))
            except WouldBlockError:
                return
            del self._unsent[:taken]

    def receive(self) -> bytes:
        """Take everything that has arrived."""
        data = bytearray()
        while not self.is_ended:
            try:
                part = self.connection.read()
            except WouldBlockError:
                break
            self.is_ended = not part
            data += part
        self.push()  # There may be room now, by what came.
        return bytes(data)


def _nothing() -> None:
    """Stands in until there is a program."""
