"""Registers, features and bounds by their numbers: as the specifications print them, and QEMU has.

The other tests say what a device does, and take the names of its registers from the code.
"""

from __future__ import annotations

import struct

import pytest

from nexus.emulator.device import clint, fw_cfg, plic, uart, virtio_mmio
from nexus.emulator.device.driver_fake import Driver
from nexus.emulator.device.uart import Uart
from nexus.emulator.device.virtio_blk import MemoryDrive, VirtioBlk
from nexus.emulator.device.virtio_mmio import VirtioMmio
from nexus.emulator.device.virtio_net import VirtioNet
from nexus.emulator.device.virtio_rng import VirtioRng
from nexus.emulator.device.virtqueue import VirtQueue
from nexus.emulator.memory import RAM_BASE, Ram

MAC = bytes.fromhex("020000000001")
FRAME = bytes(range(60))


def ignore(is_high: bool) -> None:
    """An interrupt line that no hart looks at."""


@pytest.fixture
def ram() -> Ram:
    return Ram(1 << 20)


def net_of(ram: Ram) -> VirtioNet:
    return VirtioNet(MAC, ram, ignore, lambda: 7)


def blk_of(ram: Ram, *, is_read_only: bool = False) -> VirtioBlk:
    return VirtioBlk(MemoryDrive(bytes(1024)), b"d", ram, ignore, is_read_only=is_read_only)


def test_sizes_of_what_the_board_maps() -> None:
    assert (clint.SOFTWARE_OFFSET, clint.SOFTWARE_BYTES) == (0, 0x4000)
    assert (clint.TIMER_OFFSET, clint.TIMER_BYTES) == (0x4000, 0x8000)
    assert fw_cfg.LENGTH == 24
    assert plic.SOURCES == 96
    assert (virtio_mmio.CONFIG, virtio_mmio.SLOT_BYTES) == (0x100, 0x200)


@pytest.mark.parametrize(
    ("kind", "device_id", "low"),
    [("net", 1, 1 << 28 | 1 << 16 | 1 << 15 | 1 << 5), ("rng", 4, 1 << 28)],
)
def test_a_device_is_known_by_its_number_and_features(
    ram: Ram, kind: str, device_id: int, low: int
) -> None:
    rng = VirtioRng(lambda length: bytes(length), ram, ignore)
    transport = {"net": net_of(ram).transport, "rng": rng.transport}[kind]
    assert [transport.read(at, 4) for at in (0x00, 0x04, 0x08, 0x0C)] == [
        0x7472_6976,
        2,
        device_id,
        0x554D_4551,
    ]
    assert [features_of(transport, word) for word in range(3)] == [low, 1, 0]


@pytest.mark.parametrize(("is_read_only", "more"), [(False, 0), (True, 1 << 5)])
def test_a_disk_says_its_number_its_features_and_its_shape(
    ram: Ram, is_read_only: bool, more: int
) -> None:
    transport = blk_of(ram, is_read_only=is_read_only).transport
    assert transport.read(0x08, 4) == 2
    assert features_of(transport, 0) == 1 << 28 | 1 << 9 | 1 << 6 | 1 << 2 | more
    # Capacity, the largest segment, how many segments, geometry, the size of a block, the end.
    shape = [(0, 8, 2), (8, 4, 0), (12, 4, 254), (16, 4, 0), (20, 4, 512), (24, 4, 0xFFFF_FFFF)]
    for offset, size, value in shape:
        assert transport.read(0x100 + offset, size) == value, offset


def features_of(transport: VirtioMmio, word: int) -> int:
    transport.write(0x14, 4, word)
    return transport.read(0x10, 4)


def test_a_queue_is_made_with_numbers_and_moves_a_frame(ram: Ram) -> None:
    net = net_of(ram)
    transport = net.transport
    for status in (1, 3):
        transport.write(0x70, 4, status)
    for word, accepted in ((0, 1 << 5), (1, 1)):
        transport.write(0x24, 4, word)
        transport.write(0x20, 4, accepted)
    assert net.transport.accepted_features == 1 << 32 | 1 << 5
    transport.write(0x70, 4, 11)
    transport.write(0x30, 4, 1)
    assert transport.read(0x34, 4) == 1024
    for size in (8, 0, 1025):  # Neither none nor more than there may be is taken.
        transport.write(0x38, 4, size)
        assert net.transport.queues[1].size == 8
    for low, address in ((0x80, 0), (0x90, 0x1000), (0xA0, 0x2000)):
        transport.write(low, 4, RAM_BASE + address)
        transport.write(low + 4, 4, 0)
    assert transport.read(0x44, 4) == 0
    transport.write(0x44, 4, 1)
    assert transport.read(0x44, 4) == 1
    ram.write(RAM_BASE + 0x3000, bytes(12) + FRAME)
    ram.write(RAM_BASE, struct.pack("<QIHH", RAM_BASE + 0x3000, 12 + len(FRAME), 0, 0))
    ram.write(RAM_BASE + 0x1000, struct.pack("<HHH", 0, 1, 0))
    transport.write(0x50, 4, 1)
    assert net.take_frames() == [], "the driver has not said that it is ready"
    transport.write(0x70, 4, 15)
    transport.write(0x50, 4, 2)
    assert net.take_frames() == [], "there is no such queue"
    transport.write(0x50, 4, 1)
    assert net.take_frames() == [(7, FRAME)]
    assert ram.read(RAM_BASE + 0x2002, 10) == struct.pack("<HII", 1, 0, 0)
    assert transport.read(0x60, 4) == 1
    transport.write(0x64, 4, 2)
    assert transport.read(0x60, 4) == 1
    transport.write(0x64, 4, 1)
    assert transport.read(0x60, 4) == 0
    # An index that runs away breaks the device, and the configuration change says so.
    ram.write(RAM_BASE + 0x1002, struct.pack("<H", 99))
    transport.write(0x50, 4, 1)
    assert (transport.read(0x70, 4), transport.read(0x60, 4)) == (0x4F, 2)
    assert [transport.read(at, 4) for at in (0xB0, 0xB4, 0xB8, 0xBC)] == [0xFFFF_FFFF] * 4
    assert [transport.read(at, 4) for at in (0xAC, 0xC0)] == [0, 0]


@pytest.mark.parametrize("length", [14, 9216])
def test_frames_have_14_to_9216_bytes(ram: Ram, length: int) -> None:
    net = net_of(ram)
    driver = Driver(net.transport, ram, queues=2)
    driver.offer(1, [bytes(12 + length)])
    assert net.take_frames() == [(7, bytes(length))]
    driver.offer(0, [10_000])
    assert net.deliver(bytes(length))
    assert driver.used(0) == [12 + length]


@pytest.mark.parametrize("length", [13, 9217])
def test_what_is_not_a_frame_is_not_sent_and_cannot_be_delivered(ram: Ram, length: int) -> None:
    net = net_of(ram)
    driver = Driver(net.transport, ram, queues=2)
    driver.offer(1, [bytes(12 + length)])
    assert net.take_frames() == []
    assert driver.used(1) == [0], "the buffer is given back"
    driver.offer(0, [10_000])
    with pytest.raises(ValueError, match=rf"frame of {length} bytes: expected 14\.\.9216"):
        net.deliver(bytes(length))


def test_frames_that_nobody_takes_are_dropped_and_counted_from_4096_on(ram: Ram) -> None:
    net = net_of(ram)
    driver = Driver(net.transport, ram, queues=2)
    for _ in range(4095):
        net._send(FRAME)
    for dropped in (0, 1, 2):
        driver.offer(1, [bytes(12) + FRAME])
        assert net.dropped_frames == dropped
    assert len(net.take_frames()) == 4096
    driver.offer(1, [bytes(12) + FRAME])
    assert len(net.take_frames()) == 1, "there is room again"


def test_frames_of_a_snapshot_are_pairs_again(ram: Ram) -> None:
    net = net_of(ram)
    # A reader of a snapshot finds lists where there were pairs.
    vars(net)["_sent"] = [[5, FRAME], [6, FRAME]]
    net.restored()
    assert net.take_frames() == [(5, FRAME), (6, FRAME)]


def test_entropy_goes_on_behind_what_a_snapshot_had_taken(ram: Ram) -> None:
    asked: list[int] = []

    def source(length: int) -> bytes:
        asked.append(length)
        return bytes(length)

    rng = VirtioRng(source, ram, ignore)
    rng.taken_bytes = 2 * 65_536 + 3
    rng.restored()
    assert asked == [65_536, 65_536, 3]
    driver = Driver(rng.transport, ram)
    driver.offer(0, [65_536 + 9])
    assert driver.used(0) == [65_536], "a request gets no more"
    assert rng.taken_bytes == 3 * 65_536 + 3


@pytest.mark.parametrize("size", [0, 511, 513])
def test_a_drive_has_whole_sectors(ram: Ram, size: int) -> None:
    with pytest.raises(
        ValueError, match=rf"^drive of {size} bytes: expected a positive multiple of 512$"
    ):
        VirtioBlk(MemoryDrive(bytes(size)), b"d", ram, ignore)


def test_a_ring_that_is_not_memory_breaks_the_device(ram: Ram) -> None:
    end = RAM_BASE + (1 << 20)
    for descriptors, available, used in (
        (0, RAM_BASE, RAM_BASE + 64),
        (RAM_BASE, end - 3, RAM_BASE + 64),
        (RAM_BASE, RAM_BASE + 128, end - 11),
    ):
        transport = net_of(ram).transport
        driver = Driver(transport, ram, queues=2)
        queue = transport.queues[1]
        queue.descriptors, queue.available, queue.used = descriptors, available, used
        ram.write(RAM_BASE, struct.pack("<QIHH", RAM_BASE + 512, 72, 0, 0))
        ram.write(RAM_BASE + 128, struct.pack("<HHH", 0, 1, 0))
        driver.write(0x50, 1)
        assert driver.read(0x70) & 0x40, (descriptors, available, used)


def test_a_queue_without_a_size_or_not_ready_gives_nothing(ram: Ram) -> None:
    queue = VirtQueue(ram)
    queue.descriptors, queue.available, queue.used = RAM_BASE, RAM_BASE + 128, RAM_BASE + 256
    ram.write(RAM_BASE, struct.pack("<QIHH", RAM_BASE + 512, 72, 0, 0))
    ram.write(RAM_BASE + 128, struct.pack("<HHH", 0, 1, 0))
    for is_ready, size, is_given in ((False, 4, False), (True, 0, False), (True, 4, True)):
        queue.is_ready, queue.size = is_ready, size
        assert (queue.pop() is not None) is is_given


def test_a_serial_port_holds_4096_typed_bytes() -> None:
    port = Uart(ignore)
    assert uart.OUTPUT_BYTES_MAX == 16_777_216
    assert [port.receive(bytes(4095)), port.receive(b"ab"), port.receive(b"c")] == [4095, 1, 0]
    port.read(0, 1)
    assert port.receive(b"cd") == 1


def test_a_serial_port_interrupts_for_what_is_asked_in_this_order() -> None:
    lines: list[bool] = []
    port = Uart(lines.append)
    port.write(4, 1, 0x10)  # The written value comes back.
    for enabled, code in ((0, 1), (1, 4), (2, 2), (3, 4), (4, 6), (7, 6), (8, 1)):
        port.write(1, 1, 0)
        for _ in range(2):  # The second one overruns the first.
            port.write(0, 1, 65)
        port.write(1, 1, enabled)
        assert port.read(2, 1) == code, enabled
        assert port.read(5, 1) == 0x63
        port.read(0, 1)
