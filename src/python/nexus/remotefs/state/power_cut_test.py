"""Power cuts, exhaustively: after every sector write of a workload, in every way that is tried.

After each cut the disk must hold the state after a whole number of operations, none of those that
were synced missing; fsck must find nothing wrong; and writing on must work.  Workloads run as the
guest does them, every record written at once, and as the host does, where what is not synced waits
and is written together: 120 to 300 operations on a disk of 72 sectors; half a minute of one core.
"""

from __future__ import annotations

from functools import partial
from itertools import islice

import pytest

from nexus.core.randomness import KeyedRandom
from nexus.remotefs.state.block import SECTOR_BYTES, MemoryDevice
from nexus.remotefs.state.power_cut_fake import (
    DirectStore,
    RecordingDevice,
    Survivors,
    Workload,
    images_after,
    write_points,
)
from nexus.remotefs.state.store import Store

SECTORS = 72  # Two regions of 35: journals are compacted about every tenth of a workload.
CUT_AGAIN_EVERY = 80  # After every so many cuts, the recovery is cut again.


def run(
    content: bytes, seed: int, operations: int, sync_every: int, kind_of_store: type[Store] = Store
) -> Workload:
    """Puts of all sizes, deletes, transactions of several keys, and compactions on the way."""
    random = KeyedRandom(seed)
    work = Workload(RecordingDevice(content))
    store = kind_of_store(work.device)
    work.states[0] = store.snapshot()
    for number in range(operations):
        state = dict(work.states[-1])
        key = f"/state/shared/{random.below(9, 'key', number)}"
        kind = random.below(10, "kind", number)
        if kind == 0 and key in state:
            del state[key]
            work.do(partial(store.delete, key), state)
        elif kind == 1:
            txn = store.begin()
            for part in range(3):
                chunk = random.bytes(40, "chunk", number, part)
                store.put_chunk(txn, f"{key}/{part % 2}", chunk)
                held = state.get(f"{key}/{part % 2}", b"") if part == 2 else b""
                state[f"{key}/{part % 2}"] = held + chunk
            work.do(partial(store.commit, txn), state)
        else:
            long = 1500 if kind == 2 else 60
            value = random.bytes(random.below(long, "size", number), "value", number)
            state[key] = value
            work.do(partial(store.put, key, value), state)
        if random.below(sync_every, "sync", number) == 0:
            store.sync()
            work.did_sync()
    assert store.snapshot() == work.states[-1]
    return work


@pytest.mark.parametrize(
    ("kind_of_store", "seed", "operations", "sync_every"),
    [
        (DirectStore, 1, 150, 2),
        (DirectStore, 2, 120, 9),
        (DirectStore, 3, 120, 40),
        (Store, 1, 200, 2),
        (Store, 2, 200, 9),
        (Store, 3, 300, 40),
        (Store, 5, 300, 150),  # Several compactions between two syncs.
    ],
)
def test_a_cut_after_every_sector_write(
    kind_of_store: type[Store],
    seed: int,
    operations: int,
    sync_every: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    work = run(bytes(SECTORS * SECTOR_BYTES), seed, operations, sync_every, kind_of_store)
    generation = Store(work.device).generation
    assert generation >= 2, "the workload must compact into both regions"
    points = write_points(work.device)
    survivors = Survivors()
    for count in points:
        states = work.acceptable(count)
        for image in images_after(work.device, count):
            survivors.judge(image, states)
    with capsys.disabled():
        print(
            f"\n{kind_of_store.__name__}: {survivors.cuts} power cuts at {len(points)} sector"
            f" writes of {operations} operations, {len(survivors.seen)} different disks,"
            f" {generation} compactions"
        )
    assert survivors.cuts > 5 * len(points)


def test_a_cut_within_a_batch_longer_than_may_be_unflushed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    device = RecordingDevice(bytes(400 * SECTOR_BYTES))
    store = Store(device)
    states: list[dict[str, bytes]] = [{}]
    for number in range(4):
        key, value = f"/state/{number}", bytes([number + 1]) * 40_000
        store.put(key, value)
        states.append({**states[-1], key: value})
    store.sync()
    cuts = 0
    for count in write_points(device):
        for image in images_after(device, count):
            cuts += 1
            left = Store(MemoryDevice(image))
            assert left.damage is None, f"cut after event {count}"
            assert left.snapshot() in states, f"cut after event {count}"
    with capsys.disabled():
        print(f"\npower cuts of a long batch: {cuts}")
    assert cuts > 300 * 20


def test_records_of_another_life_never_continue_the_journal() -> None:
    """Of two unsynced records of a sector each the second one reached the disk, the first not."""
    size = SECTOR_BYTES - 15 - len("/state/0")
    device = RecordingDevice(bytes(SECTORS * SECTOR_BYTES))
    store = Store(device)
    store.put("/state/0", bytes(size - 15))  # With its mark it fills a sector.
    store.sync()
    synced = store.snapshot()
    image = bytearray(device.content)
    store.put("/state/1", b"lost" + bytes(size - 4))
    store.put("/state/2", b"kept" + bytes(size - 4))
    store.write_out()
    image[2 * SECTOR_BYTES : 3 * SECTOR_BYTES] = device.content[1024:1536]
    assert Store(MemoryDevice(bytes(image))).snapshot() == synced
    for kind_of_store in (Store, DirectStore):
        again = RecordingDevice(bytes(image))
        store = kind_of_store(again)
        store.put("/state/3", bytes(size))
        store.write_out()
        allowed = [synced, {**synced, "/state/3": bytes(size)}]
        for count in write_points(again):
            for left in images_after(again, count):
                assert Store(MemoryDevice(left)).snapshot() in allowed


def test_a_cut_in_the_recovery_from_a_cut(capsys: pytest.CaptureFixture[str]) -> None:
    work = run(bytes(SECTORS * SECTOR_BYTES), 4, 60, 9)
    survivors = Survivors()
    cuts = (
        (count, image)
        for count in write_points(work.device)
        for image in images_after(work.device, count)
    )
    for count, image in islice(cuts, CUT_AGAIN_EVERY - 1, None, CUT_AGAIN_EVERY):
        left = Store(MemoryDevice(image)).snapshot()
        second = run(image, count, 4, 2)
        assert second.states[0] == left
        for again in write_points(second.device):
            for inner in images_after(second.device, again):
                survivors.judge(inner, second.acceptable(again))
    with capsys.disabled():
        print(f"\npower cuts in recoveries: {survivors.cuts}")
    assert survivors.cuts > 1000
