"""What is in memory when a machine is switched on: the kernel, and the device tree behind it."""

from __future__ import annotations

from nexus.emulator import elf, fdt, reset
from nexus.emulator.elf import ImageError
from nexus.emulator.memory import RAM_BASE, Ram


def place_tree(ram: Ram, image: elf.Image) -> int:
    """Put the device tree into memory; 0 if the kernel leaves no room where it belongs."""
    tree = fdt.build(reset.device_tree(ram.size_bytes))
    address = reset.tree_address(ram.size_bytes, len(tree))
    for segment in image.segments:
        end = segment.address + segment.memory_bytes
        if segment.address < address + len(tree) and address < end:
            return 0
    if not ram.contains(address, len(tree)):
        return 0
    ram.write(address, tree)
    return address


def load_image(ram: Ram, image: elf.Image) -> None:
    """Put a kernel into memory.

    Raises:
        ImageError: It does not fit, or begins elsewhere than the board does.
    """
    for segment in image.segments:
        if not ram.contains(segment.address, segment.memory_bytes):
            raise ImageError(
                f"kernel image: segment {segment.address:#x}+{segment.memory_bytes:#x} is outside "
                f"RAM {RAM_BASE:#x}+{ram.size_bytes:#x}"
            )
        ram.write(segment.address, segment.data)
    if image.entry != RAM_BASE:
        raise ImageError(
            f"kernel image: entry {image.entry:#x}, but the board starts at {RAM_BASE:#x}"
        )
