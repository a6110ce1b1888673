"""The real guest on state disks that are not as they should be.

Read-only, failing, of every size, full of something else, and with a bit flipped in every byte of
a small journal: the guest must say what the host's engine says of the same disk, answer every
request with its status, write to no disk that it has called damaged or that is not to be written
to, and lose nothing.  A boot takes some 20 ms of a processor; there are about 400 of them.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from nexus.config.compile import compile_node
from nexus.config.load import load_node
from nexus.core.randomness import KeyedRandom
from nexus.emulator.device.virtio_blk import MediumError, MemoryDrive
from nexus.harness.phase import Phase
from nexus.harness.plan import Expectation, MachinePlan, Plan
from nexus.harness.qemu import boot as boot_qemu
from nexus.harness.qemu_command import PROGRAM
from nexus.remotefs.state.block import SECTOR_BYTES, MemoryDevice
from nexus.remotefs.state.error import StateError
from nexus.remotefs.state.guest_disk_scene import ROOT, SLOT, Image
from nexus.remotefs.state.mount import mount
from nexus.remotefs.state.store import Store
from nexus.scene.guest import DrivePlan
from nexus.wire.state import Status

IMAGE: Final = Image(
    Path("testprojects.state_disk/system.elf"), ROOT / "testprojects/state_disk/node.toml"
)
END: Final = b"probe: end\n"
STEP_NS: Final = 1_000_000
QEMU_NS: Final = 60 * 10**9

# The table of testprojects/state_disk/probe.zig.
KEYS: Final = tuple(f"/state/shared/{number}" for number in range(4))
NEW: Final = "/state/shared/new"
OPERATIONS: Final = ("list", "put", "delete", "begin", "sync")

_LINE: Final = re.compile(r"probe: (\S+) (\S+)(?: ([0-9a-f]*))?")

Statuses = Mapping[str, Status]
READ_ONLY: Final = {"list": Status.OK, "put": Status.IO_ERROR, "begin": Status.IO_ERROR}


@dataclass(frozen=True)
class Said:
    """The answers of a guest: statuses by operation or key, and values by key."""

    console: str
    statuses: dict[str, Status] = field(default_factory=dict)
    values: dict[str, bytes] = field(default_factory=dict)

    def has(self, wanted: Statuses) -> None:
        assert wanted.items() <= self.statuses.items(), self.console


def read(console: bytes) -> Said:
    """Take the probe's lines apart."""
    said = Said(console.decode())
    for name, status, value in _LINE.findall(said.console.partition("probe: end")[0]):
        said.statuses[name] = Status(int(status))
        if name.startswith("/") and status == "0":
            said.values[name] = bytes.fromhex(value)
    assert set(said.statuses) == {*KEYS, NEW, *OPERATIONS}, said.console
    return said


class FaultyDrive(MemoryDrive):
    """A disk of which some requests fail, all or from one sector on; it counts what it took."""

    def __init__(self, content: bytes, fails: str, first_sector: int = 0) -> None:
        super().__init__(content)
        self._fails, self._first = fails, first_sector * SECTOR_BYTES
        self.flushes = 0

    def read(self, offset: int, length: int) -> bytes:
        self._maybe("read", offset + length)
        return super().read(offset, length)

    def write(self, offset: int, data: bytes) -> None:
        self._maybe("write", offset + len(data))
        super().write(offset, data)

    def flush(self) -> None:
        self._maybe("flush", 1 << 60)
        self.flushes += 1

    def _maybe(self, what: str, end: int) -> None:
        if what in self._fails and end > self._first:
            raise MediumError(what)


def boot(content: bytes, *, fails: str = "", first_sector: int = 0) -> tuple[Said, bytes]:
    """Boot on a disk; return what the guest said, and what is on the disk then."""
    drive = FaultyDrive(content, fails, first_sector)
    said = read(IMAGE.boot(drive, END, STEP_NS))
    return said, bytes(drive.content)


def a_disk(sectors: int = 64, *, is_compacted: bool = False) -> tuple[bytes, int]:
    """Make a small disk, synced after each change; return it and the length of its journal."""
    device = MemoryDevice(bytes(sectors * SECTOR_BYTES))
    store = Store(device)
    for number, key in enumerate(KEYS[:3]):
        store.put(key, b"value %d" % number)
        store.sync()
    if is_compacted:
        assert store.compact()
    store.delete(KEYS[1])
    store.sync()
    store.put(KEYS[2], b"again")
    store.sync()
    return bytes(device.content), store.journal_bytes


def judge(image: bytes, said: Said, after: bytes) -> bool:
    """Demand of a guest what the host's engine finds on the same disk; True: it was in order."""
    try:
        store = Store(MemoryDevice(image))
    except StateError:
        assert set(said.statuses.values()) == {Status.INTEGRITY_VIOLATION}, said.console
        assert after == image, "what is not a journal is not written to"
        assert "statefsd: journal damaged" in said.console
        return False
    held = store.snapshot()
    for key in KEYS:
        assert said.values.get(key) == held.get(key), said.console
        assert said.statuses[key] is (Status.OK if key in held else Status.NOT_FOUND)
    if store.damage is not None:
        refused = Status.INTEGRITY_VIOLATION
        said.has({"list": Status.OK, "put": refused, "begin": refused, "sync": refused})
        said.has({"delete": refused if KEYS[0] in held else Status.NOT_FOUND})
        said.has({NEW: Status.NOT_FOUND})
        assert after == image, "a damaged journal is not written to"
        assert "statefsd: journal damaged (torn_journal)" in said.console
        return False
    said.has({"list": Status.OK, "put": Status.OK, "begin": Status.OK, "sync": Status.OK})
    assert said.values[NEW] == b"n"
    wanted = {**held, NEW: b"n"}
    wanted.pop(KEYS[0], None)
    assert Store(MemoryDevice(after)).snapshot() == wanted, "what was acknowledged is there"
    return True


@pytest.mark.parametrize("is_compacted", [False, True])
def test_a_bit_flipped_in_every_byte_of_a_small_journal(
    is_compacted: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    image, length = a_disk(is_compacted=is_compacted)
    start = mount(MemoryDevice(image)).region.start * SECTOR_BYTES
    places = [*(range(20) if is_compacted else ()), *range(start, start + length)]
    said, after = boot(image)
    assert judge(image, said, after)
    in_order = 0
    for place in places:
        bad = bytearray(image)
        bad[place] ^= 1 << place % 8
        said, after = boot(bytes(bad))
        in_order += judge(bytes(bad), said, after)
    # The last mark, behind which nothing proves anything, and a superblock that was torn.
    assert in_order <= 15 + (20 if is_compacted else 0)
    with capsys.disabled():
        print(f"\nflipped bits: {len(places)} boots, {len(places) - in_order} noticed")


def leave_open_transaction(device: MemoryDevice) -> None:
    store = Store(device)
    store.put_chunk(store.begin(), KEYS[3], b"never")
    store.sync()


def leave_torn_tail(device: MemoryDevice) -> None:
    found = mount(device)
    at = found.region.start * SECTOR_BYTES + found.end
    device.content[at : at + 20] = b"FSXN" + bytes([1]) * 16


def leave_torn_superblock(device: MemoryDevice) -> None:
    if mount(device).superblock is not None:  # There is one after a compaction.
        device.content[8] ^= 0xFF


LEFTOVERS: Final[dict[str, Callable[[MemoryDevice], None]]] = {
    "": lambda device: None,
    "open transaction": leave_open_transaction,
    "torn tail": leave_torn_tail,
    "torn superblock": leave_torn_superblock,
}


@pytest.mark.parametrize("leftover", LEFTOVERS)
@pytest.mark.parametrize("is_compacted", [False, True])
def test_a_read_only_disk_is_read_and_not_written_to(is_compacted: bool, leftover: str) -> None:
    device = MemoryDevice(a_disk(is_compacted=is_compacted)[0])
    held = Store(device).snapshot()
    LEFTOVERS[leftover](device)
    image = bytes(device.content)
    drive = MemoryDrive(image)
    said = read(IMAGE.boot(drive, END, STEP_NS, is_read_only=True))
    assert said.values == held, said.console
    said.has(READ_ONLY)
    said.has({"delete": Status.IO_ERROR, NEW: Status.NOT_FOUND})
    assert "statefsd: journal v2 mounted (2PC)" in said.console
    assert bytes(drive.content) == image


@pytest.mark.skipif(shutil.which(PROGRAM) is None, reason=f"{PROGRAM} is not on this host")
def test_a_read_only_disk_of_qemu() -> None:
    image, _ = a_disk()
    machine = MachinePlan(
        label="A",
        image_name="system",
        image=IMAGE.system.read_bytes(),
        config=compile_node(load_node(IMAGE.node)),
        mac=bytes.fromhex("525400420801"),
        drives=(DrivePlan(SLOT, image, is_read_only=True),),
    )
    end = Expectation("A", Phase.END, "probe: end")
    engine = boot_qemu(Plan(name="read-only", seed=1, machines=(machine,), expectations=(end,)))
    console, now_ns = b"", 0
    try:
        while END not in console:
            assert now_ns < QEMU_NS, console.decode()
            step = engine.step(QEMU_NS)
            now_ns = step.now_ns
            console += b"".join(data for _, data in step.consoles).replace(b"\r", b"")
    finally:
        engine.close()
    said = read(console)
    assert said.values == Store(MemoryDevice(image)).snapshot(), said.console
    said.has(READ_ONLY)
    said.has({"delete": Status.IO_ERROR, NEW: Status.NOT_FOUND})


def test_a_disk_that_cannot_be_read() -> None:
    image, _ = a_disk()
    said, after = boot(image, fails="read")
    assert "statefsd: disk unreadable" in said.console
    assert set(said.statuses.values()) == {Status.IO_ERROR}, said.console
    assert after == image


@pytest.mark.parametrize("first_sector", [1, 20, 63])
def test_a_disk_of_which_a_part_cannot_be_read(first_sector: int) -> None:
    """Sectors behind the journal are read as well: they may hold the trace of a damage."""
    image, _ = a_disk()
    said, after = boot(image, fails="read", first_sector=first_sector)
    assert "statefsd: disk unreadable" in said.console
    assert set(said.statuses.values()) == {Status.IO_ERROR}, said.console
    assert after == image


@pytest.mark.parametrize("fails", ["write", "write flush"])
@pytest.mark.parametrize("is_compacted", [False, True])
def test_a_disk_that_cannot_be_written(fails: str, is_compacted: bool) -> None:
    image, _ = a_disk(is_compacted=is_compacted)
    said, after = boot(image, fails=fails)
    assert said.values == Store(MemoryDevice(image)).snapshot()
    said.has(READ_ONLY)
    said.has({"delete": Status.IO_ERROR, NEW: Status.NOT_FOUND})
    assert after == image


def test_a_disk_that_does_not_flush() -> None:
    image, _ = a_disk()
    said, after = boot(image, fails="flush")
    # The put was not acknowledged as durable: the SYNC was refused, and all after it.
    said.has({"put": Status.OK, "sync": Status.IO_ERROR})
    held = Store(MemoryDevice(image)).snapshot()
    assert Store(MemoryDevice(after)).snapshot() == {
        **{key: value for key, value in held.items() if key != KEYS[0]},
        NEW: b"n",
    }


@pytest.mark.parametrize("sectors", [1, 2, 3, 4, 5, 6, 63, 64, 65, 2049])
@pytest.mark.parametrize("is_compacted", [False, True])
def test_a_disk_of_any_size(sectors: int, is_compacted: bool) -> None:
    """An empty one works, or is full; one that had another size is recognized."""
    empty = bytes(sectors * SECTOR_BYTES)
    assert judge(empty, *boot(empty))
    image, _ = a_disk(is_compacted=is_compacted)
    resized = image[: sectors * SECTOR_BYTES].ljust(sectors * SECTOR_BYTES, b"\0")
    # Version 1 has no place of anything but the beginning; a superblock's regions move.
    is_in_order = judge(resized, *boot(resized))
    assert is_in_order == (not is_compacted or sectors in (63, 64))


@pytest.mark.parametrize("seed", range(12))
def test_a_disk_full_of_something_else(seed: int) -> None:
    random = KeyedRandom(seed)
    image = bytearray(random.bytes(64 * SECTOR_BYTES, "garbage"))
    heads = (b"", b"NXS2", b"N", b"FSXN", b"FSXN\1", b"\0" * 512)
    head = heads[seed % len(heads)]
    image[: len(head)] = head
    judge(bytes(image), *boot(bytes(image)))


def test_a_full_disk_keeps_what_it_acknowledged() -> None:
    device = MemoryDevice(bytes(8 * SECTOR_BYTES))
    store = Store(device)
    store.put(KEYS[0], bytes(1500))
    store.put(KEYS[1], bytes(1500))
    store.put(KEYS[2], bytes(4096 - store.journal_bytes - 15 - len(KEYS[2]) - 16))
    store.sync()
    held = store.snapshot()
    said, after = boot(bytes(device.content))
    said.has({"put": Status.IO_ERROR, "begin": Status.IO_ERROR, "sync": Status.OK})
    said.has({NEW: Status.NOT_FOUND})
    left = Store(MemoryDevice(after)).snapshot()
    deleted = [KEYS[0]] if said.statuses["delete"] is Status.OK else []
    assert left == {key: value for key, value in held.items() if key not in deleted}
