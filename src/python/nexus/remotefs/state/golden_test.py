"""One workload whose disk is fixed, byte for byte, here and in the guest's engine.

The same program and digest stand in src/guest/lib/statefs/golden_test.zig: the two engines write
the same disks, so each reads what the other wrote.
"""

from __future__ import annotations

import hashlib
from typing import Final

import pytest

from nexus.remotefs.state.block import MemoryDevice
from nexus.remotefs.state.call import Call
from nexus.remotefs.state.fsck import Verdict, check
from nexus.remotefs.state.store import Store

DIGEST: Final = "1ce3be764f82f10f4609297dcf954834b03e2164146ef19ea99ffb88b91a83e5"
SECTORS: Final = 72
PEERS_DIGEST: Final = "8c1ad239a97ac6e0cd2767487e5a3c554a64a8067f056e9ab8d5eb3c74b2f77a"


def run_workload(device: MemoryDevice, *, is_held: bool) -> None:
    store = Store(device)
    for turn in range(200):
        if not is_held:
            store.write_out()
        store.put(f"/state/{turn % 5}", bytes([turn]) * (turn * 7 % 200))
        if turn % 11 == 10:
            store.delete(f"/state/{turn // 11 % 5}")
        if turn % 13 == 12:
            txn = store.begin()
            store.put_chunk(txn, "/state/t", b"first")
            store.put_chunk(txn, "/state/u", bytes(600))
            store.put_chunk(txn, "/state/t", bytes([turn]))
            if turn % 2:
                store.abort(txn)
            else:
                store.commit(txn)
        if turn % 3 == 2:
            store.sync()
    open_one = store.begin()
    store.put_chunk(open_one, "/state/never", b"committed")
    store.write_out()


@pytest.mark.parametrize("is_held", [True, False])
def test_both_engines_write_this_disk(is_held: bool) -> None:
    device = MemoryDevice(bytes(SECTORS * 512))
    run_workload(device, is_held=is_held)
    assert hashlib.sha256(device.content).hexdigest() == DIGEST
    store = Store(device)
    assert store.generation > 2
    assert "/state/never" not in store.snapshot()
    assert check(device).verdict is Verdict.LEFTOVERS


def run_peers(device: MemoryDevice, *, is_held: bool) -> None:
    store = Store(device)
    for turn in range(400):
        if not is_held:
            store.write_out()
        digest = bytes([turn % 256]) * 16
        # Every peer starts again now and then; some calls have no name.
        epoch = 1 + turn // 90
        number = 0 if turn % 17 == 16 else epoch << 32 | turn + 1
        call = Call(f"host-{turn % 3 if turn < 300 else turn % 19}", number, digest)
        key = f"/state/shared/{turn % 7}"
        if turn % 5 == 4:
            store.delete_for(call, key)
        elif turn % 11 == 10:
            txn = store.begin()
            store.put_chunk(txn, key, bytes([turn % 256]) * 40)
            store.put_chunk(txn, "/state/shared/t", b"t")
            store.commit_for(call, txn)
        elif turn % 13 == 12:
            store.put(key, b"local")
        else:
            store.put_for(call, key, bytes([turn % 256]) * (turn % 50))
        if turn % 3 == 2:
            store.sync()
    store.write_out()


@pytest.mark.parametrize("is_held", [True, False])
def test_both_engines_remember_the_same_calls(is_held: bool) -> None:
    device = MemoryDevice(bytes(SECTORS * 512))
    run_peers(device, is_held=is_held)
    store = Store(device)
    assert store.generation > 2
    assert hashlib.sha256(device.content).hexdigest() == PEERS_DIGEST
    assert check(device).verdict is Verdict.CLEAN
