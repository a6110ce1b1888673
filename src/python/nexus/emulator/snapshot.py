"""A whole machine as bytes, and back: registers, memory, devices, disks in memory.

    magic `NXVS` | format u16 | 0 u16 | SHA-256 over what follows, 32 bytes |
    RAM bytes u64 | digest of kernel, files and slots, 32 bytes |
    hart: words u32, each u64 |
    pages u32, each: number u32, 4096 bytes | devices: values (see `_encode`)

Pages of zeros are left out.  A snapshot belongs to the options that its machine was made from:
kernel, firmware files, memory size, network card, disks.  It is restored into a new machine made
from the same options, on whichever engine; what is nowhere in the options comes from the bytes.
The entropy source is asked anew for as many bytes as the guest has had.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from typing import Any, Final  # Any: what `struct` unpacks depends on the layout.

from nexus.emulator.machine import Machine, MachineOptions
from nexus.emulator.memory import PAGE_BYTES, PAGE_SHIFT, RAM_BASE
from nexus.emulator.reference import state as s
from nexus.emulator.stateful import Stateful, Value

MAGIC: Final = b"NXVS"
# Raise when a device saves other values.
FORMAT: Final = 4

_HEADER: Final = struct.Struct("<4sHH32s")
_ZERO_PAGE: Final = bytes(PAGE_BYTES)
# Untouched memory is skipped in stretches of this size.
_STRETCH_BYTES: Final = 1 << 20
_ZERO_STRETCH: Final = bytes(_STRETCH_BYTES)

# A disk of a gigabyte is the largest single value.
_VALUE_BYTES_MAX: Final = 1 << 30
_DEPTH_MAX: Final = 4


class SnapshotError(ValueError):
    """The bytes are not a snapshot of such a machine; the message says why."""


def save(machine: Machine) -> bytes:
    """Everything that the machine's future depends on, apart from its options."""
    hart = machine.hart
    words = [hart.state[index] for index in range(s.STATE_WORDS)]
    words[s.SINK] = 0
    pages = list(_pages(machine))
    body = [
        struct.pack("<Q32sI", machine.ram.size_bytes, machine.identity, len(words)),
        struct.pack(f"<{len(words)}Q", *words),
        struct.pack("<I", len(pages)),
    ]
    for number, page in pages:
        body += [struct.pack("<I", number), page]
    devices: list[Value] = [
        [getattr(device, name) for name in device.SAVED] for device in _devices(machine)
    ]
    body.append(_encode(devices))
    data = b"".join(body)
    return _HEADER.pack(MAGIC, FORMAT, 0, hashlib.sha256(data).digest()) + data


def restore(options: MachineOptions, snapshot: bytes) -> Machine:
    """Make a machine that goes on where the snapshot's was.

    Raises:
        SnapshotError: The bytes are damaged, or of another version or machine.
        ImageError: The kernel is not a kernel.
    """
    body = _checked(snapshot)
    machine = Machine(options)
    reader = _Reader(body)
    size, identity, count = reader.unpack("<Q32sI")
    if identity != machine.identity:
        raise SnapshotError(
            "snapshot: it was made of a machine with another kernel, other files or other slots;"
            " give the options of that machine"
        )
    for name, found, expected in (
        ("memory", size, machine.ram.size_bytes),
        ("state words", count, s.STATE_WORDS),
    ):
        if found != expected:
            raise SnapshotError(
                f"snapshot: it was made of another machine: {name} {found}, not {expected}"
            )
    words = reader.unpack(f"<{count}Q")
    if words[s.HART] >= machine.harts:
        raise SnapshotError(
            f"snapshot: hart {words[s.HART]} has the turn; expected one below {machine.harts}"
        )
    _restore_ram(machine, reader)
    values = reader.value()
    if reader.rest:
        raise SnapshotError(f"snapshot: {reader.rest} bytes too many")
    _restore_devices(machine, values)
    machine.hart.restore(words)
    return machine


def _checked(snapshot: bytes) -> memoryview:
    if len(snapshot) < _HEADER.size:
        raise SnapshotError(
            f"snapshot: {len(snapshot)} bytes; expected a header of {_HEADER.size}, then a machine"
        )
    magic, version, _, digest = _HEADER.unpack_from(snapshot)
    if magic != MAGIC:
        raise SnapshotError(f"snapshot: magic {magic!r}; expected {MAGIC!r}")
    if version != FORMAT:
        raise SnapshotError(f"snapshot: format {version}; expected {FORMAT}; save it again")
    body = memoryview(snapshot)[_HEADER.size :]
    if hashlib.sha256(body).digest() != digest:
        raise SnapshotError("snapshot: damaged, its digest does not match")
    return body


def _pages(machine: Machine) -> Iterator[tuple[int, bytes]]:
    """Every page that is not all zeros."""
    ram = machine.ram
    for start in range(0, ram.size_bytes, _STRETCH_BYTES):
        stretch = ram.buffer[start : start + _STRETCH_BYTES]
        if stretch == _ZERO_STRETCH:
            continue
        for offset in range(0, len(stretch), PAGE_BYTES):
            page = stretch[offset : offset + PAGE_BYTES]
            if page != _ZERO_PAGE:
                yield start + offset >> PAGE_SHIFT, page


def _restore_ram(machine: Machine, reader: _Reader) -> None:
    ram = machine.ram
    # The new machine holds its image already; what the old one had overwritten with zeros goes.
    for number, _ in list(_pages(machine)):
        ram.write(RAM_BASE + (number << PAGE_SHIFT), _ZERO_PAGE)
    (count,) = reader.unpack("<I")
    for _ in range(count):
        (number,) = reader.unpack("<I")
        address = RAM_BASE + (number << PAGE_SHIFT)
        if not ram.contains(address, PAGE_BYTES):
            raise SnapshotError(f"snapshot: page {number} is outside of memory")
        ram.write(address, reader.take(PAGE_BYTES))


def _devices(machine: Machine) -> list[Stateful]:
    return machine.devices.stateful


def _restore_devices(machine: Machine, values: Value) -> None:
    devices = _devices(machine)
    if not isinstance(values, list) or len(values) != len(devices):
        raise SnapshotError("snapshot: it was made of another machine: other devices")
    for device, saved in zip(devices, values, strict=True):
        if not isinstance(saved, list) or len(saved) != len(device.SAVED):
            raise SnapshotError(f"snapshot: {type(device).__name__}: not its state")
        for name, value in zip(device.SAVED, saved, strict=True):
            if type(value) is not type(getattr(device, name)) and not _is_optional(device, name):
                raise SnapshotError(f"snapshot: {type(device).__name__}: {name} has another type")
            setattr(device, name, value)
        device.restored()


def _is_optional(device: Stateful, name: str) -> bool:
    return getattr(device, name) is None


# -- Values: a kind, then its content -----------------------------------------------------------


def _encode(value: Value) -> bytes:
    """None, truth values, non-negative numbers, bytes, and lists of these."""
    if value is None:
        return b"n"
    if isinstance(value, bool):
        return b"t" if value else b"f"
    if isinstance(value, int):
        content = value.to_bytes((value.bit_length() + 7) // 8, "little")
        return b"i" + struct.pack("<I", len(content)) + content
    if isinstance(value, bytes | bytearray):
        kind = b"a" if isinstance(value, bytearray) else b"b"
        return kind + struct.pack("<I", len(value)) + value
    assert isinstance(value, list | tuple)
    return b"l" + struct.pack("<I", len(value)) + b"".join(_encode(item) for item in value)


class _Reader:
    """Takes a snapshot's body apart; whatever is missing is a `SnapshotError`."""

    def __init__(self, data: memoryview) -> None:
        self._data = data

    @property
    def rest(self) -> int:
        return len(self._data)

    def take(self, length: int) -> bytes:
        if length > len(self._data):
            raise SnapshotError("snapshot: it ends too early")
        taken, self._data = self._data[:length], self._data[length:]
        return bytes(taken)

    def unpack(self, layout: str) -> tuple[Any, ...]:
        return struct.unpack(layout, self.take(struct.calcsize(layout)))

    def value(self, depth: int = 0) -> Value:
        kind = self.take(1)
        constants: dict[bytes, bool | None] = {b"n": None, b"t": True, b"f": False}
        if kind in constants:
            return constants[kind]
        (length,) = self.unpack("<I")
        if kind not in b"iabl" or length > _VALUE_BYTES_MAX or depth > _DEPTH_MAX:
            raise SnapshotError(f"snapshot: kind {kind!r} of length {length}")
        if kind == b"l":
            return [self.value(depth + 1) for _ in range(length)]
        content = self.take(length)
        if kind == b"i":
            return int.from_bytes(content, "little")
        return bytearray(content) if kind == b"a" else content
