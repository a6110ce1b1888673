"""The memory that a kernel finds at power-on: a device tree, and the reset ROM that points to it.

The tree has the nodes, names and values that QEMU's `virt` passes, for the devices we model.  The
hart starts where the ROM's code would have jumped to, with the registers it would have set.
"""

from __future__ import annotations

import struct
from typing import Final

from nexus.core.record import dataclass
from nexus.emulator import board
from nexus.emulator.fdt import Node, cells, pair, strings
from nexus.emulator.isa.cpu import RV64IMAC, Cpu
from nexus.emulator.memory import RAM_BASE

# The tree is put at the end of memory, but a 32-bit kernel must reach it.
_TREE_END_MAX: Final = 0xC000_0000
_TREE_ALIGNMENT: Final = 2 << 20

# Lines of interrupt controllers: external ones of machine and supervisor mode; software and timer.
_EXTERNAL: Final = (11, 9)
_LOCAL: Final = (3, 7)

TIMEBASE_HZ: Final = 10_000_000
_UART_HZ: Final = 3_686_400
_PLIC_SOURCES: Final = 96
_ISA_BASE: Final = "rv64i"

# auipc t0, 0; addi a2, t0, 40; csrr a0, mhartid; ld a1, 32(t0); ld t0, 24(t0); jr t0.
_ROM_CODE: Final = (0x297, 0x0282_8613, 0xF140_2573, 0x0202_B583, 0x0182_B283, 0x0002_8067)
_FIRMWARE_INFO: Final = 40  # Offset of what a2 points to: OpenSBI's `fw_dynamic_info`.
_FIRMWARE_MAGIC: Final = 0x4942_534F


def tree_address(ram_bytes: int, size: int) -> int:
    """Return the address for a tree of this size."""
    end = min(RAM_BASE + ram_bytes, _TREE_END_MAX)
    return (end - size) // _TREE_ALIGNMENT * _TREE_ALIGNMENT


def rom(tree: int, start: int = RAM_BASE, next_stage: int = RAM_BASE) -> bytes:
    """The reset ROM's content.

    Args:
        tree: The device tree's address.
        start: Where the hart begins.
        next_stage: Where firmware goes on, in supervisor mode; 0 if there is nothing.
    """
    code = struct.pack("<6I", *_ROM_CODE)
    # Version 2; next stage: address, supervisor mode; options; boot hart.
    info = struct.pack("<6Q", _FIRMWARE_MAGIC, 2, next_stage, 1, 0, 0)
    return code + struct.pack("<2Q", start, tree) + info


def registers(tree: int, start: int = RAM_BASE) -> dict[int, int]:
    """The registers as the ROM's code leaves them: t0, a1 and a2."""
    return {5: start, 11: tree, 12: board.ROM_BASE + _FIRMWARE_INFO}


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardOptions:
    """The part of the board on which its tree depends."""

    # The real-time clock is named to guests that come by the standard boot path only: our own
    # kernel's tree, and with it every digest of its memory, is older than the clock.
    has_clock: bool = False
    cpu: Cpu = RV64IMAC
    harts: int = 1

    # Handles by which nodes name each other, numbered as on QEMU: the last hart comes first.
    def cpu_handle(self, number: int) -> int:
        """That of a hart."""
        return 2 * (self.harts - 1 - number) + 1

    def local_handle(self, number: int) -> int:
        """That of a hart's own interrupt controller."""
        return self.cpu_handle(number) + 1

    @property
    def plic_handle(self) -> int:
        """That of the interrupt controller for devices."""
        return 2 * self.harts + 1

    @property
    def test_handle(self) -> int:
        """That of the test finisher."""
        return self.plic_handle + 1

    def lines(self, which: tuple[int, ...]) -> bytes:
        """These lines of every hart, as `interrupts-extended` has them."""
        pairs = ((self.local_handle(n), line) for n in range(self.harts) for line in which)
        return cells(*(cell for pair in pairs for cell in pair))


_BOARD: Final = BoardOptions()


def device_tree(ram_bytes: int, options: BoardOptions = _BOARD) -> Node:
    """The board's tree."""
    memory = Node(
        f"memory@{RAM_BASE:x}",
        {"device_type": strings("memory"), "reg": pair(RAM_BASE, ram_bytes)},
    )
    root = {
        "#address-cells": cells(2),
        "#size-cells": cells(2),
        "compatible": strings("riscv-virtio"),
        "model": strings("riscv-virtio,qemu"),
    }
    chosen = Node("chosen", {"stdout-path": strings(f"/soc/serial@{board.UART_BASE:x}")})
    children = [
        _firmware_files(),
        chosen,
        *_switches(options),
        memory,
        _cpus(options),
        _soc(options),
    ]
    return Node("", root, children)


def _firmware_files() -> Node:
    return Node(
        f"fw-cfg@{board.FW_CFG_BASE:x}",
        {
            "dma-coherent": b"",
            "reg": pair(board.FW_CFG_BASE, 0x18),
            "compatible": strings("qemu,fw-cfg-mmio"),
        },
    )


def _switches(options: BoardOptions) -> list[Node]:
    """Return the nodes by which a guest switches off and resets, through the test device."""
    return [
        Node(
            name,
            {
                "value": cells(value),
                "offset": cells(0),
                "regmap": cells(options.test_handle),
                "compatible": strings(f"syscon-{name}"),
            },
        )
        for name, value in (("poweroff", 0x5555), ("reboot", 0x7777))
    ]


def _cpus(options: BoardOptions) -> Node:
    numbers = range(options.harts)
    cores = [Node(f"core{n}", {"cpu": cells(options.cpu_handle(n))}) for n in numbers]
    cpu_map = Node("cpu-map", children=[Node("cluster0", children=cores)])
    properties = {
        "#address-cells": cells(1),
        "#size-cells": cells(0),
        "timebase-frequency": cells(TIMEBASE_HZ),
    }
    return Node("cpus", properties, [*(_cpu(options, number) for number in numbers), cpu_map])


def _cpu(options: BoardOptions, number: int) -> Node:
    interrupts = Node(
        "interrupt-controller",
        {
            "#interrupt-cells": cells(1),
            "interrupt-controller": b"",
            "compatible": strings("riscv,cpu-intc"),
            "phandle": cells(options.local_handle(number)),
        },
    )
    return Node(
        f"cpu@{number}",
        {
            "phandle": cells(options.cpu_handle(number)),
            "device_type": strings("cpu"),
            "reg": cells(number),
            "status": strings("okay"),
            "compatible": strings("riscv"),
            "riscv,isa": strings(options.cpu.isa),
            **_extensions(options.cpu),
            "mmu-type": strings(options.cpu.paging),
        },
        [interrupts],
    )


def _extensions(cpu: Cpu) -> dict[str, bytes]:
    """Return the properties that newer kernels read instead of `riscv,isa`.

    A plain rv64imac has the tree that it always had, so that what was recorded of it stays true.
    """
    if cpu.is_plain:
        return {}
    return {"riscv,isa-base": strings(_ISA_BASE), "riscv,isa-extensions": strings(*cpu.names)}


def _soc(options: BoardOptions) -> Node:
    properties = {
        "#address-cells": cells(2),
        "#size-cells": cells(2),
        "compatible": strings("simple-bus"),
        "ranges": b"",
    }
    plic = options.plic_handle
    slots = [_virtio(slot, plic) for slot in reversed(range(board.VIRTIO_SLOTS))]
    children = [_clock(plic)] if options.has_clock else []
    children += [_uart(plic), _test(options), *slots, _plic(options), _clint(options)]
    return Node("soc", properties, children)


def _device(name: str, base: int, size: int, compatible: tuple[str, ...]) -> Node:
    return Node(f"{name}@{base:x}", {"reg": pair(base, size), "compatible": strings(*compatible)})


def _interrupting(node: Node, source: int, plic: int) -> Node:
    node.properties |= {"interrupts": cells(source), "interrupt-parent": cells(plic)}
    return node


def _uart(plic: int) -> Node:
    node = _device("serial", board.UART_BASE, 0x100, ("ns16550a",))
    _interrupting(node, board.UART_IRQ, plic)
    node.properties["clock-frequency"] = cells(_UART_HZ)
    return node


def _clock(plic: int) -> Node:
    node = _device("rtc", board.RTC_BASE, 0x1000, ("google,goldfish-rtc",))
    return _interrupting(node, board.RTC_IRQ, plic)


def _virtio(slot: int, plic: int) -> Node:
    base = board.VIRTIO_BASE + slot * board.VIRTIO_STRIDE
    node = _device("virtio_mmio", base, board.VIRTIO_STRIDE, ("virtio,mmio",))
    return _interrupting(node, board.VIRTIO_IRQ + slot, plic)


def _test(options: BoardOptions) -> Node:
    node = _device("test", board.FINISHER_BASE, 0x1000, ("sifive,test1", "sifive,test0", "syscon"))
    node.properties["phandle"] = cells(options.test_handle)
    return node


def _plic(options: BoardOptions) -> Node:
    compatible = ("sifive,plic-1.0.0", "riscv,plic0")
    node = _device("plic", board.PLIC_BASE, board.PLIC_BYTES, compatible)
    node.properties |= {
        "phandle": cells(options.plic_handle),
        "riscv,ndev": cells(_PLIC_SOURCES),
        "interrupts-extended": options.lines(_EXTERNAL),
        "interrupt-controller": b"",
        "#address-cells": cells(0),
        "#interrupt-cells": cells(1),
    }
    return node


def _clint(options: BoardOptions) -> Node:
    node = _device("clint", board.CLINT_BASE, board.CLINT_BYTES, ("sifive,clint0", "riscv,clint0"))
    node.properties["interrupts-extended"] = options.lines(_LOCAL)
    return node
