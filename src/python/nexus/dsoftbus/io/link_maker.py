"""The maker of a node's connections, in either direction; they share its buffers."""

from __future__ import annotations

import os

from nexus.dsoftbus.io.clock import Clock
from nexus.dsoftbus.io.counters import Counters
from nexus.dsoftbus.io.link import READ_BYTES, Link
from nexus.dsoftbus.io.link_owner import Owner
from nexus.dsoftbus.io.settings import Settings
from nexus.dsoftbus.noise import KEY_BYTES, MESSAGE_BYTES_MAX
from nexus.dsoftbus.session import Session
from nexus.dsoftbus.session_events import Identity
from nexus.wire.gateway import FRAME_BYTES_MAX


class LinkMaker:
    """Makes the links of one node, and numbers them."""

    def __init__(
        self, settings: Settings, owner: Owner[Link], clock: Clock, counters: Counters
    ) -> None:
        """Prepare; `owner` decides what becomes of each link."""
        self._settings = settings
        self._owner = owner
        self._clock = clock
        self._counters = counters
        self._buffer = bytearray(READ_BYTES)
        # Where frames are opened, one after the other.
        self._room = memoryview(bytearray(MESSAGE_BYTES_MAX))
        own = settings.streams
        self.frame_bytes_max = FRAME_BYTES_MAX if own is None else own.message_bytes_max
        self._count = 0

    def accept(self) -> Link:
        """Make the link of a connection that another host begins."""
        now_ns = self._clock.now_ns()
        return self._link(
            Session.accept(self._identity(), now_ns, self.frame_bytes_max, self._room)
        )

    def dial(self, public_key: bytes) -> Link:
        """Make the link of a connection to the peer that has a key."""
        now_ns = self._clock.now_ns()
        return self._link(
            Session.dial(self._identity(), public_key, now_ns, self.frame_bytes_max, self._room)
        )

    def _link(self, session: Session) -> Link:
        self._count += 1
        return Link(
            session,
            self._owner,
            buffer=self._buffer,
            number=self._count,
            streams=self._settings.streams,
            rpc_mode=self._settings.rpc_mode,
            clock=self._clock,
            counters=self._counters,
        )

    def _identity(self) -> Identity:
        return Identity(
            device_id=self._settings.device_id,
            static_secret=self._settings.secret,
            ephemeral_secret=os.urandom(KEY_BYTES),
        )
