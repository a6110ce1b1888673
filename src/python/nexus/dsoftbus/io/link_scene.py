"""Two links on one line in memory, whose owners admit each other and keep what they hear."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from nexus.dsoftbus import mux
from nexus.dsoftbus.carrier import Event
from nexus.dsoftbus.io.counters import Counters
from nexus.dsoftbus.io.hand_clock_fake import HandClock
from nexus.dsoftbus.io.link import Link
from nexus.dsoftbus.io.link_maker import LinkMaker
from nexus.dsoftbus.io.link_owner import Cause
from nexus.dsoftbus.io.node_scene import KEY_A, KEY_B, peer_of, settings_of
from nexus.dsoftbus.io.virtual_fake import MemoryTransport
from nexus.dsoftbus.session_events import Proven
from nexus.wire.mux import Settings

ENOUGH = 1 << 30


class Keeping:
    """An owner that admits every peer and keeps what it hears; one call may have a defect."""

    def __init__(self) -> None:
        """Have heard nothing."""
        self.heard: list[tuple[object, ...]] = []
        self.failing = ""

    def names(self) -> list[object]:
        """Return what was heard, without what it was about."""
        return [name for name, *_ in self.heard]

    def _hear(self, name: str, *what: object) -> None:
        self.heard.append((name, *what))
        if name == self.failing:
            raise RuntimeError(f"a defect of {name}")

    def opened(self, link: Link, source: str) -> None:
        """Keep it."""
        self._hear("opened", source)

    def advanced(self, link: Link) -> None:
        """Keep it."""
        self._hear("advanced")

    def proven(self, link: Link, event: Proven) -> None:
        """Keep it, and admit."""
        self._hear("proven", event)
        link.admit()

    def ready(self, link: Link) -> None:
        """Keep it."""
        self._hear("ready", link.peer)

    def arrived(self, link: Link, number: int, data: bytes) -> None:
        """Keep it."""
        self._hear("arrived", number, data)

    def happened(self, link: Link, event: Event) -> None:
        """Keep it."""
        self._hear("happened", event)

    def pull(self, link: Link) -> None:
        """Keep it."""
        self._hear("pull")

    def ended(self, link: Link, cause: Cause) -> None:
        """Keep it."""
        self._hear("ended", cause)

    def closed(self, link: Link) -> None:
        """Keep it."""
        self._hear("closed")


class Ends:
    """A, which dials, and B, which accepts."""

    def __init__(self, a: Settings | None = mux.MODEL, b: Settings | None = mux.MODEL) -> None:
        """Connect them; `a` and `b` say what each accepts of streams."""
        self.a, self.b, self.clock = Keeping(), Keeping(), HandClock()
        of_a = replace(settings_of(KEY_A, peer_of(KEY_B)), streams=a)
        of_b = replace(settings_of(KEY_B, peer_of(KEY_A)), streams=b)
        self.maker_a = LinkMaker(of_a, self.a, self.clock, Counters())
        self.maker_b = LinkMaker(of_b, self.b, self.clock, Counters())
        self.dialled = self.maker_a.dial(KEY_B.public)
        self.accepted = self.maker_b.accept()
        self.near = MemoryTransport(self.dialled, "10.42.0.11")
        self.far = MemoryTransport(self.accepted, "10.42.0.10")
        self.near.other, self.far.other = self.far, self.near

    def connect(self) -> None:
        """Let both begin."""
        for end in (self.near, self.far):
            end.protocol.connection_made(end)  # type: ignore[arg-type]  # Half of one is enough.

    async def settle(self) -> None:
        """Deliver until both are silent."""
        idle = 0
        while idle < 10:
            idle = 0 if self.near.deliver(ENOUGH) + self.far.deliver(ENOUGH) else idle + 1
            await asyncio.sleep(0)

    async def make_ready(self) -> None:
        """Shake hands, and forget what was heard of that."""
        self.connect()
        await self.settle()
        assert (self.dialled.peer, self.accepted.peer) == ("node-b", "node-a")
        self.a.heard.clear()
        self.b.heard.clear()

    def say(self, *frames: bytes) -> None:
        """Write frames in A's name; `near.deliver` brings them to B."""
        for frame in frames:
            self.dialled.session.send_plaintext(frame)
        self.near.write(self.dialled.session.take_output())
