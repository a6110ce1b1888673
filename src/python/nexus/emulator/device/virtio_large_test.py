"""Requests as large as memory lets them be: a driver may move megabytes at a time."""

from __future__ import annotations

import struct

from nexus.emulator.device import virtio_mmio as mmio
from nexus.emulator.device.driver_fake import NEXT, WRITE, Driver
from nexus.emulator.device.virtio_blk import MemoryDrive, VirtioBlk
from nexus.emulator.memory import RAM_BASE, Ram

BYTES = 20 << 20


def test_a_chain_of_more_than_16_mib_is_served() -> None:
    ram = Ram(48 << 20)
    blk = VirtioBlk(MemoryDrive(bytes(BYTES - 1) + b"e"), b"serial", ram, lambda level: None)
    driver = Driver(blk.transport, ram)
    driver.offer(0, [struct.pack("<IIQ", 0, 0, 0), BYTES, 1])
    assert driver.used(0) == [BYTES + 1]
    assert not driver.read(mmio.R_STATUS) & mmio.STATUS_NEEDS_RESET


def test_a_chain_larger_than_memory_breaks_the_queue() -> None:
    ram = Ram(1 << 20)
    blk = VirtioBlk(MemoryDrive(bytes(1024)), b"serial", ram, lambda level: None)
    driver = Driver(blk.transport, ram)
    for number in range(3):
        fields = (RAM_BASE, 1 << 19, WRITE | (NEXT if number < 2 else 0), number + 1)
        driver.descriptor(0, number, fields)
    driver.make_available(0, 0)
    assert driver.read(mmio.R_STATUS) & mmio.STATUS_NEEDS_RESET
