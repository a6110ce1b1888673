"""A journal that ends exactly at its region's end, what lies behind one, and two snapshots of it.

The guest's `edge_test.zig` and `window_test.zig` ask the same of its engine.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from nexus.remotefs.state import record
from nexus.remotefs.state.block import SECTOR_BYTES, MemoryDevice
from nexus.remotefs.state.call import Call
from nexus.remotefs.state.error import StateError
from nexus.remotefs.state.mount import WINDOW_BYTES, stale_sector, window_sectors
from nexus.remotefs.state.power_cut_fake import DirectStore
from nexus.remotefs.state.record import OVERHEAD_BYTES, Op, Record, encode_checkpoint
from nexus.remotefs.state.replay import RECORDS_MAX, ReplayLimitError, Walk
from nexus.remotefs.state.store import Store
from nexus.remotefs.state.superblock import SUPERBLOCK_BYTES, Superblock, regions, whole
from nexus.wire.state import Status

SECTORS = 72
SIZE = OVERHEAD_BYTES + 1 + 10


def fill_to(store: Store, room: int) -> int:
    """Fill the region until it has room for exactly so much; return the open transaction.

    While it is open nothing is compacted.
    """
    txn = store.begin()
    overhead = OVERHEAD_BYTES + 8 + 1
    writer = store._writer
    while left := writer.region.bytes - writer.end - room:
        # Never so close to the end that no further chunk would fill the rest.
        is_far = left >= 2 * overhead + 600
        store.put_chunk(
            txn, "k", bytes(min(left - overhead - 300, 512) if is_far else left - overhead)
        )
    return txn


def takes(store: Store, key: str, value: bytes) -> bool:
    """Put a value; return whether there was room for it."""
    try:
        store.put(key, value)
    except StateError:
        return False
    return True


@pytest.mark.parametrize("active", [0, 1])
@pytest.mark.parametrize("room", [0, 1, SIZE - 1, SIZE, SIZE + 1])
def test_a_journal_that_ends_exactly_at_its_regions_end_writes_nothing_beyond_it(
    active: int, room: int
) -> None:
    device = MemoryDevice(bytes(SECTORS * SECTOR_BYTES))
    store = Store(device)
    store.put("k", b"v")
    while store._writer.superblock is None or store._writer.superblock.active != active:
        store.compact()
        store.sync()
    pair = regions(SECTORS)
    assert pair is not None
    other = pair[1 - active]
    place = slice(other.start * SECTOR_BYTES, (other.start + other.sectors) * SECTOR_BYTES)
    device.content[place] = b"\xa5" * other.bytes
    fill_to(store, room)
    store._writer.write_out()
    is_taken = takes(store, "x", b"0123456789")
    assert is_taken is (room >= SIZE)
    store._writer.write_out()
    assert device.content[place] == b"\xa5" * other.bytes
    end = store._writer.end
    assert end <= store._writer.region.bytes
    device.content[place] = bytes(other.bytes)
    again = Store(device)
    assert again._writer.end == end
    assert ("x" in again.snapshot()) is is_taken


@pytest.mark.parametrize("compactions", range(1, 5))
def test_of_two_complete_snapshots_behind_a_torn_superblock_the_newer_is_in_force(
    compactions: int,
) -> None:
    device = MemoryDevice(bytes(SECTORS * SECTOR_BYTES))
    store = Store(device)
    for number in range(compactions):
        store.put("/state/a", b"%d" % number)
        store.compact()
        store.sync()
    newest = store._writer.superblock
    for torn in range(1, SUPERBLOCK_BYTES):
        # Cut in the middle: the rest is zero, or what was there before.
        cut = MemoryDevice(bytes(device.content))
        cut.content[torn:SECTOR_BYTES] = bytes(SECTOR_BYTES - torn)
        found = Store(cut)
        assert found._writer.superblock == newest
        assert found.snapshot() == {"/state/a": b"%d" % (compactions - 1)}
        found.put("/state/b", b"again")
        found.sync()
        assert Store(cut).snapshot() == {**found.snapshot()}


# How far behind the end unflushed writes may have come: so many sectors are cleared.
WINDOW = window_sectors()


@pytest.mark.parametrize("size", [1, 512 - OVERHEAD_BYTES - 8, 600])
@pytest.mark.parametrize(
    "prepare", [lambda store: None, lambda store: store.compact()], ids=["as it is", "compacted"]
)
def test_what_a_cut_left_behind_the_end_is_cleared_by_the_first_change(
    size: int, prepare: Callable[[Store], object]
) -> None:
    clean = MemoryDevice(bytes((2 * WINDOW + 20) * SECTOR_BYTES))
    store = Store(clean)
    store.put("/state/a", bytes(size))
    prepare(store)
    store.sync()
    start = store._writer.region.start * SECTOR_BYTES
    end, limit = store._writer.end, (store._writer.end // SECTOR_BYTES + WINDOW) * SECTOR_BYTES
    image = bytes(clean.content)
    store.put("/state/b", b"next")
    store.sync()
    for at in (end, end + 1, end + 511, end + 512, limit - 1):
        soiled = MemoryDevice(image)
        soiled.content[start + at] = 0xA5
        again = Store(soiled)
        assert again.snapshot() == {"/state/a": bytes(size)}
        again.put("/state/b", b"next")
        again.sync()
        assert soiled.content == clean.content


def test_what_lies_beyond_the_window_is_left_alone() -> None:
    device = MemoryDevice(bytes((2 * WINDOW + 20) * SECTOR_BYTES))
    device.content[WINDOW * SECTOR_BYTES] = 0xA5
    store = Store(device)
    store.put("/state/a", b"one")
    store.sync()
    assert device.content[WINDOW * SECTOR_BYTES] == 0xA5


def test_a_journal_has_no_more_records_than_a_replay_takes() -> None:
    store = Store(MemoryDevice(bytes(SECTORS * SECTOR_BYTES)))
    writer = store._writer
    for records, is_taken in ((RECORDS_MAX - 3, True), (RECORDS_MAX - 2, False)):
        writer.records = records
        assert writer.fits(1) is is_taken
    # The record, and the mark of the sync behind it: one less than a replay refuses.
    device = MemoryDevice(Record(Op.SYNC).encode() * 512)
    assert len(list(Walk(device, whole(device.sectors), records_max=513))) == 512
    with pytest.raises(ReplayLimitError):
        list(Walk(device, whole(device.sectors), records_max=512))


@pytest.mark.parametrize("beyond", [-1, 0, 1])
def test_between_two_flushes_a_window_is_written_and_not_one_byte_more(beyond: int) -> None:
    flushes = []

    class Device(MemoryDevice):
        def flush(self) -> None:
            flushes.append(bytes(self.content))

    store = DirectStore(Device(bytes(400 * SECTOR_BYTES)))
    first = 40_000
    rest = WINDOW_BYTES - first - 2 * (OVERHEAD_BYTES + 1)
    store.put("a", bytes(first))
    store.put("b", bytes(rest + beyond))
    assert len(flushes) == (beyond > 0)
    assert WINDOW_BYTES == 65_536, "the other engine's, and that of docs/spec/statefs.md"


def test_a_peers_change_has_the_limits_of_a_nodes_own() -> None:
    store = Store(MemoryDevice(bytes(400 * SECTOR_BYTES)))
    call = Call("node-b", 7 << 32 | 1, bytes(16))
    most = record.VALUE_BYTES_MAX
    for put in (store.put, partial(store.put_for, call)):
        with pytest.raises(StateError) as caught:
            put("/state/a", bytes(most + 1))
        assert caught.value.status is Status.VALUE_TOO_LARGE
        for key in ("", "k" * (record.KEY_BYTES_MAX + 1)):
            with pytest.raises(StateError):
                put(key, b"v")
        assert store.snapshot() == {}
    store.put_for(call, "/state/a", bytes(most))
    assert store.snapshot() == {"/state/a": bytes(most)}
    with pytest.raises(StateError):
        store.delete_for(call, "k" * (record.KEY_BYTES_MAX + 1))


def test_what_looks_like_a_snapshot_within_the_journal_in_force_is_no_stale_one() -> None:
    """A journal of version 1 reaches over both regions; a value of it may hold anything."""
    device = MemoryDevice(bytes(33 * SECTOR_BYTES))
    pair = regions(device.sectors)
    assert pair is not None
    idle = pair[1].start
    device.write(idle, encode_checkpoint(9, 0).encode().ljust(SECTOR_BYTES, b"\0"))
    begin = idle * SECTOR_BYTES
    assert stale_sector(device, None, begin + 1) is None
    assert stale_sector(device, None, begin - 1) == idle
    for generation, found in ((8, idle), (9, None), (10, None)):
        assert stale_sector(device, Superblock(0, generation, 0), begin + 1) == found
        assert stale_sector(device, Superblock(0, generation, 0), 0) == found
    device.write(1, encode_checkpoint(9, 0).encode().ljust(SECTOR_BYTES, b"\0"))
    assert stale_sector(device, Superblock(1, 8, 0), 10 * SECTOR_BYTES) == 1


@pytest.mark.parametrize("end", [511, 512, 513, 1023, 1024, 1025])
def test_a_record_that_ends_on_a_boundary_has_a_sector_of_zeros_behind_it(end: int) -> None:
    device = MemoryDevice(bytes(SECTORS * SECTOR_BYTES))
    store = Store(device)
    store.put("k", b"")
    store._writer.write_out()
    device.content[SECTOR_BYTES:] = b"\xa5" * (len(device.content) - SECTOR_BYTES)
    store.put("k", b"v" * (end - 2 * (OVERHEAD_BYTES + 1)))
    store._writer.write_out()
    assert store._writer.end == end
    zeros = (end // SECTOR_BYTES + 1) * SECTOR_BYTES
    assert not any(device.content[end:zeros])
    assert set(device.content[zeros:]) == {0xA5}


def filled_to(place: int) -> Store:
    """Return a store whose journal ends at this place, on a disk of over two windows."""
    store = Store(MemoryDevice(bytes((2 * WINDOW + 20) * SECTOR_BYTES)))
    if place:
        store.put("f", bytes(place - OVERHEAD_BYTES - 1))
    return store


@pytest.mark.parametrize("length", [1, 300, record.VALUE_BYTES_MAX - 1, record.VALUE_BYTES_MAX])
@pytest.mark.parametrize("place", [0, 16, 511, 512, 4000, 8176, 8177, 8178, 8191, 8192])
def test_the_longest_records_are_read_again_wherever_they_begin(place: int, length: int) -> None:
    key = "k" * record.KEY_BYTES_MAX
    call = Call("p" * 64, 7 << 32 | 1, bytes(16))
    own, peers = filled_to(place), filled_to(place)
    own.put(key, bytes(length))
    peers.put_for(call, key, bytes(length))
    for store in (own, peers):
        store.put("g", b"behind")
        store.sync()
        again = Store(store._writer._device)
        assert again._writer.end == store._writer.end
        assert again.snapshot() == store.snapshot()
        assert len(again.snapshot()[key]) == length


@pytest.mark.parametrize(
    ("op", "key", "value"),
    [
        (1, 1, 0xFFFF_FFFF),
        (1, 0xFFFF, 1),
        (1, 0xFFFF, 0xFFFF_FFFF),
        (1, 0xFFFF, record.VALUE_BYTES_MAX),
        (1, record.KEY_BYTES_MAX, record.VALUE_BYTES_MAX + 1),
        (0x15, record.KEY_BYTES_MAX, record.VALUE_BYTES_MAX + 93),
        (0xFF, 0, 0xFFFF_FFFF),
    ],
)
def test_what_claims_to_be_longer_than_any_record_is_not_read_as_one(
    op: int, key: int, value: int
) -> None:
    device = MemoryDevice(bytes((2 * WINDOW + 20) * SECTOR_BYTES))
    store = Store(device)
    store.put("k", b"v")
    store._writer.write_out()
    end = store._writer.end
    head = record.MAGIC + bytes([op]) + key.to_bytes(2, "little") + value.to_bytes(4, "little")
    device.content[end : end + len(head)] = head
    again = Store(device)
    assert again.damage is None
    assert again._writer.end == end
    assert again.snapshot() == {"k": b"v"}
