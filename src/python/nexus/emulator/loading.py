"""The memory of a machine at power-on, and the place where its hart begins.

The places are those of QEMU's `virt`:

- firmware at the beginning of RAM, or where its ELF says;
- a kernel where its ELF says; an `Image` or flat code at the next multiple of 2 MiB behind the
  firmware, or without firmware at the beginning of RAM;
- the initial RAM disk half of the memory behind the kernel, but no more than 128 MiB;
- the device tree at the highest multiple of 2 MiB that leaves it room (see `reset`).
"""

from __future__ import annotations

from itertools import combinations
from typing import Final

from nexus.core.record import dataclass
from nexus.emulator import elf, fdt, payload, reset
from nexus.emulator.elf import ImageError
from nexus.emulator.memory import RAM_BASE, Ram
from nexus.emulator.tree import filled

_KERNEL_ALIGNMENT: Final = 2 << 20
_INITRD_DISTANCE_MAX: Final = 128 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class BootFiles:
    """The contents of the files that a machine boots; empty is not given."""

    kernel: bytes = b""
    firmware: bytes = b""
    initrd: bytes = b""
    append: str = ""
    device_tree: bytes = b""  # Instead of the board's own.

    @property
    def is_bare(self) -> bool:
        """Whether there is nothing but a kernel: its tree is the one that it always was."""
        others = (self.firmware, self.initrd, self.append, self.device_tree)
        return not any(others) and self.kernel[:4] == b"\x7fELF"


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes at a physical address, followed by zeros up to `memory_bytes`."""

    name: str
    address: int
    data: bytes
    memory_bytes: int

    @property
    def end(self) -> int:
        """The first address behind it."""
        return self.address + self.memory_bytes

    def overlaps(self, other: Part) -> bool:
        """Whether both have a byte in common."""
        return self.address < other.end and other.address < self.end


@dataclass(frozen=True, slots=True)
class Boot:
    """The places of all that is loaded."""

    parts: tuple[Part, ...]
    start: int  # Where the reset ROM jumps.
    next_stage: int  # Where firmware is told to go on; 0 if there is nothing.
    tree: int  # The device tree's address; 0 if there was no room for one.


def prepare(files: BootFiles, ram_bytes: int, board: reset.BoardOptions) -> Boot:
    """Find a place for everything.

    Raises:
        ImageError: A file is not what it has to be, does not fit, or overlaps another.
    """
    parts: list[Part] = []
    start = next_stage = RAM_BASE
    kernel_base = RAM_BASE
    if files.firmware:
        firmware = payload.read(files.firmware, "firmware", may_be_flat=True)
        parts += _parts(firmware, "firmware", RAM_BASE, ram_bytes)
        start = _firmware_start(firmware, ram_bytes)
        # The zeros behind flat code are not counted, as QEMU does not know of them.
        is_flat = isinstance(firmware, payload.Flat)
        end = max(it.address + len(it.data) if is_flat else it.end for it in parts)
        kernel_base = -(-end // _KERNEL_ALIGNMENT) * _KERNEL_ALIGNMENT
        next_stage = 0
    if files.kernel or not files.firmware:
        kernel = payload.read(files.kernel, "kernel", may_be_flat=bool(files.firmware))
        loaded = _parts(kernel, "kernel", kernel_base, ram_bytes)
        next_stage = _next_stage(kernel, loaded)
        if not files.firmware:
            _check_entry(kernel)
        parts += loaded
    initrd = _initrd(files, next_stage, ram_bytes)
    parts += initrd
    _check_apart(parts)
    tree, flat = _tree(files, ram_bytes, board, initrd)
    place = Part("device tree", tree, flat, len(flat))
    if files.is_bare and (tree < RAM_BASE or any(part.overlaps(place) for part in parts)):
        return Boot(tuple(parts), start, next_stage, 0)
    if tree < RAM_BASE:
        raise ImageError(f"device tree: {len(flat)} bytes are more than the memory", "device tree")
    for part in parts:
        _check_before_tree(part, place)
    return Boot((*parts, place), start, next_stage, tree)


def load(ram: Ram, boot: Boot) -> None:
    """Put everything into memory."""
    for part in boot.parts:
        ram.write(part.address, part.data)


def _parts(image: elf.Image | payload.Flat, name: str, base: int, ram_bytes: int) -> list[Part]:
    if isinstance(image, payload.Flat):
        part = Part(name, base, image.data, image.memory_bytes)
        _check_inside(part, "", ram_bytes)
        return [part]
    parts = []
    for segment in image.segments:
        part = Part(name, segment.address, segment.data, segment.memory_bytes)
        if segment.has_headers:
            # A linker without a script puts the file's headers in front of the code, which is
            # where the board has no memory.  QEMU drops those bytes, too.
            part = _cut_to_memory(part, ram_bytes)
        if part.memory_bytes:
            _check_inside(part, "segment ", ram_bytes)
            parts.append(part)
    if not parts:
        where = f"{image.segments[0].address:#x}"
        raise ImageError(
            f"{name} image: its only segment, at {where}, is outside RAM"
            f" {RAM_BASE:#x}+{ram_bytes:#x}",
            name,
        )
    return parts


def _cut_to_memory(part: Part, ram_bytes: int) -> Part:
    skipped = min(max(RAM_BASE - part.address, 0), part.memory_bytes)
    if part.address >= RAM_BASE + ram_bytes:
        skipped = part.memory_bytes
    rest = part.memory_bytes - skipped
    return Part(part.name, part.address + skipped, part.data[skipped:], rest)


def _check_inside(part: Part, what: str, ram_bytes: int) -> None:
    if part.address < RAM_BASE or part.end > RAM_BASE + ram_bytes:
        raise ImageError(
            f"{part.name} image: {what}{part.address:#x}+{part.memory_bytes:#x} is outside "
            f"RAM {RAM_BASE:#x}+{ram_bytes:#x}",
            part.name,
        )


def _firmware_start(firmware: elf.Image | payload.Flat, ram_bytes: int) -> int:
    if isinstance(firmware, payload.Flat):
        return RAM_BASE
    if not RAM_BASE <= firmware.entry < RAM_BASE + ram_bytes:
        raise ImageError(
            f"firmware image: entry {firmware.entry:#x} is outside RAM"
            f" {RAM_BASE:#x}+{ram_bytes:#x}",
            "firmware",
        )
    return firmware.entry


def _next_stage(kernel: elf.Image | payload.Flat, loaded: list[Part]) -> int:
    """Return firmware's first address: the beginning, as on QEMU, unless headers are there."""
    if isinstance(kernel, elf.Image) and any(segment.has_headers for segment in kernel.segments):
        return kernel.entry
    return min(part.address for part in loaded)


def _check_entry(kernel: elf.Image | payload.Flat) -> None:
    if isinstance(kernel, elf.Image) and kernel.entry != RAM_BASE:
        raise ImageError(
            f"kernel image: entry {kernel.entry:#x}, but the board starts at {RAM_BASE:#x}"
        )


def _initrd(files: BootFiles, kernel: int, ram_bytes: int) -> list[Part]:
    if not files.initrd:
        return []
    if not files.kernel:
        raise ImageError("initrd: there is no kernel that could use it", "initrd")
    start = kernel + min(ram_bytes // 2, _INITRD_DISTANCE_MAX)
    room = max(RAM_BASE + ram_bytes - start, 0)
    if len(files.initrd) > room:
        raise ImageError(
            f"initrd: {len(files.initrd)} bytes do not fit at {start:#x}; expected at most"
            f" {room} bytes with {ram_bytes >> 20} MiB of memory",
            "initrd",
        )
    return [Part("initrd", start, files.initrd, len(files.initrd))]


def _tree(
    files: BootFiles, ram_bytes: int, board: reset.BoardOptions, initrd: list[Part]
) -> tuple[int, bytes]:
    """The device tree, and where it belongs."""
    reservations: tuple[tuple[int, int], ...] = ()
    if files.device_tree:
        try:
            root = fdt.parse(files.device_tree)
            reservations = fdt.parse_reservations(files.device_tree)
        except fdt.TreeError as error:
            raise ImageError(f"{error}; expected a flattened tree", "device tree") from None
    else:
        root = reset.device_tree(ram_bytes, board)
    span = (initrd[0].address, initrd[0].end) if initrd else None
    flat = fdt.build(filled(root, files.append, span), reservations)
    return reset.tree_address(ram_bytes, len(flat)), flat


def _check_before_tree(part: Part, tree: Part) -> None:
    """The tree's place is the board's choice, so it is the other part that is too large."""
    if part.overlaps(tree):
        raise ImageError(
            f"{part.name}: {part.address:#x}..{part.end:#x} and the device tree at"
            f" {tree.address:#x}..{tree.end:#x} overlap; expected at most"
            f" {max(tree.address - part.address, 0)} bytes there, or give the machine more memory",
            part.name,
        )


def _check_apart(parts: list[Part]) -> None:
    for one, other in combinations(parts, 2):
        if one.overlaps(other):
            raise ImageError(
                f"{one.name} {one.address:#x}..{one.end:#x} and {other.name}"
                f" {other.address:#x}..{other.end:#x} overlap; link one of them elsewhere, or give"
                " the machine more memory",
                other.name,
            )
