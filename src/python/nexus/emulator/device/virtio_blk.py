"""virtio-blk: reads, writes, flushes and identification, one queue."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import ClassVar, Final, Protocol

from nexus.emulator.device.virtio_mmio import VirtioMmio
from nexus.emulator.device.virtqueue import Chain, QueueError, VirtQueue
from nexus.emulator.memory import Ram

SECTOR_BYTES: Final = 512

FEATURE_SEG_MAX: Final = 1 << 2
FEATURE_RO: Final = 1 << 5
FEATURE_BLK_SIZE: Final = 1 << 6
FEATURE_FLUSH: Final = 1 << 9

SEGMENTS_MAX: Final = 254  # QEMU's: two less than its default queue.

T_IN, T_OUT, T_FLUSH, T_GET_ID = 0, 1, 4, 8
S_OK, S_IOERR, S_UNSUPP = b"\0", b"\1", b"\2"

ID_BYTES: Final = 20

_HEADER: Final = struct.Struct("<IIQ")


class MediumError(Exception):
    """The medium failed: the guest gets an error status, and goes on."""


class Drive(Protocol):
    """A block device's backing store, `size_bytes` long, a multiple of 512.

    A drive may raise MediumError at any request.
    """

    @property
    def size_bytes(self) -> int:
        """The capacity."""
        ...

    def read(self, offset: int, length: int) -> bytes:
        """Read a range inside the device."""
        ...

    def write(self, offset: int, data: bytes) -> None:
        """Write a range inside the device."""
        ...

    def flush(self) -> None:
        """Make everything written so far durable."""
        ...


class MemoryDrive:
    """A drive whose medium is memory, so nothing outlives the machine."""

    SAVED: ClassVar[tuple[str, ...]] = ("content",)

    def __init__(self, content: bytes) -> None:
        self.content = bytearray(content)

    def restored(self) -> None:
        """Nothing hangs on it."""

    @property
    def size_bytes(self) -> int:
        """The capacity."""
        return len(self.content)

    def read(self, offset: int, length: int) -> bytes:
        """Read a range inside the device."""
        return bytes(self.content[offset : offset + length])

    def write(self, offset: int, data: bytes) -> None:
        """Write a range inside the device."""
        self.content[offset : offset + len(data)] = data

    def flush(self) -> None:
        """Memory is as durable as it gets."""


class VirtioBlk:
    """A disk."""

    device_id = 2
    queue_count = 1

    def __init__(
        self,
        drive: Drive,
        serial: bytes,
        ram: Ram,
        set_irq: Callable[[bool], None],
        *,
        is_read_only: bool = False,
    ) -> None:
        if drive.size_bytes <= 0 or drive.size_bytes % SECTOR_BYTES:
            raise ValueError(
                f"drive of {drive.size_bytes} bytes: expected a positive multiple of {SECTOR_BYTES}"
            )
        self.features = FEATURE_SEG_MAX | FEATURE_BLK_SIZE | FEATURE_FLUSH
        if is_read_only:
            self.features |= FEATURE_RO
        sectors = drive.size_bytes // SECTOR_BYTES
        # capacity, size_max, seg_max, geometry (absent), blk_size.
        self.config = struct.pack("<QIIII", sectors, 0, SEGMENTS_MAX, 0, SECTOR_BYTES)
        self.transport = VirtioMmio(self, ram, set_irq)
        self._drive = drive
        self._is_read_only = is_read_only
        self._serial = serial[:ID_BYTES].ljust(ID_BYTES, b"\0")

    def notify(self, queue_index: int, queue: VirtQueue) -> bool:
        """Execute every available request."""
        used = False
        while (chain := queue.pop()) is not None:
            self._execute(queue, chain)
            used = True
        return used

    def _execute(self, queue: VirtQueue, chain: Chain) -> None:
        request = queue.gather(chain)
        room = chain.writable_bytes - 1  # The last byte is the status.
        if len(request) < _HEADER.size or room < 0:
            raise QueueError("request without header or status byte")
        kind, _, sector = _HEADER.unpack_from(request)
        try:
            status, data = self._perform(kind, sector, request[_HEADER.size :], room)
        except MediumError:
            status, data = S_IOERR, b""
        queue.scatter(chain, data)
        queue.scatter(chain, status, room)
        queue.push(chain, len(data) + 1)

    def _perform(self, kind: int, sector: int, payload: bytes, room: int) -> tuple[bytes, bytes]:
        """Do what is asked: the status, and what the guest reads."""
        status, data = S_OK, b""
        if kind == T_IN:
            status = self._check(sector, room)
            if status == S_OK:
                data = self._drive.read(sector * SECTOR_BYTES, room)
        elif kind == T_OUT:
            status = S_IOERR if self._is_read_only else self._check(sector, len(payload))
            if status == S_OK:
                self._drive.write(sector * SECTOR_BYTES, payload)
        elif kind == T_FLUSH:
            self._drive.flush()
        elif kind == T_GET_ID:
            data = self._serial[:room]
        else:
            status = S_UNSUPP
        return status, data

    def _check(self, sector: int, length: int) -> bytes:
        end = sector * SECTOR_BYTES + length
        whole = length % SECTOR_BYTES == 0
        return S_OK if whole and end <= self._drive.size_bytes else S_IOERR
