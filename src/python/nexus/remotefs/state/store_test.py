"""The store: what is kept, what is refused, transactions and compaction."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest

from nexus.remotefs.state.block import MemoryDevice
from nexus.remotefs.state.call import Call
from nexus.remotefs.state.contents import TXN_BYTES_MAX, TXN_KEYS_MAX, TXNS_MAX
from nexus.remotefs.state.error import StateError
from nexus.remotefs.state.fsck import Verdict, check
from nexus.remotefs.state.record import CHUNK_BYTES_MAX, VALUE_BYTES_MAX, Op, Record, encode_id
from nexus.remotefs.state.store import Store
from nexus.wire.state import Status

A, B = "/state/shared/a", "/state/shared/b"


def disk(sectors: int = 200) -> MemoryDevice:
    return MemoryDevice(bytes(sectors * 512))


def refused(call: Callable[[], object]) -> Status:
    with pytest.raises(StateError) as caught:
        call()
    return caught.value.status


def test_put_get_delete_list_and_open_again() -> None:
    device = disk()
    store = Store(device)
    store.put(B, b"2")
    store.put(A, b"1")
    store.put(A, b"")
    assert (store.get(A), store.get(B), store.get("/state/x")) == (b"", b"2", None)
    assert list(store.list_keys("/state/", 9)) == [A, B]
    assert list(store.list_keys("/state/", 1)) == [A]
    assert list(store.list_keys("/state/shared/b", 9)) == [B]
    assert store.delete(B)
    length = store.journal_bytes
    assert not store.delete(B)
    assert store.journal_bytes == length
    store.write_out()
    assert Store(device).snapshot() == {A: b""}


def test_limits_of_keys_and_values() -> None:
    store = Store(disk(400))
    assert refused(lambda: store.put("", b"")) is Status.INVALID_KEY
    assert refused(lambda: store.put("k" * 256, b"")) is Status.KEY_TOO_LONG
    assert refused(lambda: store.put("é" * 128, b"")) is Status.KEY_TOO_LONG
    assert refused(lambda: store.put(A, bytes(VALUE_BYTES_MAX + 1))) is Status.VALUE_TOO_LARGE
    assert store.journal_bytes == 0
    store.put("k" * 255, bytes(VALUE_BYTES_MAX))
    assert len(store.get("k" * 255) or b"") == VALUE_BYTES_MAX


@pytest.mark.parametrize("size", [*range(480, 500), *range(990, 1013)])
def test_records_that_end_about_a_boundary(size: int) -> None:
    device = MemoryDevice(b"\xaa" * 512 * 8)
    device.content[:512] = bytes(512)
    store = Store(device)
    store.put(A, bytes(size))
    store.write_out()
    store.put(B, b"2")
    store.write_out()
    assert Store(device).snapshot() == {A: bytes(size), B: b"2"}


def test_a_transaction_is_visible_at_once_or_never() -> None:
    device = disk()
    store = Store(device)
    first, second = store.begin(), store.begin()
    store.put_chunk(first, A, b"12")
    store.put_chunk(second, B, b"x")
    store.put_chunk(first, A, b"34")
    store.write_out()
    assert store.snapshot() == {}
    assert Store(device).snapshot() == {}
    store.commit(first)
    store.abort(second)
    store.write_out()
    assert Store(device).snapshot() == store.snapshot() == {A: b"1234"}
    assert refused(lambda: store.commit(first)) is Status.NOT_FOUND
    assert refused(lambda: store.put_chunk(second, A, b"")) is Status.NOT_FOUND
    assert Store(device).begin() == second + 1


def test_limits_of_transactions() -> None:
    store = Store(disk(2000))
    txns = [store.begin() for _ in range(TXNS_MAX)]
    assert refused(store.begin) is Status.TXN_LIMIT
    too_long = bytes(CHUNK_BYTES_MAX + 1)
    assert refused(lambda: store.put_chunk(txns[0], A, too_long)) is Status.VALUE_TOO_LARGE
    for number in range(TXN_KEYS_MAX):
        store.put_chunk(txns[0], f"/state/{number}", b"")
    assert refused(lambda: store.put_chunk(txns[0], A, b"")) is Status.TXN_LIMIT
    for number in range(TXN_BYTES_MAX // CHUNK_BYTES_MAX):
        for txn in txns[1:3]:
            store.put_chunk(txn, f"/state/{number // 8}", bytes(CHUNK_BYTES_MAX))
    assert refused(lambda: store.put_chunk(txns[1], "/state/0", b"1")) is Status.VALUE_TOO_LARGE
    assert refused(lambda: store.put_chunk(txns[1], A, b"1")) is Status.TXN_LIMIT
    assert refused(lambda: store.put_chunk(txns[3], A, b"1")) is Status.TXN_LIMIT
    store.commit(txns[1])
    store.put_chunk(txns[3], A, b"1")


def test_a_replay_forgets_what_no_writer_may_write() -> None:
    records = [Record(Op.PREPARE, "", encode_id(5))]
    records += [Record(Op.PAYLOAD, f"/state/{n}", encode_id(5)) for n in range(TXN_KEYS_MAX + 1)]
    records += [Record(Op.COMMIT, "", encode_id(5)), Record(Op.COMMIT, "", encode_id(9))]
    records += [Record(Op.PREPARE, "", encode_id(6)), Record(Op.PAYLOAD, A, encode_id(6) + b"old")]
    records += [Record(Op.PREPARE, "", encode_id(6)), Record(Op.PAYLOAD, A, encode_id(6) + b"new")]
    records += [Record(Op.COMMIT, "", encode_id(6))]
    data = b"".join(record.encode() for record in records)
    store = Store(MemoryDevice(data.ljust(8 * 512, b"\0")))
    assert store.snapshot() == {A: b"new"}
    assert store.begin() == 10


def test_compaction_alternates_and_keeps_everything() -> None:
    device = disk(80)
    store = Store(device)
    wanted = {}
    for turn in range(0, 400, 20):
        for number in range(turn, turn + 20):
            key, value = f"/state/{number % 7}", bytes([number % 256]) * (number % 90)
            store.put(key, value)
            wanted[key] = value
            assert store.journal_bytes <= 39 * 512
        store.sync()
        assert store.journal_bytes <= 39 * 512
    assert store.generation > 2
    again = Store(device)
    assert again.snapshot() == wanted
    assert again.generation == store.generation
    assert check(device).verdict is Verdict.CLEAN


def test_a_full_disk_refuses_and_keeps() -> None:
    device = disk(40)
    store = Store(device)
    keys = [f"/state/{number}" for number in range(99)]
    accepted = {}
    for key in keys:
        with suppress(StateError):
            store.put(key, bytes(300))
            accepted[key] = bytes(300)
    assert refused(lambda: store.put(A, bytes(300))) is Status.IO_ERROR
    assert 0 < len(accepted) < 99
    store.sync()
    assert Store(device).snapshot() == accepted


def test_entries_have_room_beside_what_is_remembered_of_peers() -> None:
    store = Store(disk(512))
    room = store.room_bytes
    store.put_for(Call("node-b", 1 << 32 | 1), A, b"v")
    # A record of its epoch and one of its keys, each 15 bytes around a head of 28 and its name of
    # 6; a key is 2 bytes, a call 21.
    assert room - store.room_bytes == 2 * (15 + 28 + 6) + 2 + 21


def test_no_compaction_while_a_transaction_is_open() -> None:
    store = Store(disk(80))
    txn = store.begin()
    for _ in range(150):
        store.put(A, bytes(60))
    assert store.generation == 0
    assert not store.compact()
    store.abort(txn)
    assert store.compact()
    assert store.generation == 1


def test_much_that_is_live_is_written_again_for_ever() -> None:
    """The journal of version 1 is compacted before it is where it could not be."""
    store = Store(MemoryDevice(bytes(64 * 512)))
    for number in range(200):
        store.put(f"/state/{number % 9}", bytes(1000))
        store.sync()
    assert store.generation > 0
