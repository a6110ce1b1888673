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

from nexus.remotefs.state.block import SECTOR_BYTES, MemoryDevice
from nexus.remotefs.state.fsck import Verdict, check
from nexus.remotefs.state.guest_disk_fake import ROOT, Image, Run, build_native, work
from nexus.remotefs.state.power_cut_fake import images_after
from nexus.remotefs.state.store import Store

IMAGE: Final = Image(
    Path("testprojects.power_cut.transactions/system.elf"),
    ROOT / "testprojects/power_cut/node.toml",
)
SECTORS: Final = 128
STEP_NS: Final = 10_000
BOOTS: Final = 16

# The table of testprojects/power_cut/transactions/transactions.zig.
ROUNDS: Final = 18
SYNC_EVERY: Final = 3
ABORT_EVERY: Final = 4
MEMBERS: Final = 3


def states() -> tuple[list[dict[str, bytes]], dict[int, int]]:
    """Return the state after each operation, and the number of operations before each SYNC."""
    after: list[dict[str, bytes]] = [{}]
    synced: dict[int, int] = {}
    for number in range(ROUNDS):
        letter, length = bytes([ord("a") + number]), number * 97 % 512
        after.append({**after[-1], "/state/shared/plain": 9 * letter})
        if number % ABORT_EVERY != ABORT_EVERY - 1:
            made = {f"/state/shared/txn/{n}": 2 * letter * length for n in range(MEMBERS)}
            after.append({**after[-1], **made})
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


def test_no_cut_leaves_half_a_transaction(
    native: bytes | None, capsys: pytest.CaptureFixture[str]
) -> None:
    run = boot(bytes(SECTORS * SECTOR_BYTES), native)
    assert Store(MemoryDevice(bytes(run.device.content))).snapshot() == STATES[-1]
    assert run.console.count(b"statefsd: compaction done") >= 2
    assert len(run.told) == 1 + len(SYNCED)
    points = [n for n, event in enumerate(run.device.events, 1) if event.data is not None]
    every = -(-len(points) // BOOTS)
    cuts = boots = left_open = 0
    for place, count in enumerate(points):
        durable = max(done for events, done in run.told if events <= count)
        images = list(images_after(run.device, count))
        cuts += len(images)
        for image in images:
            store = Store(MemoryDevice(image))
            assert store.damage is None, f"cut after event {count}"
            assert store.snapshot() in STATES[durable:], f"cut after event {count}"
            verdict = check(MemoryDevice(image)).verdict
            assert verdict is not Verdict.UNRECOVERABLE, f"cut after event {count}"
            left_open += bool(store.open_transactions)
        if place % every == 0:
            boots += 1
            open_ones = [i for i in images if Store(MemoryDevice(i)).open_transactions]
            again = boot((open_ones or images)[0], native)
            assert b"statefsd: journal v2 mounted (2PC)\n" in again.console
            assert Store(MemoryDevice(bytes(again.device.content))).snapshot() == STATES[-1]
    assert left_open > cuts // 4, "most cuts fall into a transaction"
    with capsys.disabled():
        print(f"\npower cuts of a guest's transactions: {cuts} at {len(points)} sector writes,")
        print(f"{left_open} within a transaction, {boots} of all booted again")
