"""A guest that puts, deletes, syncs and compacts, its disk cut after every sector write.

Of each cut every image that is tried must hold the state after some whole number of the guest's
operations, none before the last confirmed SYNC missing, by the host's engine and its fsck;
and a sample of the images is booted, for the guest to mount and to do all its work again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from nexus.remotefs.state.block import MemoryDevice
from nexus.remotefs.state.guest_disk_scene import ROOT, Image
from nexus.remotefs.state.guest_power_cut_scene import EMPTY, States, Workload, cut_everywhere
from nexus.remotefs.state.store import Store

IMAGE: Final = Image(
    Path("testprojects.power_cut/system.elf"), ROOT / "testprojects/power_cut/node.toml"
)
BOOTS: Final = 12

# The table of testprojects/power_cut/workload.zig.
ROUNDS: Final = 24
SYNC_EVERY: Final = 4
DELETE_EVERY: Final = 5
KEYS: Final = 7


def do_the_same(store: Store) -> States:
    """Do to a store what the guest does, and note its states."""
    states = States()
    for number in range(ROUNDS):
        key = f"/state/shared/work/{number % KEYS}"
        value = bytes([ord("a") + number % 26]) * (number * 131 % 1500)
        store.put(key, value)
        states.put({key: value})
        if number % DELETE_EVERY == DELETE_EVERY - 1:
            store.delete(key)
            states.delete(key)
        if number % SYNC_EVERY == SYNC_EVERY - 1:
            store.sync()
            states.sync(number)
    return states


def test_every_cut_of_a_working_guests_disk(capsys: pytest.CaptureFixture[str]) -> None:
    host = MemoryDevice(EMPTY)
    workload = Workload(IMAGE, do_the_same(Store(host)))
    run = workload.run(EMPTY)
    assert run.console.count(b"statefsd: compaction done") >= 2
    assert len(run.told) == 1 + len(workload.states.synced)
    assert run.device.content == host.content, "both engines leave the same disk"
    cuts = cut_everywhere(workload, run, BOOTS, lambda images, turn: images[turn % len(images)])
    with capsys.disabled():
        print(f"\npower cuts of a working guest's disk: {cuts.images} at {cuts.points} sector")
        print(f"writes, {cuts.boots} of them booted again")
