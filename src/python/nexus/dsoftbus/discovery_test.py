"""Learning, refreshing, forgetting; and what a flood of strangers cannot do."""

from __future__ import annotations

from nexus.dsoftbus.discovery import ENTRIES_MAX, PeerTable
from nexus.wire.announce import Announce

KEY = b"\x01" * 32


def hear(table: PeerTable, name: str, now_ns: int, *, configured: bool = False) -> bool:
    announce = Announce(name, 1, KEY)
    return table.hear(announce, "10.42.0.9", is_configured=configured, now_ns=now_ns)


def test_an_entry_is_learned_once_refreshed_and_dies_at_the_ttl() -> None:
    table = PeerTable(100)
    assert hear(table, "node-b", 0)
    assert not hear(table, "node-b", 50)
    assert table.find("node-b", 149) is not None
    assert table.find("node-b", 150) is None
    assert hear(table, "node-b", 150)
    assert len(table) == 1


def test_the_newest_datagram_counts() -> None:
    table = PeerTable(100)
    hear(table, "node-b", 0)
    newer = Announce("node-b", 9, b"\x02" * 32, ("samgrd",))
    table.hear(newer, "10.42.0.11", is_configured=True, now_ns=1)
    entry = table.find("node-b", 2)
    assert entry is not None
    assert (entry.address, entry.port, entry.public_key) == ("10.42.0.11", 9, b"\x02" * 32)


def test_a_full_table_drops_the_least_recently_heard_stranger() -> None:
    table = PeerTable(1_000_000)
    hear(table, "node-a", 0, configured=True)
    for index in range(40):
        hear(table, f"x{index}", 1 + index)
    assert len(table) == ENTRIES_MAX
    assert table.find("node-a", 50) is not None
    assert table.find("x24", 50) is None
    assert all(table.find(f"x{index}", 50) for index in range(25, 40))


def test_a_refresh_moves_an_entry_to_the_end_of_the_line() -> None:
    table = PeerTable(1_000_000)
    for index in range(ENTRIES_MAX):
        hear(table, f"x{index}", index)
    hear(table, "x0", 100)
    hear(table, "new", 101)
    assert table.find("x0", 102) is not None
    assert table.find("x1", 102) is None


def test_configured_peers_alone_displace_the_oldest_of_them() -> None:
    table = PeerTable(1_000_000)
    for index in range(ENTRIES_MAX + 1):
        hear(table, f"p{index}", index, configured=True)
    assert table.find("p0", 50) is None
    assert len(table) == ENTRIES_MAX


def test_expired_entries_make_room_before_live_ones_are_dropped() -> None:
    table = PeerTable(10)
    for index in range(ENTRIES_MAX - 1):
        hear(table, f"x{index}", 0)
    hear(table, "live", 5)
    hear(table, "new", 12)
    assert table.find("live", 12) is not None
    assert len(table) == 2
