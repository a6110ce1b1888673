"""A walk over a journal much longer than what is read at a time gives every record, once."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import pytest

from nexus.remotefs.state.block import SECTOR_BYTES, MemoryDevice
from nexus.remotefs.state.record import SYNC_BYTES, VALUE_BYTES_MAX, Fault, Op, Record
from nexus.remotefs.state.replay import ReplayLimitError, Walk, read_window, replay
from nexus.remotefs.state.superblock import Region

START = 3  # A region need not begin where the disk does.
SIZES = [VALUE_BYTES_MAX, 0, 60_000, 7, VALUE_BYTES_MAX, VALUE_BYTES_MAX, 1, 40_000] * 3
RECORDS = [
    Record(Op.PUT, f"/state/{number}", bytes([number]) * size) for number, size in enumerate(SIZES)
]
DATA = b"".join(record.encode() for record in RECORDS)


class Counting(MemoryDevice):
    """Remembers how far it was read."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.reads: list[tuple[int, int]] = []

    def read(self, sector: int, count: int) -> bytes:
        self.reads.append((sector, count))
        return super().read(sector, count)


def disk(data: bytes, sectors: int) -> Counting:
    """A region of so many sectors, between others that hold what looks like records."""
    around = SYNC_BYTES * 200
    before = around[: START * SECTOR_BYTES]
    inside = data.ljust(sectors * SECTOR_BYTES, b"\0")
    return Counting(before + inside + around[: 4 * SECTOR_BYTES])


def test_a_long_journal_is_read_to_its_end() -> None:
    sectors = len(DATA) // SECTOR_BYTES + 300
    walk = Walk(disk(DATA, sectors), Region(START, sectors))
    ends = []
    for record, expected in zip(walk, RECORDS, strict=True):
        assert record == expected
        ends.append(walk.end)
    sizes = [len(record.encode()) for record in RECORDS]
    assert ends == [sum(sizes[: number + 1]) for number in range(len(sizes))]
    assert (walk.end, walk.records, walk.fault) == (len(DATA), len(RECORDS), Fault.MAGIC)


def test_a_journal_that_fills_its_region_ends_there() -> None:
    last = Record(Op.PUT, "/end", bytes(-(len(DATA) + 19) % SECTOR_BYTES))
    data = DATA + last.encode()
    assert len(data) % SECTOR_BYTES == 0
    sectors = len(data) // SECTOR_BYTES
    journal = replay(disk(data, sectors), Region(START, sectors))
    assert (journal.end, journal.records) == (len(data), len(RECORDS) + 1)
    assert journal.fault is Fault.SHORT_HEADER
    assert len(journal.contents.entries) == len(RECORDS) + 1
    cut = replay(disk(data, sectors), Region(START, sectors - 1))
    assert (cut.end, cut.records) == (len(DATA) - len(RECORDS[-1].encode()), len(RECORDS) - 1)
    assert cut.fault is Fault.SHORT


def test_no_sector_is_read_twice_and_few_that_nobody_asks_for() -> None:
    sectors = 2 * len(DATA) // SECTOR_BYTES
    device = disk(DATA, sectors)
    assert len(list(Walk(device, Region(START, sectors)))) == len(RECORDS)
    at = START
    for sector, count in device.reads:
        assert sector == at
        at += count
    assert START + len(DATA) // SECTOR_BYTES < at < START + len(DATA) // SECTOR_BYTES + 2 * 256
    first = disk(SYNC_BYTES, sectors)
    list(Walk(first, Region(START, sectors)))
    assert first.reads == [(START, 256)]


@pytest.mark.parametrize(
    ("most", "end"), [(4, nullcontext()), (3, pytest.raises(ReplayLimitError))]
)
def test_a_walk_has_a_bound(most: int, end: AbstractContextManager[object]) -> None:
    device = disk(SYNC_BYTES * 3, 4)
    walk = iter(Walk(device, Region(START, 4), records_max=most))
    for _ in range(2):
        assert next(walk).op is Op.SYNC
    with end:
        assert next(walk).op is Op.SYNC


@pytest.mark.parametrize(
    ("sector", "count", "length"),
    [(0, 4, 4), (1, 3, 3), (1, 9, 3), (4, 1, 0), (9, 1, 0), (2, 0, 0)],
)
def test_a_window_ends_with_its_region(sector: int, count: int, length: int) -> None:
    device = disk(bytes(range(256)) * 8, 4)
    found = read_window(device, Region(START, 4), sector, count)
    begin = (START + sector) * SECTOR_BYTES
    assert found == bytes(device.content[begin : begin + length * SECTOR_BYTES])


def test_puts_behind_a_head_are_counted_until_something_else_comes() -> None:
    put, sync = Record(Op.PUT, "/a", b"1"), Record(Op.SYNC)
    for records, head, puts in (
        ([], None, 0),
        ([sync], sync, 0),
        ([sync, put, put], sync, 2),
        ([sync, put, sync, put], sync, 1),
        ([put, put], put, 1),
    ):
        data = b"".join(record.encode() for record in records)
        journal = replay(disk(data, 4), Region(START, 4))
        assert (journal.head, journal.snapshot_puts) == (head, puts)
