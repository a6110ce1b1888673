"""A guest that makes transactions, its disk cut after every sector write: all of one, or nothing.

Each transaction gives three keys two chunks of one letter; with a plain put in between, and every
fourth one aborted.  Of each cut every image that is tried must hold the state after some whole
number of these, by the host's engine, by its fsck, and (a sample) by the guest itself, that boots
from it, ends what was left open, and does all its work again.
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
    Path("testprojects.power_cut.transactions/system.elf"),
    ROOT / "testprojects/power_cut/node.toml",
)
BOOTS: Final = 16

# The table of testprojects/power_cut/transactions/transactions.zig.
ROUNDS: Final = 18
SYNC_EVERY: Final = 3
ABORT_EVERY: Final = 4
MEMBERS: Final = 3


def table() -> States:
    """Return the states that the guest's workload goes through."""
    states = States()
    for number in range(ROUNDS):
        letter, length = bytes([ord("a") + number]), number * 97 % 512
        states.put({"/state/shared/plain": 9 * letter})
        if number % ABORT_EVERY != ABORT_EVERY - 1:
            states.put({f"/state/shared/txn/{n}": 2 * letter * length for n in range(MEMBERS)})
        if number % SYNC_EVERY == SYNC_EVERY - 1:
            states.sync(number)
    return states


def with_an_open_one(images: list[bytes], _turn: int) -> bytes:
    """The first image with a transaction that was left open, if there is one."""
    open_ones = [image for image in images if Store(MemoryDevice(image)).open_transactions]
    return (open_ones or images)[0]


def test_no_cut_leaves_half_a_transaction(capsys: pytest.CaptureFixture[str]) -> None:
    workload = Workload(IMAGE, table())
    run = workload.run(EMPTY)
    assert run.console.count(b"statefsd: compaction done") >= 2
    assert len(run.told) == 1 + len(workload.states.synced)
    cuts = cut_everywhere(workload, run, BOOTS, with_an_open_one)
    assert cuts.left_open > cuts.images // 4, "most cuts fall into a transaction"
    with capsys.disabled():
        print(f"\npower cuts of a guest's transactions: {cuts.images} at {cuts.points} sector")
        print(f"writes, {cuts.left_open} within a transaction, {cuts.boots} of all booted again")
