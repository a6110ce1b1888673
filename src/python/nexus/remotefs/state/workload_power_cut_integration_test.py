"""A guest that puts, deletes, syncs and compacts, its disk cut after every sector write.

Of each cut every image that is tried must hold the state after some whole number of the guest's
operations, none before the last SYNC it was told of missing, by the host's engine and its fsck;
and a sample of the images is booted, for the guest to mount and to do all its work again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from nexus.remotefs.state.block import SECTOR_BYTES, MemoryDevice
from nexus.remotefs.state.fsck import Verdict, check
from nexus.remotefs.state.guest_disk_fake import ROOT, Image, Run, build_native, work
from nexus.remotefs.state.power_cut_fake import images_after
from nexus.remotefs.state.store import Store

IMAGE: Final = Image(
    Path("testprojects.power_cut/system.elf"), ROOT / "testprojects/power_cut/node.toml"
)
SECTORS: Final = 128
STEP_NS: Final = 10_000  # How exactly it is known when a SYNC was acknowledged.
BOOTS: Final = 12

# The table of testprojects/power_cut/workload.zig.
ROUNDS: Final = 24
SYNC_EVERY: Final = 4
KEYS: Final = 7


def states() -> tuple[list[dict[str, bytes]], dict[int, int]]:
    """Return the state after each change, and the number of changes before each SYNC."""
    after: list[dict[str, bytes]] = [{}]
    synced: dict[int, int] = {}
    for number in range(ROUNDS):
        key = f"/state/shared/work/{number % KEYS}"
        value = bytes([ord("a") + number % 26]) * (number * 131 % 1500)
        after.append({**after[-1], key: value})
        if number % 5 == 4:
            after.append({name: kept for name, kept in after[-1].items() if name != key})
        if number % SYNC_EVERY == SYNC_EVERY - 1:
            synced[number] = len(after) - 1
    return after, synced


STATES, SYNCED = states()


@pytest.fixture(scope="module")
def native(tmp_path_factory: pytest.TempPathFactory) -> bytes | None:
    return build_native(tmp_path_factory.mktemp("native"))


def boot(content: bytes, native: bytes | None) -> Run:
    """Run the guest until its work is done."""
    return work(IMAGE, content, native, SYNCED, STEP_NS)


def same_work(store: Store) -> None:
    """Do what the guest does."""
    for number in range(ROUNDS):
        key = f"/state/shared/work/{number % KEYS}"
        store.put(key, bytes([ord("a") + number % 26]) * (number * 131 % 1500))
        if number % 5 == 4:
            store.delete(key)
        if number % SYNC_EVERY == SYNC_EVERY - 1:
            store.sync()


def test_every_cut_of_a_working_guests_disk(
    native: bytes | None, capsys: pytest.CaptureFixture[str]
) -> None:
    run = boot(bytes(SECTORS * SECTOR_BYTES), native)
    assert run.console.count(b"statefsd: compaction done") >= 2
    assert len(run.told) == 1 + len(SYNCED)
    host = MemoryDevice(bytes(SECTORS * SECTOR_BYTES))
    same_work(Store(host))
    assert run.device.content == host.content, "both engines leave the same disk"
    points = [n for n, event in enumerate(run.device.events, 1) if event.data is not None]
    every = -(-len(points) // BOOTS)
    cuts = boots = 0
    for place, count in enumerate(points):
        durable = max(changes for events, changes in run.told if events <= count)
        images = list(images_after(run.device, count))
        cuts += len(images)
        for image in images:
            store = Store(MemoryDevice(image))
            assert store.damage is None, f"cut after event {count}"
            assert store.snapshot() in STATES[durable:], f"cut after event {count}"
            verdict = check(MemoryDevice(image)).verdict
            assert verdict is not Verdict.UNRECOVERABLE, f"cut after event {count}"
        if place % every == 0:
            boots += 1
            again = boot(images[boots % len(images)], native)
            assert b"statefsd: journal v2 mounted (2PC)\n" in again.console
            assert Store(MemoryDevice(bytes(again.device.content))).snapshot() == STATES[-1]
    with capsys.disabled():
        print(f"\npower cuts of a working guest's disk: {cuts} at {len(points)} sector writes,")
        print(f"{boots} of them booted again")
