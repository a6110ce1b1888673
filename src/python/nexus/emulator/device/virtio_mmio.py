"""The virtio-mmio transport, version 2 only (virtio 1.1, section 4.2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final, Protocol

from nexus.emulator.device.virtqueue import QUEUE_SIZE_MAX, QueueError, VirtQueue
from nexus.emulator.device.words import WordAt, Words
from nexus.emulator.memory import Ram

MAGIC: Final = 0x7472_6976
VERSION: Final = 2
VENDOR: Final = 0x554D_4551

FEATURE_INDIRECT: Final = 1 << 28
FEATURE_VERSION_1: Final = 1 << 32

STATUS_DRIVER_OK: Final = 4
STATUS_FEATURES_OK: Final = 8
STATUS_NEEDS_RESET: Final = 0x40

INTERRUPT_USED: Final = 1
INTERRUPT_CONFIG: Final = 2

CONFIG: Final = 0x100
SLOT_BYTES: Final = 0x200

# Registers of the transport, as offsets.
(R_MAGIC, R_VERSION, R_DEVICE, R_VENDOR) = (0x00, 0x04, 0x08, 0x0C)
(R_FEATURES, R_FEATURES_SEL, R_ACCEPTED, R_ACCEPTED_SEL) = (0x10, 0x14, 0x20, 0x24)
(R_QUEUE_SEL, R_QUEUE_MAX, R_QUEUE_SIZE, R_QUEUE_READY) = (0x30, 0x34, 0x38, 0x44)
(R_NOTIFY, R_INTERRUPT, R_ACKNOWLEDGE, R_STATUS) = (0x50, 0x60, 0x64, 0x70)
# An engine may share two registers of each slot: R_STATUS and R_INTERRUPT.
STATUS_WORD, INTERRUPT_WORD = range(2)
WORDS: Final = 2

# Ring addresses: offset of the low half -> attribute of the queue.
_RINGS: Final = {0x80: "descriptors", 0x90: "available", 0xA0: "used"}
_SHARED_MEMORY: Final = (0xB0, 0xB4, 0xB8, 0xBC)  # No regions: length and base read as -1.


class Backend(Protocol):
    """A kind of virtio device."""

    device_id: int
    features: int
    queue_count: int
    config: bytes

    def notify(self, queue_index: int, queue: VirtQueue) -> bool:
        """Process a queue; return True if buffers were used.

        Raises:
            QueueError: The driver broke the rules.
        """
        ...


class EmptySlot:
    """A slot with no device: device id 0 and nothing else."""

    def read(self, offset: int, size: int) -> int:
        """Read the identification registers, 32 bits each."""
        if size == 8:
            return self.read(offset, 4) | self.read(offset + 4, 4) << 32
        return {R_MAGIC: MAGIC, R_VERSION: VERSION, R_VENDOR: VENDOR}.get(offset, 0)

    def write(self, offset: int, size: int, value: int) -> None:
        """Ignore everything."""


class VirtioMmio:
    """The registers of one device."""

    SAVED: ClassVar[tuple[str, ...]] = (
        "_status",
        "_interrupt",
        "_accepted",
        "_features_sel",
        "_accepted_sel",
        "_queue_sel",
    )

    def __init__(self, backend: Backend, ram: Ram, set_irq: Callable[[bool], None]) -> None:
        self._backend = backend
        self._set_irq = set_irq
        self.queues = [VirtQueue(ram) for _ in range(backend.queue_count)]
        self._words: Words = [0] * WORDS
        self._accepted = 0
        self._features_sel = 0
        self._accepted_sel = 0
        self._queue_sel = 0

    _status = WordAt(STATUS_WORD)
    _interrupt = WordAt(INTERRUPT_WORD)

    def share(self, words: Words) -> None:
        """Keep the two words here from now on."""
        for index in range(WORDS):
            words[index] = self._words[index]
        self._words = words

    def restored(self) -> None:
        """The interrupt line is part of what the PLIC restores."""

    @property
    def is_live(self) -> bool:
        """True while the driver has the device running."""
        return self._status & (STATUS_DRIVER_OK | STATUS_NEEDS_RESET) == STATUS_DRIVER_OK

    @property
    def accepted_features(self) -> int:
        """The features that the driver took."""
        return self._accepted

    def serve(self, queue_index: int) -> None:
        """Let the backend process a queue now, for whatever reason."""
        if not self.is_live:
            return
        queue = self.queues[queue_index]
        try:
            if self._backend.notify(queue_index, queue) and queue.wants_interrupt:
                self._raise(INTERRUPT_USED)
        except QueueError:
            self._status |= STATUS_NEEDS_RESET
            self._raise(INTERRUPT_CONFIG)

    def read(self, offset: int, size: int) -> int:
        """Read a register (32 bits) or the configuration (any size)."""
        if offset >= CONFIG:
            return self._read_config(offset - CONFIG, size)
        if size == 8:  # The bus splits it, on QEMU too.
            return self.read(offset, 4) | self.read(offset + 4, 4) << 32
        if size != 4:
            return 0
        if offset in _SHARED_MEMORY:
            return 0xFFFF_FFFF
        queue = self._queue
        return {
            R_MAGIC: MAGIC,
            R_VERSION: VERSION,
            R_DEVICE: self._backend.device_id,
            R_VENDOR: VENDOR,
            R_FEATURES: self._offered >> 32 * self._features_sel & 0xFFFF_FFFF,
            R_QUEUE_MAX: QUEUE_SIZE_MAX if queue else 0,
            R_QUEUE_READY: int(queue.is_ready) if queue else 0,
            R_INTERRUPT: self._interrupt,
            R_STATUS: self._status,
        }.get(offset, 0)

    def write(self, offset: int, size: int, value: int) -> None:
        """Write a register.  No device here has writable configuration."""
        if size == 8:
            self.write(offset, 4, value & 0xFFFF_FFFF)
            self.write(offset + 4, 4, value >> 32)
        if offset >= CONFIG or size != 4:
            return
        if offset == R_NOTIFY:
            if value < len(self.queues):
                self.serve(value)
        elif offset == R_ACKNOWLEDGE:
            self._interrupt &= ~value
            self._set_irq(self._interrupt != 0)
        elif offset == R_STATUS:
            self._write_status(value & 0xFF)
        elif offset == R_FEATURES_SEL:
            self._features_sel = value & 1 if value < 2 else 2
        elif offset == R_ACCEPTED_SEL:
            self._accepted_sel = value
        elif offset == R_ACCEPTED:
            self._write_accepted(value)
        elif offset == R_QUEUE_SEL:
            self._queue_sel = value
        else:
            self._write_queue(offset, value)

    def _read_config(self, start: int, size: int) -> int:
        """Read the configuration; what is not wholly in it reads as ones, as on QEMU."""
        data = self._backend.config[start : start + size]
        return int.from_bytes(data, "little") if len(data) == size else (1 << 8 * size) - 1

    @property
    def _offered(self) -> int:
        return self._backend.features | FEATURE_INDIRECT | FEATURE_VERSION_1

    @property
    def _queue(self) -> VirtQueue | None:
        return self.queues[self._queue_sel] if self._queue_sel < len(self.queues) else None

    def _write_queue(self, offset: int, value: int) -> None:
        queue = self._queue
        if queue is None:
            return
        ring = _RINGS.get(offset & ~4)
        if offset == R_QUEUE_SIZE:
            queue.size = value if 0 < value <= QUEUE_SIZE_MAX else queue.size
        elif offset == R_QUEUE_READY:
            queue.is_ready = bool(value)
        elif ring:
            shift = 32 if offset & 4 else 0
            kept = getattr(queue, ring) & ~(0xFFFF_FFFF << shift)
            setattr(queue, ring, kept | value << shift)

    def _write_accepted(self, value: int) -> None:
        if self._status & STATUS_FEATURES_OK or self._accepted_sel > 1:
            return  # Too late, or no such word.
        shift = 32 * self._accepted_sel
        self._accepted = self._accepted & ~(0xFFFF_FFFF << shift) | value << shift

    def _write_status(self, value: int) -> None:
        if value == 0:
            self._reset()
            return
        # As on QEMU, a driver that does not know the upper word need not accept VERSION_1.
        is_new = value & STATUS_FEATURES_OK and not self._status & STATUS_FEATURES_OK
        if is_new and self._accepted & ~self._offered:
            value &= ~STATUS_FEATURES_OK  # The driver reads it back and gives up.
        self._status = value | self._status & STATUS_NEEDS_RESET
        for queue in self.queues:
            queue.has_indirect = bool(self._accepted & FEATURE_INDIRECT)

    def _raise(self, reason: int) -> None:
        self._interrupt |= reason
        self._set_irq(True)

    def _reset(self) -> None:
        self._status = 0
        self._interrupt = 0
        self._accepted = 0
        self._features_sel = 0
        self._accepted_sel = 0
        self._queue_sel = 0
        for queue in self.queues:
            queue.reset()
        self._set_irq(False)
