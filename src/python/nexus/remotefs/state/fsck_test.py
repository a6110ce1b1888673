"""The words of `fsck` about a disk, line by line, and the state in which a repair leaves it."""

from __future__ import annotations

import pytest

from nexus.remotefs.state.block import SECTOR_BYTES, DeviceError, MemoryDevice
from nexus.remotefs.state.fsck import Report, Verdict, check, repair
from nexus.remotefs.state.store import Store

SECTORS = 72


def disk() -> MemoryDevice:
    return MemoryDevice(bytes(SECTORS * SECTOR_BYTES))


def filled(*, compacted: bool = False) -> MemoryDevice:
    device = disk()
    store = Store(device)
    store.put("/state/a", b"1")
    store.sync()
    for _ in range(compacted):
        assert store.compact()
        store.sync()
    return device


def test_the_verdicts_are_exit_codes() -> None:
    assert [(each.name, each.value) for each in Verdict] == [
        ("CLEAN", 0),
        ("LEFTOVERS", 1),
        ("UNRECOVERABLE", 2),
    ]


def test_an_empty_disk_and_a_sound_one_are_clean() -> None:
    assert check(disk()) == Report(Verdict.CLEAN, ("v1: 0 entries, 0 records, 0 bytes",))
    report = check(filled())
    store = Store(filled())
    assert report == Report(
        Verdict.CLEAN, (f"v1: 1 entries, 2 records, {store.journal_bytes} bytes",)
    )
    assert check(filled(compacted=True)).lines[0].startswith("v2 generation 1: 1 entries, ")


@pytest.mark.parametrize("count", [1, 2])
def test_open_transactions_are_leftovers_which_a_repair_aborts(count: int) -> None:
    device = filled()
    store = Store(device)
    for _ in range(count):
        store.begin()
    store.sync()
    before = bytes(device.content)
    report = check(device)
    assert report.verdict is Verdict.LEFTOVERS
    orphans = store.open_transactions
    assert report.lines[1:] == tuple(f"transaction {txn} is open" for txn in orphans)
    assert bytes(device.content) == before, "looking changes nothing"
    repaired = repair(device)
    assert repaired.verdict is Verdict.LEFTOVERS
    assert repaired.lines[: len(report.lines) + 1] == (*report.lines, "repaired")
    assert repaired.lines[len(report.lines) + 1 :] == check(device).lines
    assert check(device).verdict is Verdict.CLEAN
    again = Store(device)
    assert (again.open_transactions, again.snapshot()) == ((), {"/state/a": b"1"})


def test_a_repair_of_a_sound_disk_says_what_a_look_says() -> None:
    device = filled()
    before = check(device)
    assert repair(device) == before
    assert check(device) == before


def test_a_torn_end_is_named_and_needs_no_repair() -> None:
    device = filled()
    end = Store(device).journal_bytes
    device.content[end + 1] = 7
    report = check(device)
    assert report.verdict is Verdict.CLEAN
    assert report.lines[1].startswith(f"torn tail at byte {end}: ")
    repaired = repair(device)
    assert repaired.verdict is Verdict.CLEAN
    assert not any(device.content[end + 1 : end + 2])
    assert len(check(device).lines) == 1


def test_damage_that_was_durable_is_beyond_repair_and_left_alone() -> None:
    device = filled()
    store = Store(device)
    store.put("/state/b", b"2")
    store.sync()
    device.content[20] ^= 1
    before = bytes(device.content)
    report = check(device)
    assert report.verdict is Verdict.UNRECOVERABLE
    assert len(report.lines) == 1
    assert report.lines[0]
    assert repair(device) == report
    assert bytes(device.content) == before


class Failing(MemoryDevice):
    """A disk that can be read, or not even that."""

    can_read = True

    def read(self, sector: int, count: int) -> bytes:
        """Read, or fail."""
        if not self.can_read:
            raise DeviceError("read of sector 0: broken")
        return super().read(sector, count)

    def write(self, sector: int, data: bytes) -> None:
        """Fail."""
        raise DeviceError("write of sector 0: broken")


def test_a_disk_that_fails_is_beyond_repair_with_its_reason() -> None:
    content = filled()
    store = Store(content)
    store.begin()
    store.sync()
    device = Failing(bytes(content.content))
    before = check(device)
    report = repair(device)
    assert report.verdict is Verdict.UNRECOVERABLE
    assert report.lines == (*before.lines, "repair: io_error: write of sector 0: broken")
    device.can_read = False
    assert check(device) == Report(Verdict.UNRECOVERABLE, ("device: read of sector 0: broken",))
