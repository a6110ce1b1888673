"""A disk under each of its faults, and its content after a power cut."""

from __future__ import annotations

import pytest

from nexus.core.randomness import ALWAYS, NEVER, KeyedRandom, Ratio
from nexus.simulation.faults.drive import SECTOR_BYTES, FaultyDrive
from nexus.simulation.faults.fault import Chance, Fault, Happened


class FailedError(Exception):
    """The error that a failed request raises here."""


SIZE = 16 * SECTOR_BYTES
DATA = b"\xaa" * SECTOR_BYTES


class Disk:
    """A blank disk with one fault from 10 to 20 ns; the test says what time it is."""

    def __init__(self, kind: str = "", ratio: Ratio = ALWAYS) -> None:
        self.now_ns = 15
        self.happened: list[Happened] = []
        fault = Fault(kind or "latent", "A/2", 0, 10, 20, ratio)
        chances = [Chance(fault, KeyedRandom(3), self.happened)] if kind else []
        self.drive = FaultyDrive(bytes(SIZE), chances, lambda: self.now_ns, FailedError)


def test_without_faults_it_keeps_what_was_flushed_and_nothing_else() -> None:
    drive = Disk().drive
    drive.write(0, DATA)
    drive.flush()
    drive.write(0, b"\xbb" * SECTOR_BYTES)
    drive.write(SECTOR_BYTES, DATA)
    assert drive.read(SECTOR_BYTES, SECTOR_BYTES) == DATA
    drive.lose_power()
    assert bytes(drive.content) == DATA + bytes(SIZE - SECTOR_BYTES)


@pytest.mark.parametrize("kind", ["write-error", "disk-full"])
def test_a_write_that_fails_writes_nothing(kind: str) -> None:
    disk = Disk(kind)
    with pytest.raises(FailedError):
        disk.drive.write(0, DATA)
    assert bytes(disk.drive.content) == bytes(SIZE)
    disk.now_ns = 20
    disk.drive.write(0, DATA)
    assert disk.drive.read(0, SECTOR_BYTES) == DATA


def test_a_read_that_fails_is_whole_the_next_time() -> None:
    disk = Disk("read-error")
    with pytest.raises(FailedError):
        disk.drive.read(0, SECTOR_BYTES)
    disk.now_ns = 20
    assert disk.drive.read(0, SECTOR_BYTES) == bytes(SECTOR_BYTES)


def test_a_lost_write_is_acknowledged_and_not_there() -> None:
    disk = Disk("lost-write")
    disk.drive.write(0, DATA)
    assert bytes(disk.drive.content) == bytes(SIZE)
    assert len(disk.happened) == 1


def test_a_misdirected_write_is_whole_in_a_sector_of_the_disk() -> None:
    disk = Disk("misdirected-write", Ratio(1, 2))
    for _ in range(20):
        disk.drive.write(0, DATA)
    content = bytes(disk.drive.content)
    assert len(content) == SIZE
    written = [at for at in range(0, SIZE, SECTOR_BYTES) if content[at]]
    assert all(content[at : at + SECTOR_BYTES] == DATA for at in written)
    assert len(written) > 1


def test_rot_stays_also_through_a_power_cut() -> None:
    disk = Disk("latent")
    disk.drive.write(0, DATA)
    rotten = disk.drive.read(0, SECTOR_BYTES)
    assert (int.from_bytes(rotten, "big") ^ int.from_bytes(DATA, "big")).bit_count() == 1
    disk.now_ns = 20
    assert disk.drive.read(0, SECTOR_BYTES) == rotten
    disk.drive.lose_power()
    left = int.from_bytes(disk.drive.read(0, SECTOR_BYTES), "big")
    assert left.bit_count() == 1  # The bits that were durable before, and the rot.


def test_a_torn_write_leaves_some_sectors() -> None:
    disk = Disk("torn-write", Ratio(1, 2))
    disk.drive.write(0, DATA * 16)
    disk.drive.lose_power()
    content = bytes(disk.drive.content)
    kept = [content[at : at + SECTOR_BYTES] for at in range(0, SIZE, SECTOR_BYTES)]
    assert set(kept) == {DATA, bytes(SECTOR_BYTES)}


def test_any_bit_of_what_is_read_may_rot() -> None:
    disk = Disk("latent")
    before, found = bytes(SIZE), set()
    for _ in range(400):
        disk.drive.read(SECTOR_BYTES, SECTOR_BYTES)
        after = bytes(disk.drive.content)
        (at,) = [at for at in range(SIZE) if before[at] != after[at]]
        assert SECTOR_BYTES <= at < 2 * SECTOR_BYTES
        found.add(before[at] ^ after[at])
        before = after
    assert found == {1 << bit for bit in range(8)}


@pytest.mark.parametrize("offset", [0, 3, 511, 512, 700])
def test_rot_of_what_is_in_the_cache_is_the_same_bit_on_the_medium(offset: int) -> None:
    fault = Fault("latent", "A/2", 0, 0, 10, ALWAYS)
    drive = FaultyDrive(bytes(2048), [Chance(fault, KeyedRandom(3), [])], lambda: 5, OSError)
    drive.write(0, bytes(2048))
    drive.read(offset, 1)
    rotten = bytes(drive.content)
    assert [at for at in range(2048) if rotten[at]] == [offset]
    drive.lose_power()
    assert bytes(drive.content) == rotten


@pytest.mark.parametrize(
    ("offset", "length", "sectors"),
    [(0, 512, 1), (0, 513, 2), (511, 1, 1), (511, 2, 2), (512, 512, 1), (100, 1024, 3)],
)
def test_a_power_cut_undoes_each_sector_that_a_write_touched(
    offset: int, length: int, sectors: int
) -> None:
    before = bytes(at % 251 for at in range(2048))
    torn: list[Happened] = []
    fault = Fault("torn-write", "A/2", 0, 0, 10, NEVER)
    chance_of_it = Chance(fault, KeyedRandom(3), torn, frozenset({sectors}))
    drive = FaultyDrive(before, [chance_of_it], lambda: 5, OSError)
    drive.write(offset, bytes(length))
    drive.lose_power()
    assert bytes(drive.content) == before
    assert torn == [], "sectors are counted from 0"
    drive.write(offset, bytes(512))
    drive.lose_power()
    assert [event.number for event in torn] == [sectors]
    drive.lose_power()
    assert len(torn) == 1, "what is lost is not lost twice"


def test_accesses_are_counted_from_0_each_kind_by_itself() -> None:
    counted: list[Happened] = []
    faults = [
        Chance(Fault(kind, "A/2", 0, 0, 10, ALWAYS), KeyedRandom(3), counted)
        for kind in ("lost-write", "latent")
    ]
    drive = FaultyDrive(bytes(1024), faults, lambda: 5, OSError)
    drive.write(0, b"x")
    drive.read(0, 1)
    drive.write(0, b"x")
    assert [(event.fault, event.number) for event in counted] == [
        ("lost-write/A/2/0", 0),
        ("latent/A/2/0", 0),
        ("lost-write/A/2/0", 1),
    ]
