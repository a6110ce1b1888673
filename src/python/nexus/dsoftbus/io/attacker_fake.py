"""A peer that does not keep the rules, on a plain socket, for tests.

It has a `Session` only to encrypt: everything that it sends is its own choice.
"""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass

from nexus.dsoftbus.io.keyfile import NodeKey
from nexus.dsoftbus.session import Session
from nexus.dsoftbus.session_events import Event, Identity, Proven, Ready, Received
from nexus.wire import mux as wire


@dataclass
class Attacker:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    session: Session | None = None
    is_ready: bool = False

    @classmethod
    async def connect(cls, port: int) -> Attacker:
        """Connect, and say nothing."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def send(self, data: bytes) -> None:
        """Send bytes as they are; a connection that is closed meanwhile does not matter."""
        self.writer.write(data)
        try:
            await self.writer.drain()
        except ConnectionError:
            return

    async def closed(self) -> bytes:
        """Wait for the other side to close; return what it said until then."""
        try:
            async with asyncio.timeout(5):
                return await self.reader.read()
        except ConnectionError:
            return b""
        finally:
            self.writer.close()

    async def shake_hands(
        self, key: NodeKey, device_id: str, responder: bytes, *, admits: bool = True
    ) -> None:
        """Run the handshake under an identity; return when it is through or refused."""
        identity = Identity(
            device_id=device_id, static_secret=key.secret, ephemeral_secret=os.urandom(32)
        )
        self.session = Session.dial(identity, responder, time.monotonic_ns(), 65_519)
        await self.send(self.session.take_output())
        while not self.is_ready:
            events = await self._receive()
            if events is None:
                return
            for event in events:
                if isinstance(event, Proven) and admits:
                    events += self.session.admit(time.monotonic_ns())
                    await self.send(self.session.take_output())
                self.is_ready |= isinstance(event, Ready)

    async def frame(self, plaintext: bytes) -> None:
        """Encrypt one frame, whatever it is, and send it."""
        assert self.session is not None, "no session"
        self.session.send_plaintext(plaintext)
        await self.send(self.session.take_output())

    async def say_settings(self) -> None:
        """Begin streams."""
        await self.frame(wire.Settings(128, 65_519, 65_536).encode())

    async def next_frame(self, kind: int) -> bytes:
        """Return the next frame of a type."""
        async with asyncio.timeout(5):
            while (events := await self._receive()) is not None:
                for event in events:
                    if isinstance(event, Received) and event.frame[0] == kind:
                        return event.frame
        raise ConnectionError("closed")

    async def _receive(self) -> list[Event] | None:
        assert self.session is not None, "no session"
        try:
            data = await self.reader.read(4096)
        except ConnectionError:
            return None
        return self.session.receive(data, time.monotonic_ns()) if data else None
