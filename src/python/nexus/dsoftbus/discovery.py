"""The table of peers that were heard lately.

Rules of this file
------------------
1. At most 16 entries.  A new one displaces the least recently heard, a stranger before a peer
   that the configuration names: a flood of invented ids must not push out a real one.
2. An entry that was not refreshed within the TTL is as good as absent.
3. A peer's address is where its datagram came from, never what a packet says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from nexus.contract import announce as contract
from nexus.wire.announce import Announce

# The original's capacity.  Configured peers (at most 8) always fit.
ENTRIES_MAX: Final = contract.PEERS_HEARD_MAX


@dataclass(frozen=True, slots=True)
class Entry:
    """The last announcement of a peer, and when it was heard."""

    device_id: str
    address: str
    port: int
    public_key: bytes
    services: tuple[str, ...]
    is_configured: bool
    heard_ns: int


class PeerTable:
    """Entries in order of hearing, the least recent first."""

    def __init__(self, ttl_ns: int) -> None:
        """Create an empty table."""
        assert ttl_ns > 0, f"{ttl_ns}"
        self._ttl_ns = ttl_ns
        self._entries: dict[str, Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def hear(self, announce: Announce, address: str, *, is_configured: bool, now_ns: int) -> bool:
        """Enter or refresh; say whether the peer was not (or no longer) known."""
        self.expire(now_ns)
        is_new = self._entries.pop(announce.device_id, None) is None
        if len(self._entries) == ENTRIES_MAX:
            del self._entries[self._victim()]
        self._entries[announce.device_id] = Entry(
            announce.device_id,
            address,
            announce.port,
            announce.public_key,
            announce.services,
            is_configured,
            now_ns,
        )
        return is_new

    def find(self, device_id: str, now_ns: int) -> Entry | None:
        """Return the live entry of a peer, if there is one.  Looking does not refresh."""
        entry = self._entries.get(device_id)
        return entry if entry is not None and self._is_live(entry, now_ns) else None

    def live(self, now_ns: int) -> list[Entry]:
        """Return the live entries, the least recently heard first."""
        return [entry for entry in self._entries.values() if self._is_live(entry, now_ns)]

    def expire(self, now_ns: int) -> None:
        """Drop what was not refreshed within the TTL."""
        self._entries = {
            key: entry for key, entry in self._entries.items() if self._is_live(entry, now_ns)
        }

    def _is_live(self, entry: Entry, now_ns: int) -> bool:
        return now_ns - entry.heard_ns < self._ttl_ns

    def _victim(self) -> str:
        strangers = (key for key, entry in self._entries.items() if not entry.is_configured)
        return next(strangers, next(iter(self._entries)))
