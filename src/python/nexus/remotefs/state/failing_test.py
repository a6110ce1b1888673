"""A store's knowledge of its disk after writes that failed, whole or in part.

A power cut ends a life; a failed write does not: the same store goes on, and has to know where the
journal ends, how many records it has, and that something may stand behind its end.
"""

from __future__ import annotations

import pytest

from nexus.core.randomness import KeyedRandom
from nexus.remotefs.state.block import SECTOR_BYTES, DeviceError, MemoryDevice
from nexus.remotefs.state.error import StateError
from nexus.remotefs.state.mount import mount
from nexus.remotefs.state.record import SYNC_BYTES
from nexus.remotefs.state.store import Store

SECTORS = 72


class TearingDevice(MemoryDevice):
    """A disk that takes so many more bytes, and then refuses once; it counts what is read."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.left: int | None = None
        self.reads = 0

    def read(self, sector: int, count: int) -> bytes:
        self.reads += 1
        return super().read(sector, count)

    def write(self, sector: int, data: bytes) -> None:
        if self.left is None or self.left >= len(data):
            self.left = None if self.left is None else self.left - len(data)
            super().write(sector, data)
            return
        start, torn, self.left = sector * SECTOR_BYTES, data[: self.left], None
        self.content[start : start + len(torn)] = torn
        raise DeviceError("torn")


def blank() -> TearingDevice:
    return TearingDevice(bytes(SECTORS * SECTOR_BYTES))


def agree(store: Store, device: MemoryDevice) -> None:
    """The store and the next one to open the disk know the same."""
    found = mount(device)
    assert found.damage is None
    assert found.contents is not None
    assert found.contents.entries == dict(store.snapshot())
    writer = store._writer
    # The mark of the last sync is written with what comes next.
    waits = writer.end - found.end
    assert waits in (0, len(SYNC_BYTES))
    assert writer.records - found.records == (waits > 0)
    assert (writer.region, writer.superblock) == (found.region, found.superblock)


def begin(is_compacted: bool) -> tuple[TearingDevice, Store]:
    device = blank()
    store = Store(device)
    store.put("/state/a", bytes(300))
    store.sync()
    if is_compacted:
        assert store.compact()
        store.sync()
    return device, store


def go_on(store: Store, device: MemoryDevice) -> None:
    store.set_durably("/state/c", b"next")
    store.put("/state/d", b"more")
    store.sync()
    agree(store, device)
    assert not mount(device).has_residue


@pytest.mark.parametrize("is_compacted", [False, True])
@pytest.mark.parametrize("left", [0, 1, 20, 511, 512, 513, 900])
def test_behind_a_torn_write_the_store_goes_on_as_if_nothing_had_been(
    left: int, is_compacted: bool
) -> None:
    torn, torn_store = begin(is_compacted)
    torn.left = left
    with pytest.raises(StateError):
        torn_store.set_durably("/state/b", bytes([7]) * 1100)
    agree_after_tear(torn_store, torn)
    go_on(torn_store, torn)

    whole, whole_store = begin(is_compacted)
    go_on(whole_store, whole)

    assert torn.content == whole.content


def agree_after_tear(store: Store, device: MemoryDevice) -> None:
    """Nothing of the refused change is in memory, and the disk is sound."""
    assert dict(store.snapshot()) == {"/state/a": bytes(300)}
    found = mount(device)
    assert found.damage is None
    assert found.contents is not None
    assert found.contents.entries == dict(store.snapshot())


def change(store: Store, random: KeyedRandom, number: int) -> bool:
    """Set or delete something; return whether the disk took it."""
    key = f"/state/{random.below(6, 'key', number)}"
    is_deleted = random.below(4, "kind", number) == 0
    value = random.bytes(random.below(400, "size", number), "value", number)
    try:
        store.set_durably(key, None if is_deleted else value)
    except StateError:
        return False
    return True


def agree_if(is_changed: bool, store: Store, device: MemoryDevice) -> None:
    """Behind a torn write the disk holds a residue, and nothing is said of that."""
    if is_changed:
        agree(store, device)


@pytest.mark.parametrize("seed", range(3))
def test_a_store_knows_of_its_disk_what_the_next_one_finds(seed: int) -> None:
    random = KeyedRandom(seed)
    device = blank()
    store = Store(device)
    failures = 0
    for number in range(200):
        is_torn = random.below(4, "torn", number) == 0
        device.left = random.below(1500, "left", number) if is_torn else None
        is_changed = change(store, random, number)
        device.left = None
        failures += not is_changed
        # It may have been changing over: opening shows what is in force.
        store = Store(device) if store._writer.has_failed else store
        agree_if(is_changed, store, device)
    assert failures > 10
    assert store.generation > 1


def test_a_disk_in_order_is_looked_at_once() -> None:
    device = blank()
    store = Store(device)
    store.put("/state/a", b"1")
    store.sync()
    reads = device.reads
    for number in range(5):
        store.put("/state/a", bytes([number]))
        store.sync()
    assert device.reads == reads
