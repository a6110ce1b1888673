"""A minimal virtio driver for tests: it owns the rings in guest memory and rings the bell."""

from __future__ import annotations

import struct

from nexus.emulator.device import virtio_mmio as mmio
from nexus.emulator.device.virtio_mmio import VirtioMmio
from nexus.emulator.memory import RAM_BASE, Ram

QUEUE_SIZE = 8
NEXT, WRITE = 1, 2


class Driver:
    """Drives the queues of one device through its registers."""

    def __init__(
        self,
        device: VirtioMmio,
        ram: Ram,
        features: int = 0,
        queues: int = 1,
        *,
        has_upper_word: bool = True,
    ) -> None:
        self.device = device
        self.ram = ram
        self.buffers = RAM_BASE + 0x8000
        self._available = [0] * queues
        self._used = [0] * queues
        self._descriptor = [0] * queues
        self.write(mmio.R_STATUS, 3)
        for word in (0, 1) if has_upper_word else (0,):
            self.write(mmio.R_ACCEPTED_SEL, word)
            accepted = features | mmio.FEATURE_VERSION_1
            self.write(mmio.R_ACCEPTED, accepted >> 32 * word & 0xFFFF_FFFF)
        self.write(mmio.R_STATUS, 3 | mmio.STATUS_FEATURES_OK)
        for queue in range(queues):
            self.write(mmio.R_QUEUE_SEL, queue)
            self.write(mmio.R_QUEUE_SIZE, QUEUE_SIZE)
            for index, register in enumerate((0x80, 0x90, 0xA0)):
                self.write(register, self.ring(queue, index))
            self.write(mmio.R_QUEUE_READY, 1)
        self.write(mmio.R_STATUS, 7 | mmio.STATUS_FEATURES_OK)

    def ring(self, queue: int, index: int) -> int:
        """Address of the descriptor table (0), available (1) or used (2) ring."""
        return RAM_BASE + 0x1000 * (3 * queue + index)

    def write(self, register: int, value: int) -> None:
        self.device.write(register, 4, value)

    def read(self, register: int) -> int:
        return self.device.read(register, 4)

    def descriptor(self, queue: int, index: int, fields: tuple[int, int, int, int]) -> None:
        """Write one raw descriptor."""
        self.ram.write(self.ring(queue, 0) + 16 * index, struct.pack("<QIHH", *fields))

    def make_available(self, queue: int, head: int, *, notify: bool = True) -> None:
        """Put a chain into the available ring."""
        ring = self.ring(queue, 1)
        slot = ring + 4 + 2 * (self._available[queue] % QUEUE_SIZE)
        self.ram.write(slot, head.to_bytes(2, "little"))
        self._available[queue] += 1
        self.ram.write(ring + 2, self._available[queue].to_bytes(2, "little"))
        if notify:
            self.write(mmio.R_NOTIFY, queue)

    def offer(self, queue: int, parts: list[bytes | int], *, notify: bool = True) -> list[int]:
        """Offer a chain: bytes are for the device to read, an int is room to write."""
        addresses = []
        head = self._descriptor[queue]
        for index, part in enumerate(parts):
            length = part if isinstance(part, int) else len(part)
            address = self.buffers
            self.buffers += length + 16
            if isinstance(part, bytes):
                self.ram.write(address, part)
            flags = WRITE if isinstance(part, int) else 0
            number = (head + index) % QUEUE_SIZE
            if index < len(parts) - 1:
                flags |= NEXT
            self.descriptor(queue, number, (address, length, flags, (number + 1) % QUEUE_SIZE))
            addresses.append(address)
        self._descriptor[queue] = (head + len(parts)) % QUEUE_SIZE
        self.make_available(queue, head, notify=notify)
        return addresses

    def used(self, queue: int) -> list[int]:
        """Lengths of the chains used since the last call."""
        ring = self.ring(queue, 2)
        end = int.from_bytes(self.ram.read(ring + 2, 2), "little")
        lengths = []
        while self._used[queue] != end:
            slot = ring + 4 + 8 * (self._used[queue] % QUEUE_SIZE)
            lengths.append(struct.unpack("<II", self.ram.read(slot, 8))[1])
            self._used[queue] += 1
        return lengths
