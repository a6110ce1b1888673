"""Transfers that may begin, and a superblock that is lost: found by faults that were planted."""

from __future__ import annotations

import pytest

from nexus.remotefs.state.acl import TRANSFER_BYTES_MAX, Reject, Rejection, judge_transfer
from nexus.remotefs.state.block import SECTOR_BYTES, MemoryDevice
from nexus.remotefs.state.fsck import Verdict, check
from nexus.remotefs.state.power_cut_fake import DirectStore
from nexus.remotefs.state.store import Store
from nexus.remotefs.state.superblock import regions
from nexus.wire.state import Op

KEY = "/state/shared/a"


@pytest.mark.parametrize(
    ("op", "value_bytes"), [(Op.PUT, 1), (Op.PUT, TRANSFER_BYTES_MAX), (Op.GET, 0)]
)
def test_a_transfer_that_may_begin(op: Op, value_bytes: int) -> None:
    assert judge_transfer(op, KEY.encode(), value_bytes) == KEY


@pytest.mark.parametrize(
    ("op", "key", "value_bytes", "reject"),
    [
        (Op.PUT, KEY.encode(), TRANSFER_BYTES_MAX + 1, Reject.OVERSIZED),
        (Op.PUT, KEY.encode(), 0, Reject.OVERSIZED),
        (Op.GET, None, 0, Reject.OVERSIZED),
        (Op.GET, b"", 0, Reject.BAD_REQUEST),
        (Op.GET, b"/state/shared/\xff", 0, Reject.BAD_REQUEST),
    ],
)
def test_a_transfer_that_may_not_begin(
    op: Op, key: bytes | None, value_bytes: int, reject: Reject
) -> None:
    found = judge_transfer(op, key, value_bytes)
    assert isinstance(found, Rejection)
    assert (found.op, found.why) == (op, reject)


@pytest.mark.parametrize("key", ["/state/a", "/state/sharedx/a", "/", "shared/a", "/state/shared/"])
@pytest.mark.parametrize("op", [Op.PUT, Op.GET])
def test_no_transfer_leaves_what_is_shared(op: Op, key: str) -> None:
    found = judge_transfer(op, key.encode(), 1)
    assert isinstance(found, Rejection)
    assert found.why is not Reject.OVERSIZED


@pytest.mark.parametrize("kind_of_store", [Store, DirectStore])
def test_a_lost_superblock_is_written_again_with_the_first_change(
    kind_of_store: type[Store],
) -> None:
    device = MemoryDevice(bytes(72 * SECTOR_BYTES))
    store = kind_of_store(device)
    store.put("/state/a", b"1")
    store.sync()
    assert store.compact()
    store.sync()
    superblock = bytes(device.content[:SECTOR_BYTES])
    assert any(superblock)
    torn = bytes([*superblock[:10], superblock[10] ^ 1, *superblock[11:]])
    device.write(0, torn)
    again = kind_of_store(device)
    assert again.damage is None
    assert again.snapshot() == {"/state/a": b"1"}
    assert bytes(device.content[:SECTOR_BYTES]) == torn, "opening writes nothing"
    report = check(device)
    assert report.verdict is Verdict.LEFTOVERS
    assert any("superblock torn" in line for line in report.lines)
    again.put("/state/b", b"2")
    again.sync()
    assert bytes(device.content[:SECTOR_BYTES]) == superblock
    assert kind_of_store(device).snapshot() == {"/state/a": b"1", "/state/b": b"2"}
    clean = check(device)
    assert clean.verdict is Verdict.CLEAN
    assert not any("superblock torn" in line for line in clean.lines)


@pytest.mark.parametrize("kind_of_store", [Store, DirectStore])
def test_a_snapshot_that_never_came_into_force_is_cleared_by_the_first_change(
    kind_of_store: type[Store],
) -> None:
    """Left there, it would be in force as soon as the superblock is lost."""
    device = MemoryDevice(bytes(800 * SECTOR_BYTES))  # More than is looked at behind an end.
    store = kind_of_store(device)
    store.put("/state/a", b"1")
    store.sync()
    before = bytes(device.content[:SECTOR_BYTES])
    assert store.compact()
    store.sync()
    pair = regions(800)
    assert pair is not None
    stale = pair[1].start * SECTOR_BYTES
    device.write(0, before)  # As if the power had failed before the switch.
    assert any(device.content[stale : stale + SECTOR_BYTES])
    again = kind_of_store(device)
    assert again.snapshot() == {"/state/a": b"1"}
    again.put("/state/b", b"2")
    again.sync()
    assert not any(device.content[stale : stale + SECTOR_BYTES])
    assert kind_of_store(device).snapshot() == {"/state/a": b"1", "/state/b": b"2"}
