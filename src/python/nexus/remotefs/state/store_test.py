"""The store: what is kept, what is refused, and what it does on disks that fail or are damaged."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import chain

import pytest

from nexus.remotefs.state.block import DeviceError, MemoryDevice
from nexus.remotefs.state.call import Call
from nexus.remotefs.state.contents import TXN_BYTES_MAX, TXN_KEYS_MAX, TXNS_MAX
from nexus.remotefs.state.fsck import Verdict, check, repair
from nexus.remotefs.state.mount import BAD_SUPERBLOCK, NO_JOURNAL, TOO_SMALL, mount
from nexus.remotefs.state.record import CHUNK_BYTES_MAX, VALUE_BYTES_MAX, Op, Record, encode_id
from nexus.remotefs.state.store import StateError, Store
from nexus.remotefs.state.superblock import Superblock
from nexus.remotefs.state.writer import WAITING_BYTES_MAX
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


class FailingDevice(MemoryDevice):
    """A disk that fails when told to."""

    broken: str = ""

    def read(self, sector: int, count: int) -> bytes:
        self._maybe("read")
        return super().read(sector, count)

    def write(self, sector: int, data: bytes) -> None:
        self._maybe("write")
        super().write(sector, data)

    def flush(self) -> None:
        self._maybe("flush")

    def _maybe(self, what: str) -> None:
        if self.broken == what:
            raise DeviceError(what)


def test_a_disk_that_fails() -> None:
    device = FailingDevice(bytes(512 * 80))
    store = Store(device)
    store.put(A, b"1")
    store.sync()
    device.broken = "write"
    store.put(A, b"2")
    assert refused(store.sync) is Status.IO_ERROR
    assert refused(store.write_out) is Status.IO_ERROR
    assert Store(device).snapshot() == {A: b"1"}
    device.broken = ""
    store.put(B, b"3")
    store.sync()  # The waiting records are written once the disk takes them.
    assert Store(device).snapshot() == {A: b"2", B: b"3"}
    store.put(B, b"4")
    device.broken = "flush"
    assert refused(store.sync) is Status.IO_ERROR
    device.broken = ""
    # After a failed flush, only opening again shows what was lost.
    assert refused(store.sync) is Status.IO_ERROR
    assert refused(lambda: store.put(B, b"5")) is Status.IO_ERROR
    assert Store(device).snapshot() == {A: b"2", B: b"4"}
    device.broken = "read"
    assert refused(lambda: Store(device)) is Status.IO_ERROR
    assert check(device).verdict is Verdict.UNRECOVERABLE


def test_transactions_are_forgotten_also_where_the_disk_takes_no_record_of_it() -> None:
    class Broken(MemoryDevice):
        """Takes writes and loses the flush."""

        def flush(self) -> None:
            raise DeviceError("flush")

    store = Store(Broken(bytes(200 * 512)))
    store.begin()
    store.put_chunk(store.begin(), A, b"1")
    assert refused(store.sync) is Status.IO_ERROR
    store.abort_all()
    assert store.open_transactions == ()
    assert store.get(A) is None


def test_a_disk_that_fails_while_much_waits() -> None:
    device = FailingDevice(bytes(512 * 10_000))
    store = Store(device)
    device.broken = "write"
    accepted = WAITING_BYTES_MAX // 60_100
    for number in range(accepted):
        store.put(f"/state/{number}", bytes(60_000))
    assert refused(lambda: store.put(A, bytes(60_000))) is Status.IO_ERROR
    assert len(store.snapshot()) == accepted, "a refused operation changes nothing"
    device.broken = ""
    store.sync()
    assert Store(device).snapshot() == store.snapshot()


@pytest.mark.parametrize("broken", ["read", "write", "flush"])
def test_a_disk_that_fails_while_it_compacts(broken: str) -> None:
    device = FailingDevice(bytes(512 * 80))
    store = Store(device)
    store.put(A, b"1")
    store.sync()
    device.broken = broken
    assert refused(store.compact) is Status.IO_ERROR
    device.broken = ""
    assert refused(lambda: store.put(A, b"2")) is Status.IO_ERROR
    assert refused(store.write_out) is Status.IO_ERROR
    assert Store(device).snapshot() == {A: b"1"}


def put_numbers(store: Store, numbers: Iterable[int]) -> None:
    for number in numbers:
        store.put(f"/state/{number}", bytes([number]) * number)
        store.sync()


@pytest.mark.parametrize("compacted", [False, True])
def test_every_flipped_bit_of_synced_data_is_noticed(compacted: bool) -> None:
    device = disk(24)
    store = Store(device)
    put_numbers(store, range(4))
    assert not compacted or store.compact()
    put_numbers(store, range(4, 6))
    image, wanted = bytes(device.content), store.snapshot()
    start = 1 + 11 if compacted else 0
    # Except for the last mark: behind it nothing proves anything, and nothing is lost with it.
    journal = range(start * 512 * 8, (start * 512 + store.journal_bytes - 15) * 8)
    superblock = range(20 * 8 if compacted else 0)
    for bit in chain(journal, superblock):
        bad = bytearray(image)
        bad[bit // 8] ^= 1 << bit % 8
        look_at_damage(bytes(bad), wanted, is_superblock=compacted and bit < 160)


def look_at_damage(image: bytes, wanted: dict[str, bytes], is_superblock: bool) -> None:
    device = MemoryDevice(image)
    verdict = check(device).verdict
    if is_superblock and verdict is Verdict.LEFTOVERS:
        assert Store(device).snapshot() == wanted  # The snapshot said what it was to say.
        return
    assert verdict is Verdict.UNRECOVERABLE
    assert repair(device).verdict is Verdict.UNRECOVERABLE
    if mount(device).contents is None:
        assert refused(lambda: Store(device)) is Status.INTEGRITY_VIOLATION
    else:
        store = Store(device)
        assert store.snapshot().items() <= wanted.items()
        assert refused(lambda: store.put(A, b"")) is Status.INTEGRITY_VIOLATION
        assert refused(store.compact) is Status.INTEGRITY_VIOLATION
    assert bytes(device.content) == image, "a damaged disk is not written to"


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (b"", "device without sectors"),
        (b"\xeb\x3c" + bytes(510), NO_JOURNAL),
        (b"NXS2" + bytes(512 * 9 - 4), BAD_SUPERBLOCK),
        (Superblock(0, 1, 0).encode().ljust(512 * 4, b"\0"), TOO_SMALL),
        (
            Superblock(0, 1, 0).encode().ljust(512 * 9, b"\0"),
            "missing checkpoint at snapshot start",
        ),
    ],
)
def test_disks_that_hold_something_else(image: bytes, reason: str) -> None:
    device = MemoryDevice(image)
    report = check(device)
    assert (report.verdict, report.lines) == (Verdict.UNRECOVERABLE, (reason,))
    assert refused(lambda: Store(device)) is Status.INTEGRITY_VIOLATION


@pytest.mark.parametrize(
    ("chosen", "reason"),
    [
        (Superblock(1, 2, 1), "checkpoint/superblock generation mismatch"),
        (Superblock(1, 1, 2), "checkpoint/superblock entry-count mismatch"),
    ],
)
def test_a_superblock_that_disagrees(chosen: Superblock, reason: str) -> None:
    device = disk(24)
    store = Store(device)
    store.put(A, b"1")
    assert store.compact()
    assert check(device).verdict is Verdict.CLEAN
    device.write(0, chosen.encode().ljust(512, b"\0"))
    assert check(device).lines == (reason,)


def test_more_records_than_any_writer_makes() -> None:
    data = Record(Op.DELETE, "k").encode() * 100_000
    device = MemoryDevice(data.ljust(-(-len(data) // 512) * 512, b"\0"))
    assert check(device).lines == ("replay record limit exceeded",)


def test_repair_ends_open_transactions_and_says_so() -> None:
    device = disk()
    store = Store(device)
    store.begin()
    store.put(A, b"1")
    store.begin()
    store.sync()
    assert check(device).verdict is Verdict.LEFTOVERS
    report = repair(device)
    assert report.verdict is Verdict.LEFTOVERS
    assert [line for line in report.lines if "open" in line] == [
        "transaction 1 is open",
        "transaction 2 is open",
    ]
    assert check(device).verdict is Verdict.CLEAN
    assert repair(device).verdict is Verdict.CLEAN
    assert Store(device).snapshot() == {A: b"1"}


def test_much_that_is_live_is_written_again_for_ever() -> None:
    """The journal of version 1 is compacted before it is where it could not be."""
    store = Store(MemoryDevice(bytes(64 * 512)))
    for number in range(200):
        store.put(f"/state/{number % 9}", bytes(1000))
        store.sync()
    assert store.generation > 0
