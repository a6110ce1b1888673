"""The disk as a driver sees it: requests, their status and effect, and indirect tables."""

import struct

import pytest

from nexus.emulator.device import virtio_mmio as mmio
from nexus.emulator.device.device_fake import Disk, Irq
from nexus.emulator.device.driver_fake import NEXT, WRITE, Driver
from nexus.emulator.device.virtio_blk import (
    FEATURE_RO,
    S_IOERR,
    S_OK,
    MediumError,
    MemoryDrive,
    VirtioBlk,
)
from nexus.emulator.device.virtio_mmio import VirtioMmio
from nexus.emulator.memory import RAM_BASE, Ram


@pytest.fixture
def ram() -> Ram:
    return Ram(1 << 20)


@pytest.fixture
def irq() -> Irq:
    return Irq()


def request(kind: int, sector: int) -> bytes:
    return struct.pack("<IIQ", kind, 0, sector)


@pytest.mark.parametrize("lengths", [[1024], [512, 512]], ids=["one buffer", "two buffers"])
def test_blk_reads_what_is_on_the_disk(ram: Ram, irq: Irq, lengths: list[int]) -> None:
    disk = Disk()
    driver = Driver(VirtioBlk(disk, b"drive0", ram, irq).transport, ram)
    _, *places, _ = driver.offer(0, [request(0, 1), *lengths, 1])
    assert driver.used(0) == [1025]
    got = b"".join(map(ram.read, places, lengths))
    assert got == disk.data[512:1536]


@pytest.mark.parametrize(
    ("parts", "status", "written"),
    [
        pytest.param([request(0, 1), 1024, 1], 0, 1025, id="read"),
        pytest.param([request(0, 1), 512, 512, 1], 0, 1025, id="read into two buffers"),
        pytest.param([request(1, 2), b"x" * 512, 1], 0, 1, id="write"),
        pytest.param([request(4, 0), 1], 0, 1, id="flush"),
        pytest.param([request(8, 0), 20, 1], 0, 21, id="identify"),
        pytest.param([request(0, 7), 1024, 1], 1, 1, id="past the end"),
        pytest.param([request(0, 0), 100, 1], 1, 1, id="not a sector"),
        pytest.param([request(1, 1 << 60), b"x" * 512, 1], 1, 1, id="far past the end"),
        pytest.param([request(99, 0), 1], 2, 1, id="unknown"),
    ],
)
def test_a_disk_request_has_its_status_and_effect(
    ram: Ram, irq: Irq, parts: list[bytes | int], status: int, written: int
) -> None:
    disk = Disk()
    before = bytes(disk.data)
    driver = Driver(VirtioBlk(disk, b"drive0", ram, irq).transport, ram)
    addresses = driver.offer(0, parts)
    assert driver.used(0) == [written]
    assert ram.read(addresses[-1], 1) == bytes([status])
    kind = int.from_bytes(parts[0][:4], "little") if isinstance(parts[0], bytes) else 0
    is_write = (kind, status) == (1, 0)
    assert disk.data[1024:1536] == (b"x" * 512 if is_write else before[1024:1536])
    assert disk.flushes == (kind == 4)


def test_a_read_only_blk_says_so_and_refuses_writes_alone(ram: Ram, irq: Irq) -> None:
    disk = Disk()
    blk = VirtioBlk(disk, b"d", ram, irq, is_read_only=True)
    assert blk.features & FEATURE_RO
    driver = Driver(blk.transport, ram)
    before = bytes(disk.data)
    address = driver.offer(0, [request(1, 2), b"x" * 512, 1])[-1]
    assert ram.read(address, 1) == S_IOERR
    assert disk.data == before
    data, status = driver.offer(0, [request(0, 2), 512, 1])[1:]
    assert ram.read(status, 1) == S_OK
    assert ram.read(data, 512) == before[1024:1536]


def test_a_writable_blk_does_not_say_read_only(ram: Ram, irq: Irq) -> None:
    assert not VirtioBlk(Disk(), b"d", ram, irq).features & FEATURE_RO


@pytest.mark.parametrize("parts", [[request(0, 1), 512, 1], [request(4, 0), 1]])
def test_a_medium_that_fails_is_an_error_of_that_request(
    ram: Ram, irq: Irq, parts: list[bytes | int]
) -> None:
    class Failing(Disk):
        is_broken = True

        def read(self, offset: int, length: int) -> bytes:
            self.flush()
            return super().read(offset, length)

        def flush(self) -> None:
            if self.is_broken:
                raise MediumError("worn out")

    disk = Failing()
    driver = Driver(VirtioBlk(disk, b"d", ram, irq).transport, ram)
    assert ram.read(driver.offer(0, parts)[-1], 1) == S_IOERR
    disk.is_broken = False
    assert ram.read(driver.offer(0, parts)[-1], 1) == S_OK


def test_a_memory_drive_keeps_what_is_written(ram: Ram, irq: Irq) -> None:
    disk = MemoryDrive(bytes(2048))
    driver = Driver(VirtioBlk(disk, b"d", ram, irq).transport, ram)
    driver.offer(0, [request(1, 1), b"x" * 512, 1])
    assert disk.content == bytes(512) + b"x" * 512 + bytes(1024)
    data = driver.offer(0, [request(0, 1), 512, 1])[1]
    assert ram.read(data, 512) == b"x" * 512
    driver.offer(0, [request(4, 0), 1])
    assert disk.size_bytes == 2048


def test_blk_configuration_is_its_capacity(ram: Ram, irq: Irq) -> None:
    device = VirtioBlk(Disk(), b"d", ram, irq).transport
    assert device.read(mmio.CONFIG, 8) == 8
    assert device.read(mmio.CONFIG + 20, 4) == 512


INDIRECT = 4


TABLE = RAM_BASE + 0xF000


def offer_indirect(driver: Driver, ram: Ram, *entries: tuple[int, int, int, int]) -> None:
    """Offer one chain whose descriptors are all in a table of their own."""
    ram.write(TABLE, b"".join(struct.pack("<QIHH", *entry) for entry in entries))
    driver.descriptor(0, 3, (TABLE, 16 * len(entries), INDIRECT, 0))
    driver.make_available(0, 3)


def make_disk(ram: Ram, irq: Irq, features: int) -> tuple[VirtioMmio, Driver]:
    blk = VirtioBlk(MemoryDrive(b"a" * 512 + b"b" * 512), b"serial", ram, irq)
    return blk.transport, Driver(blk.transport, ram, features)


def test_blk_requests_may_be_indirect(ram: Ram, irq: Irq) -> None:
    _, driver = make_disk(ram, irq, mmio.FEATURE_INDIRECT)
    ram.write(RAM_BASE + 0xE000, struct.pack("<IIQ", 0, 0, 1))
    offer_indirect(
        driver,
        ram,
        (RAM_BASE + 0xE000, 16, NEXT, 2),
        (RAM_BASE + 0xE100, 1, WRITE, 0),
        (RAM_BASE + 0xE200, 512, NEXT | WRITE, 1),
    )
    assert driver.used(0) == [513]
    assert ram.read(RAM_BASE + 0xE200, 512) == b"b" * 512
    assert ram.read(RAM_BASE + 0xE100, 1) == b"\0"


@pytest.mark.parametrize(
    ("features", "length", "flags"),
    [
        pytest.param(0, 16, INDIRECT, id="not taken"),
        pytest.param(mmio.FEATURE_INDIRECT, 16, INDIRECT | NEXT, id="not the last"),
        pytest.param(mmio.FEATURE_INDIRECT, 15, INDIRECT, id="half a descriptor"),
        pytest.param(mmio.FEATURE_INDIRECT, 0, INDIRECT, id="empty"),
        pytest.param(mmio.FEATURE_INDIRECT, 16 * 1025, INDIRECT, id="too long"),
        pytest.param(mmio.FEATURE_INDIRECT, 16, INDIRECT, id="nested"),
    ],
)
def test_a_broken_indirect_table_needs_a_reset(
    ram: Ram, irq: Irq, features: int, length: int, flags: int
) -> None:
    _, driver = make_disk(ram, irq, features)
    ram.write(TABLE, struct.pack("<QIHH", TABLE, 16, INDIRECT, 0))
    driver.descriptor(0, 3, (TABLE, length, flags, 0))
    driver.make_available(0, 3)
    assert driver.read(mmio.R_STATUS) & mmio.STATUS_NEEDS_RESET
