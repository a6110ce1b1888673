"""The store on disks that fail, that are damaged, or that hold something else."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain

import pytest

from nexus.remotefs.state.block import DeviceError, MemoryDevice
from nexus.remotefs.state.error import StateError
from nexus.remotefs.state.fsck import Verdict, check, repair
from nexus.remotefs.state.mount import BAD_SUPERBLOCK, NO_JOURNAL, TOO_SMALL, mount
from nexus.remotefs.state.record import Op, Record
from nexus.remotefs.state.store import Store
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


@pytest.mark.parametrize(
    ("transactions", "advice"), [(0, "remove keys first"), (1, "end the open transactions first")]
)
def test_a_full_disk_says_what_makes_room(transactions: int, advice: str) -> None:
    store = Store(disk(24))
    for _ in range(transactions):
        store.begin()

    def fill() -> None:
        for number in range(1000):
            store.put(f"/state/{number}", bytes(100))

    with pytest.raises(StateError, match=rf"no room for a record of \d+ bytes; {advice}"):
        fill()
    assert store.snapshot()


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
