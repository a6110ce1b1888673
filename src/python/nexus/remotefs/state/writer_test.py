"""Records written together leave the same disk as records written one at a time.

There is one exception: of several compactions between two syncs only the last is carried out.
"""

from __future__ import annotations

import pytest

from nexus.core.randomness import KeyedRandom
from nexus.remotefs.state.block import SECTOR_BYTES, MemoryDevice
from nexus.remotefs.state.error import StateError
from nexus.remotefs.state.fsck import Verdict, check
from nexus.remotefs.state.mount import mount
from nexus.remotefs.state.power_cut_fake import DirectStore
from nexus.remotefs.state.record import OVERHEAD_BYTES, SYNC_BYTES, Op
from nexus.remotefs.state.store import Store
from nexus.remotefs.state.writer import WAITING_BYTES_MAX, Writer


class CountingDevice(MemoryDevice):
    """A disk that counts what is done to it."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.flushes = self.written = 0

    def write(self, sector: int, data: bytes) -> None:
        super().write(sector, data)
        self.written += len(data) // SECTOR_BYTES

    def flush(self) -> None:
        self.flushes += 1


def step(store: Store, random: KeyedRandom, number: int, longest: int) -> None:
    """Do one thing, the same to every store it is asked of."""
    key = f"/state/{random.below(12, 'key', number)}"
    kind = random.below(12, "kind", number)
    if kind == 0:
        store.delete(key)
    elif kind == 1:
        txn = store.begin()
        for part in range(3):
            store.put_chunk(txn, f"{key}/{part % 2}", random.bytes(50, "chunk", number, part))
        (store.commit if number % 3 else store.abort)(txn)
    else:
        size = random.below(longest, "size", number)
        store.put(key, bytes([number % 251]) * size)


def outcome(store: Store, random: KeyedRandom, number: int, longest: int) -> str:
    """Do a step; return how it ended."""
    try:
        step(store, random, number, longest)
    except StateError as exc:
        return str(exc)
    return "done"


class Twins:
    """A store that collects what it writes, and one that writes each change at once."""

    def __init__(self, content: bytes) -> None:
        self.held, self.direct = MemoryDevice(content), MemoryDevice(content)
        self.stores: list[Store] = [Store(self.held), DirectStore(self.direct)]
        self.switches: set[int] = set()  # Compactions between two syncs; 2 is more than one.
        self._before = 0

    def sync(self, number: int, random: KeyedRandom, every: int) -> None:
        """Sync after some steps; the disks are the same then, except for compactions left out."""
        if random.below(every, "sync", number) != 0:
            return
        for store in self.stores:
            store.sync()
        held, direct = self.stores
        assert Store(self.held).snapshot() == held.snapshot() == direct.snapshot()
        assert check(self.held).verdict is not Verdict.UNRECOVERABLE
        done = direct.generation - self._before
        self.switches.add(min(done, 2))
        if done <= 1:
            assert self.held.content == self.direct.content, f"after step {number}"
        else:
            assert held.generation == self._before + 1
            self.direct.content[:] = self.held.content
        if done > 1 or random.below(20, "life", number) == 0:  # Another life.
            self.stores = [Store(self.held), DirectStore(self.direct)]
        self._before = self.stores[0].generation


@pytest.mark.parametrize(
    ("sectors", "longest", "sync_every", "steps"),
    [
        (72, 100, 4, 900),
        (73, 300, 30, 900),
        (72, 300, 150, 3000),
        (40, 90, 60, 2000),
        (8000, 9000, 60, 900),  # Several windows between two compactions, and between two syncs.
        (8000, 60_000, 40, 400),  # More than may wait.
        (3, 40, 5, 60),  # No room for two regions.
    ],
)
@pytest.mark.parametrize("is_stale", [False, True])
def test_the_disk_is_the_same_whenever_it_is_synced(
    sectors: int, longest: int, sync_every: int, steps: int, is_stale: bool
) -> None:
    random = KeyedRandom(sectors + longest)
    # Bytes that are not a journal, where none is yet.
    stale = random.bytes(4 * SECTOR_BYTES if is_stale and sectors > 9 else 0, "stale")
    twins = Twins(bytes(sectors * SECTOR_BYTES - len(stale)) + stale)
    for number in range(steps):
        outcomes = [outcome(store, random, number, longest) for store in twins.stores]
        assert outcomes[0] == outcomes[1]
        twins.sync(number, random, sync_every)
    is_varied = twins.switches == {0, 1, 2}
    assert is_varied or (sectors, sync_every) != (72, 150), "every way to change over"


def test_what_waits_costs_few_flushes() -> None:
    device = CountingDevice(bytes(4000 * SECTOR_BYTES))
    store = Store(device)
    for number in range(5000):
        store.put(f"/state/{number % 100}", bytes(100))
    assert (device.flushes, device.written) == (0, 0)
    store.sync()
    assert store.generation == 1
    assert device.flushes == 2
    assert device.written < 200
    assert Store(device).snapshot() == store.snapshot()


def test_records_behind_each_other_are_flushed_window_by_window() -> None:
    device = CountingDevice(bytes(4000 * SECTOR_BYTES))
    store = Store(device)
    for number in range(5):
        store.put(f"/state/{number}", bytes(60_000))
    store.sync()
    assert store.generation == 0
    assert device.flushes == 5


def test_behind_every_window_that_is_not_synced_stands_a_mark() -> None:
    """A mark behind damage proves that the damage was once durable, also within a long batch."""
    store = Store(MemoryDevice(bytes(800 * SECTOR_BYTES)))
    size = OVERHEAD_BYTES + len("/state/0")
    before = store.journal_bytes
    for number in range(5):
        store.put(f"/state/{number}", bytes(40_000))
    # Each but the first would be more than a window behind the mark before it.
    assert store.journal_bytes - before == 5 * (size + 40_000) + 4 * len(SYNC_BYTES)


def test_what_waits_is_written_beyond_its_bound_and_not_before() -> None:
    device = CountingDevice(bytes((1 + 2 * 5000) * 512))
    writer = Writer(device, mount(device))

    def append(size: int) -> None:
        writer.append(Op.PUT, b"/k", bytes(size - 17), size)

    for _ in range(2):
        before = device.written
        for _ in range(15):
            append(WAITING_BYTES_MAX // 16)
        append(WAITING_BYTES_MAX // 16 - 20)
        append(20)
        assert writer.take_back() == 20
        append(20)
        assert device.written == before, "exactly full"
        append(17)
        assert device.written > before
        writer.write_out()


@pytest.mark.parametrize("writes", [0, 1, 2])
@pytest.mark.parametrize(("beyond", "is_written"), [(-1, False), (0, False), (1, True)])
def test_as_much_may_wait_after_a_write_as_before(
    writes: int, beyond: int, is_written: bool
) -> None:
    device = CountingDevice(bytes((1 + 2 * 5000) * 512))
    writer = Writer(device, mount(device))
    for _ in range(writes):
        writer.append(Op.PUT, b"/k", bytes(3), 20)
        writer.write_out()
    before = device.written
    writer.append(Op.PUT, b"/k", bytes(3), 20)
    rest = WAITING_BYTES_MAX - 20 + beyond
    writer.append(Op.PUT, b"/k", bytes(rest - 17), rest)
    assert (device.written > before) is is_written


@pytest.mark.parametrize(("records", "fits"), [(99_996, True), (99_997, True), (99_998, False)])
def test_a_record_more_stays_free_for_the_last_mark(records: int, fits: bool) -> None:
    device = MemoryDevice(bytes(64 * 512))
    writer = Writer(device, mount(device))
    writer.records = records
    assert writer.fits(20) is fits


@pytest.mark.parametrize(("by", "fits"), [(0, True), (1, False)])
def test_a_record_may_end_where_its_region_ends(by: int, fits: bool) -> None:
    device = MemoryDevice(bytes(64 * 512))
    writer = Writer(device, mount(device))
    assert writer.fits(writer.region.bytes - writer.end + by) is fits


def test_as_much_may_wait_after_a_compaction_as_before() -> None:
    device = CountingDevice(bytes((1 + 2 * 5000) * 512))
    mounted = mount(device)
    assert mounted.contents is not None
    writer = Writer(device, mounted)
    writer.append(Op.PUT, b"/k", bytes(3), 20)
    writer.switch(mounted.contents)
    writer.append(Op.PUT, b"/k", bytes(WAITING_BYTES_MAX - 17), WAITING_BYTES_MAX)
    assert device.written == 0, "exactly full"
    writer.append(Op.PUT, b"/k", b"", 17)
    assert device.written > 0

    writer = Writer(device, mounted)
    writer.switch(mounted.contents)
    device.written = 0
    writer.append(Op.PUT, b"/k", bytes(WAITING_BYTES_MAX - 16), WAITING_BYTES_MAX + 1)
    assert device.written > 0
