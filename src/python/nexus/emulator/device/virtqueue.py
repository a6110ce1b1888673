"""Split virtqueues, the device's side (virtio 1.1, section 2.6).

Everything a driver writes is hostile: addresses outside RAM, descriptor loops, indices that run
away.  Each of these is a `QueueError`, after which the transport declares the device broken.
"""

from __future__ import annotations

import struct
from typing import ClassVar, Final

from nexus.core.record import dataclass
from nexus.emulator.memory import Ram

QUEUE_SIZE_MAX: Final = 1024  # QEMU's limit.

_NEXT: Final = 1
_WRITE: Final = 2
_INDIRECT: Final = 4
_NO_INTERRUPT: Final = 1

_DESCRIPTOR: Final = struct.Struct("<QIHH")


class QueueError(Exception):
    """The driver broke the rules of the queue."""


@dataclass(frozen=True, slots=True)
class Chain:
    """One buffer made available by the driver."""

    head: int
    readable: tuple[tuple[int, int], ...]  # (address, length)
    writable: tuple[tuple[int, int], ...]

    @property
    def writable_bytes(self) -> int:
        """The number of bytes that the device may write."""
        return sum(length for _, length in self.writable)


class VirtQueue:
    """One queue: where its rings are, and how far the device has got."""

    SAVED: ClassVar[tuple[str, ...]] = (
        "has_indirect",
        "size",
        "is_ready",
        "descriptors",
        "available",
        "used",
        "_seen",
        "_done",
    )

    def __init__(self, ram: Ram) -> None:
        self._ram = ram
        self.has_indirect = False  # The driver took the feature.
        self.reset()

    def restored(self) -> None:
        """Nothing hangs on it."""

    def reset(self) -> None:
        """Forget the configuration."""
        self.size = 0
        self.is_ready = False
        self.descriptors = 0
        self.available = 0
        self.used = 0
        self._seen = 0  # Next available index to look at.
        self._done = 0  # Next used index to write.

    def pop(self) -> Chain | None:
        """Take the next available chain, if any.

        Raises:
            QueueError: The rings make no sense.
        """
        if not self.is_ready or not self.size:
            return None
        pending = self._u16(self.available + 2) - self._seen & 0xFFFF
        if not pending:
            return None
        if pending > self.size:
            raise QueueError(f"{pending} chains available in a queue of {self.size}")
        head = self._u16(self.available + 4 + 2 * (self._seen % self.size))
        self._seen = self._seen + 1 & 0xFFFF
        return self._chain(head)

    def push_back(self) -> None:
        """Undo the last `pop`: the chain stays available."""
        self._seen = self._seen - 1 & 0xFFFF

    def push(self, chain: Chain, written: int) -> None:
        """Return a chain to the driver."""
        slot = self.used + 4 + 8 * (self._done % self.size)
        self._write(slot, struct.pack("<II", chain.head, written))
        self._done = self._done + 1 & 0xFFFF
        self._write(self.used + 2, self._done.to_bytes(2, "little"))

    @property
    def wants_interrupt(self) -> bool:
        """False while the driver polls."""
        return not self._u16(self.available) & _NO_INTERRUPT

    def gather(self, chain: Chain) -> bytes:
        """The readable bytes of a chain."""
        return b"".join(self._read(*part) for part in chain.readable)

    def scatter(self, chain: Chain, data: bytes, skip: int = 0) -> None:
        """Write into the writable part of a chain, `skip` bytes from its start."""
        for address, length in chain.writable:
            if skip >= length:
                skip -= length
                continue
            piece = data[: length - skip]
            self._write(address + skip, piece)
            data = data[len(piece) :]
            skip = 0
            if not data:
                return

    def _chain(self, head: int) -> Chain:
        table, count = self.descriptors, self.size
        readable: list[tuple[int, int]] = []
        writable: list[tuple[int, int]] = []
        index = head
        total = 0
        is_indirect = False
        for _ in range(QUEUE_SIZE_MAX):
            if index >= count:
                raise QueueError(f"descriptor {index} in a table of {count}")
            raw = self._read(table + 16 * index, 16)
            address, length, flags, following = _DESCRIPTOR.unpack(raw)
            if flags & _INDIRECT:
                if is_indirect or flags & _NEXT:
                    raise QueueError("indirect descriptor in an indirect table, or not the last")
                table, count = address, self._indirect_count(length)
                index, is_indirect = 0, True
                continue
            total += length
            if not self._ram.contains(address, length) or total > self._ram.size_bytes:
                raise QueueError(
                    f"buffer {address:#x}+{length:#x} is not RAM, or the chain is larger than RAM"
                )
            if flags & _WRITE:
                writable.append((address, length))
            elif writable:
                raise QueueError("readable descriptor after a writable one")
            else:
                readable.append((address, length))
            if not flags & _NEXT:
                return Chain(head, tuple(readable), tuple(writable))
            index = following
        raise QueueError(f"chain at {head} has no end")

    def _indirect_count(self, length: int) -> int:
        """The number of descriptors in an indirect table of this many bytes."""
        if not self.has_indirect:
            raise QueueError("indirect descriptor, a feature that was not taken")
        count, rest = divmod(length, _DESCRIPTOR.size)
        if rest or not 0 < count <= QUEUE_SIZE_MAX:
            raise QueueError(f"indirect table of {length} bytes")
        return count

    def _read(self, address: int, length: int) -> bytes:
        if not self._ram.contains(address, length):
            raise QueueError(f"ring at {address:#x} is not RAM")
        return self._ram.read(address, length)

    def _write(self, address: int, data: bytes) -> None:
        if not self._ram.contains(address, len(data)):
            raise QueueError(f"ring at {address:#x} is not RAM")
        self._ram.write(address, data)

    def _u16(self, address: int) -> int:
        return int.from_bytes(self._read(address, 2), "little")
