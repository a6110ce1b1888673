"""Virtual time and lines in memory, for tests: an event loop that jumps, and nodes without sockets.

    def scenario(world): ...
    run_virtual(main())           # time passes only when nothing else is left to do

A `Line` joins two nodes.  What a side writes waits until it is delivered: at a rate, or in pieces
that the test draws.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar  # Any: private fields of asyncio.

from nexus.dsoftbus.io.link import Link
from nexus.dsoftbus.io.node import Node, _Phase
from nexus.wire.announce import Announce

T = TypeVar("T")
NS_PER_S: Final = 1_000_000_000


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose time jumps to the next timer when nothing is ready."""

    def __init__(self) -> None:
        super().__init__()
        self._now_s = 0.0

    def time(self) -> float:
        """Return virtual seconds."""
        return self._now_s

    def stand_still(self, seconds: float) -> None:
        """Let time pass while nothing runs, as when a callback blocks."""
        self._now_s += seconds

    def _run_once(self) -> None:
        ready: Any = getattr(self, "_ready")  # noqa: B009 - CPython's own, private there.
        scheduled: Any = getattr(self, "_scheduled")  # noqa: B009 - Likewise.
        if not ready:
            live = [handle for handle in scheduled if not handle.cancelled()]
            assert live, "nothing is left that could ever happen"
            self._now_s = max(self._now_s, min(handle.when() for handle in live))
        super()._run_once()  # type: ignore[misc]  # CPython's own.


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """Run to the end in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


class MemoryTransport:
    """One end of a line.  Of no class of asyncio's, as those of other loops."""

    def __init__(self, protocol: Link, name: str) -> None:
        """Be silent until the line is made."""
        self.protocol = protocol
        self.other: MemoryTransport
        self.waiting = bytearray()  # Written and not delivered.
        self.is_closed = False
        self._is_closing = False
        self._is_reading = True
        self._is_paused = False
        self._high, self._low = 65_536, 16_384
        self._name = name

    def get_extra_info(self, name: str, default: object = None) -> object:
        """Know only the peer that it is connected with."""
        return (self._name, 1) if name == "peername" else default

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Take the limits."""
        self._high, self._low = high or 0, low or 0

    def is_reading(self) -> bool:
        """Say whether data is wanted."""
        return self._is_reading

    def pause_reading(self) -> None:
        """Want none."""
        self._is_reading = False

    def resume_reading(self) -> None:
        """Want some."""
        self._is_reading = True

    def is_closing(self) -> bool:
        """Say whether no more is taken."""
        return self._is_closing

    def write(self, data: bytes) -> None:
        """Take bytes; more than the limit makes the protocol pause."""
        if self._is_closing:
            return
        self.waiting += data
        if len(self.waiting) > self._high and not self._is_paused:
            self._is_paused = True
            self.protocol.pause_writing()

    def close(self) -> None:
        """Close when everything is delivered."""
        self._is_closing = True
        if not self.waiting:
            self.abort()

    def abort(self) -> None:
        """Close at once."""
        self._is_closing = True
        self.waiting.clear()
        loop = asyncio.get_running_loop()
        for end in (self, self.other):
            loop.call_soon(end.lose)

    def lose(self) -> None:
        """Tell the protocol that the connection is gone, once."""
        if not self.is_closed:
            self.is_closed = self._is_closing = True
            self.protocol.connection_lost(None)

    def deliver(self, count: int) -> int:
        """Carry up to so many bytes to the other end, as one read; return how many went."""
        target = self.other
        if target.is_closed or not target.is_reading():
            return 0
        room = target.protocol.get_buffer(-1)
        piece = self.waiting[: min(count, len(room))]
        if piece:
            room[: len(piece)] = piece
            del self.waiting[: len(piece)]
            target.protocol.buffer_updated(len(piece))
            if self._is_paused and len(self.waiting) <= self._low:
                self._is_paused = False
                self.protocol.resume_writing()
            if self._is_closing and not self.waiting and not self.is_closed:
                self.abort()
        return len(piece)


class Line:
    """A connection between two nodes that were never entered."""

    def __init__(self, dialler: Node, responder: Node) -> None:
        """Connect: the one dials the other."""
        for node, other in ((dialler, responder), (responder, dialler)):
            node._phase = _Phase.OPEN
            announce(other, node)
        self.dialled = dialler.links.dial(responder.public_key)
        self.accepted = responder.links.accept()
        self.near = MemoryTransport(self.dialled, "10.42.0.11")
        self.far = MemoryTransport(self.accepted, "10.42.0.10")
        self.near.other, self.far.other = self.far, self.near
        for end in (self.near, self.far):
            end.protocol.connection_made(end)  # type: ignore[arg-type]  # Half of one is enough.

    def carry(self, count: int = 1 << 30) -> bool:
        """Deliver in both directions; say whether there was anything."""
        return bool(self.near.deliver(count) + self.far.deliver(count))

    async def settle(self) -> None:
        """Deliver until both sides are silent."""
        idle = 0
        while idle < 10:
            idle = 0 if self.carry() else idle + 1
            await asyncio.sleep(0)

    async def run(self, bytes_per_s: int, step_s: float = 0.001) -> None:
        """Deliver at a rate, for ever."""
        while True:
            self.carry(int(bytes_per_s * step_s))
            await asyncio.sleep(step_s)


def announce(source: Node, target: Node, *, address: str = "", port: int = 34_567) -> None:
    """Let a node hear the announce of another."""
    settings = source.settings
    own = next(peer for peer in target.settings.peers if peer.device_id == settings.device_id)
    datagram = Announce(settings.device_id, port, source.public_key).encode()
    target.discovery.datagram_received(datagram, (address or own.address, own.discovery_port))
