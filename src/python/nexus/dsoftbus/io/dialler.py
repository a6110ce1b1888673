"""Keeps peers dialled: where, how often, and what it proves.

A round goes through the addresses of a peer, the trusted ones first (`candidates`); each has
`ATTEMPT_S` to connect and the handshake's two seconds to prove the peer's key.  After a round
without a session there is a pause, doubled up to `BACKOFF_MAX_S`.  So, whatever is announced, the
configured address is tried again within the time that a round and a pause take at most.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from nexus.dsoftbus.audit import AddressRecord
from nexus.dsoftbus.binding import may_dial
from nexus.dsoftbus.candidates import Address
from nexus.dsoftbus.io.audit_trail import AuditTrail
from nexus.dsoftbus.io.calls import Calls
from nexus.dsoftbus.io.clock import Clock, after_ns, deadline, sleep
from nexus.dsoftbus.io.counters import LOGGER
from nexus.dsoftbus.io.discovery import Discovery
from nexus.dsoftbus.io.link import Link

ATTEMPT_S: Final = 2.0
BACKOFF_FIRST_S: Final = 0.25
BACKOFF_MAX_S: Final = 2.0


class Dialler:
    """Dials one peer for as long as its task lives."""

    def __init__(
        self,
        calls: Calls,
        discovery: Discovery,
        trail: AuditTrail,
        clock: Clock,
        make_link: Callable[[bytes], Link],
    ) -> None:
        """Dial nothing yet.

        Args:
            calls: Those to the peer; they know whether there is a session.
            discovery: Says where the peer may be.
            trail: The audit.
            clock: The node's.
            make_link: Makes a connection that expects a key.
        """
        self._calls = calls
        self._peer = calls.settings
        self._discovery = discovery
        self._trail = trail
        self._clock = clock
        self._make_link = make_link

    async def run(self) -> None:
        """Have a session whenever there can be one; ends by cancellation."""
        backoff_s = BACKOFF_FIRST_S
        while True:
            await self._calls.wait_lost()
            was_ready = await self.round()
            backoff_s = BACKOFF_FIRST_S if was_ready else min(2 * backoff_s, BACKOFF_MAX_S)
            await sleep(self._clock, backoff_s)

    async def round(self, *, is_forced: bool = False) -> bool:
        """Try the peer's addresses until one gives a session; return when that is over.

        Args:
            is_forced: Dial even if there is a session.
        """
        pin, device_id = self._peer.pin, self._peer.device_id
        while not may_dial(pin, self._discovery.find(device_id)):
            await self._discovery.wait_heard(device_id)
        for address in self._discovery.addresses(device_id):
            if self._calls.session is not None and not is_forced:
                return True  # The peer dialled meanwhile.
            link = await self._connect(address)
            if link is None:
                self._discovery.fail(device_id, address)
            elif not link.was_ready:
                self._discovery.fail(device_id, address)
                self._trail.record(AddressRecord(device_id, *address), address[0])
                LOGGER.warning("%s is not at %s:%d: its key was not proven", device_id, *address)
            else:
                self._discovery.prove(device_id, address)
                await link.over.wait()
                return True
        return False

    async def _connect(self, address: Address) -> Link | None:
        """Connect, and wait until there is a session or none; None if no node is there."""
        loop = asyncio.get_running_loop()
        link = self._make_link(self._peer.public_key)
        try:
            async with deadline(self._clock, after_ns(self._clock, ATTEMPT_S)):
                await loop.create_connection(lambda: link, *address)
        except OSError as exc:
            LOGGER.debug("%s does not answer at %s:%d: %s", self._peer.device_id, *address, exc)
            return None
        try:
            await link.decided.wait()
        except asyncio.CancelledError:
            link.abort()
            raise
        return link
