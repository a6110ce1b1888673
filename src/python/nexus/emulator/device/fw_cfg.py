"""QEMU's firmware configuration device: how a machine learns its node's configuration.

+0   data      reads return the bytes of the selected item, one after the other
+8   selector  u16, big-endian
+16  dma       u64, big-endian address of a descriptor; writing it (or its low half) starts it

descriptor, big-endian: control u32, length u32, address u64
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import ClassVar, Final, Protocol

from nexus.emulator.bus import BusError
from nexus.emulator.memory import Ram

DATA: Final = 0
SELECTOR: Final = 8
DMA: Final = 16
LENGTH: Final = 24

KEY_SIGNATURE: Final = 0x00
KEY_ID: Final = 0x01
KEY_CPUS: Final = 0x05
KEY_DIRECTORY: Final = 0x19
KEY_FILES: Final = 0x20
KEY_WRITE_CHANNEL: Final = 0x4000  # A bit of earlier times, which changes nothing.

ID_TRADITIONAL_AND_DMA: Final = 3
DMA_SIGNATURE: Final = b"QEMU CFG"

CONTROL_ERROR: Final = 1
CONTROL_READ: Final = 2
CONTROL_SKIP: Final = 4
CONTROL_SELECT: Final = 8
CONTROL_WRITE: Final = 16

# The directory entry has 56 bytes for a name and its terminator.
NAME_BYTES_MAX: Final = 55
# QEMU's default number of file slots.
FILES_MAX: Final = 32

_DESCRIPTOR: Final = struct.Struct(">IIQ")


class Place(Protocol):
    """A list of one number, or the memory that an engine shares."""

    def __getitem__(self, index: int, /) -> int:
        """Read the number."""

    def __setitem__(self, index: int, value: int, /) -> None:
        """Write the number."""


class FwCfg:
    """A selector, a position, and read-only items."""

    SAVED: ClassVar[tuple[str, ...]] = ("_selected", "_position", "_dma_high")

    def __init__(self, files: Mapping[str, bytes], ram: Ram, harts: int = 1) -> None:
        self._ram = ram
        self._items = _items(files, harts)
        self._selected = self._items[KEY_SIGNATURE]
        self._place: Place = [0]
        self._dma_high = 0
        self._on_select: Callable[[bytes], None] = lambda item: None

    def share(self, place: Place, on_select: Callable[[bytes], None]) -> None:
        """Keep the position in `place[0]` from now on, and say which item is selected."""
        place[0] = self._position
        self._place = place
        self._on_select = on_select
        on_select(self._selected)

    @property
    def _position(self) -> int:
        return self._place[0]

    @_position.setter
    def _position(self, value: int) -> None:
        self._place[0] = value

    def restored(self) -> None:
        """Another item may be selected."""
        self._on_select(self._selected)

    def read(self, offset: int, size: int) -> int:
        """Read the data register, or the signature that announces DMA."""
        if offset < SELECTOR:
            return int.from_bytes(self._take(size), "little")
        if offset >= DMA:
            start = offset - DMA
            return int.from_bytes(DMA_SIGNATURE[start : start + size], "little")
        raise BusError(offset, size)  # The selector cannot be read.

    def write(self, offset: int, size: int, value: int) -> None:
        """Select an item or start a DMA transfer; nothing can be written through `data`.

        Raises:
            BusError: There is no register of this size here.
        """
        swapped = int.from_bytes(value.to_bytes(size, "little"), "big")
        if offset == SELECTOR and size == 2:
            self._select(swapped)
        elif offset == DMA and size == 8:
            self._transfer(swapped)
        elif offset == DMA and size == 4:
            self._dma_high = swapped
        elif offset == DMA + 4 and size == 4:
            address, self._dma_high = self._dma_high << 32 | swapped, 0
            self._transfer(address)
        elif offset >= SELECTOR:
            raise BusError(offset, size)

    def _select(self, key: int) -> None:
        self._selected = self._items.get(key & ~KEY_WRITE_CHANNEL, b"")
        self._position = 0
        self._on_select(self._selected)

    def _take(self, length: int) -> bytes:
        """The next bytes of the item; zeros after its end."""
        data = self._selected[self._position : self._position + length]
        self._position = min(self._position + length, len(self._selected))
        return data.ljust(length, b"\0")

    def _transfer(self, descriptor: int) -> None:
        if not self._ram.contains(descriptor, _DESCRIPTOR.size):
            return  # QEMU cannot report this either: there is nowhere to write the error.
        control, length, address = _DESCRIPTOR.unpack(self._ram.read(descriptor, _DESCRIPTOR.size))
        if control & CONTROL_SELECT:
            self._select(control >> 16)
        result = 0
        if control & CONTROL_READ:
            if self._ram.contains(address, length):
                self._ram.write(address, self._take(length))
            else:
                result = CONTROL_ERROR
        elif control & CONTROL_WRITE:
            result = CONTROL_ERROR  # Every item is read-only.
        elif control & CONTROL_SKIP:
            self._position = min(self._position + length, len(self._selected))
        self._ram.write(descriptor, result.to_bytes(4, "big"))


def _items(files: Mapping[str, bytes], harts: int) -> dict[int, bytes]:
    """Lay out the fixed items, the directory and the files, sorted by name as QEMU does."""
    if len(files) > FILES_MAX:
        raise ValueError(f"fw_cfg: {len(files)} files; expected at most {FILES_MAX}")
    items = {
        KEY_SIGNATURE: b"QEMU",
        KEY_ID: ID_TRADITIONAL_AND_DMA.to_bytes(4, "little"),
        KEY_CPUS: harts.to_bytes(2, "little"),
    }
    directory = [len(files).to_bytes(4, "big")]
    for index, name in enumerate(sorted(files)):
        encoded = name.encode()
        if not 0 < len(encoded) <= NAME_BYTES_MAX:
            raise ValueError(f"fw_cfg: name {name!r}; expected 1..{NAME_BYTES_MAX} bytes")
        items[KEY_FILES + index] = bytes(files[name])
        directory.append(struct.pack(">IHH56s", len(files[name]), KEY_FILES + index, 0, encoded))
    items[KEY_DIRECTORY] = b"".join(directory)
    return items
