"""Commits of peers: a cut, or a disk that fails, leaves all keys of one set or none."""

from __future__ import annotations

import itertools

from nexus.remotefs.state.acl import NAMESPACE
from nexus.remotefs.state.block import SECTOR_BYTES, MemoryDevice
from nexus.remotefs.state.call import Call
from nexus.remotefs.state.error import StateError
from nexus.remotefs.state.power_cut_fake import BreakingDevice, RecordingDevice, images_after
from nexus.remotefs.state.store import Store
from nexus.wire.state import Status

SECTORS = 72
OLD = {f"{NAMESPACE}{name}": b"old" for name in "abc"}
NEW = dict.fromkeys(OLD, b"new" * 100)
CALL = Call("node-a", 7 << 32 | 1)


def fill(store: Store) -> None:
    """Set all keys as they were."""
    for key, value in OLD.items():
        store.set_durably(key, value, Call("node-a"))


def commit(store: Store) -> Status:
    """Set all keys anew, as a commit of a peer does; return how it is answered."""
    try:
        store.set_all_durably(NEW, CALL)
    except StateError as exc:
        return exc.status
    return Status.OK


def test_a_cut_leaves_all_keys_and_what_is_remembered_of_the_commit_or_neither() -> None:
    device = RecordingDevice(bytes(SECTORS * SECTOR_BYTES))
    store = Store(device)
    fill(store)
    begun, seen = len(device.events), set()
    assert commit(store) is Status.OK
    for count in range(begun, len(device.events) + 1):
        for image in images_after(device, count):
            left = Store(MemoryDevice(image))
            is_made = left.judge(CALL) is Status.OK
            assert left.snapshot() == (NEW if is_made else OLD)
            assert is_made or count < len(device.events)
            seen.add((is_made, bool(left.open_transactions)))
    assert seen == {(False, False), (False, True), (True, False)}


def test_a_disk_that_fails_anywhere_leaves_all_keys_set_or_none() -> None:
    whole = MemoryDevice(bytes(SECTORS * SECTOR_BYTES))
    fill(Store(whole))
    image = whole.read(0, SECTORS)

    def has_failed(number: int) -> bool:
        device = BreakingDevice(image, number, is_lasting=False)
        try:
            store = Store(device)
        except StateError:
            return True
        status = commit(store)
        assert store.snapshot() == (NEW if status is Status.OK else OLD)
        device.left = -2
        left = Store(device).snapshot()
        assert left == NEW or (left == OLD and status is Status.IO_ERROR)
        return device.has_failed

    places = len(list(itertools.takewhile(has_failed, itertools.count())))
    assert places > 5, "the disk failed at few places"


def test_after_a_commit_that_the_disk_did_not_take_the_store_is_to_be_opened_again() -> None:
    device = BreakingDevice(bytes(SECTORS * SECTOR_BYTES), -2, is_lasting=False)
    store = Store(device)
    fill(store)
    device.left = 0
    assert commit(store) is Status.IO_ERROR
    assert commit(store) is Status.IO_ERROR
    assert store.snapshot() == OLD
    assert commit(Store(device)) is Status.OK
