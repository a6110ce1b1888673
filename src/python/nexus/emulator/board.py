"""The memory map and interrupt wiring of the board: QEMU's `virt`, the part we model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from nexus.emulator.bus import Bus
from nexus.emulator.device.clint import (
    SOFTWARE_BYTES,
    SOFTWARE_OFFSET,
    TIMER_BYTES,
    TIMER_OFFSET,
    SoftwareInterrupt,
    Timer,
)
from nexus.emulator.device.finisher import Finisher
from nexus.emulator.device.plic import Plic
from nexus.emulator.device.uart import Uart
from nexus.emulator.memory import Ram
from nexus.emulator.reference.hart import Hart

FINISHER_BASE: Final = 0x0010_0000
CLINT_BASE: Final = 0x0200_0000
PLIC_BASE: Final = 0x0C00_0000
UART_BASE: Final = 0x1000_0000
VIRTIO_BASE: Final = 0x1000_1000
FW_CFG_BASE: Final = 0x1010_0000

PLIC_BYTES: Final = 0x60_0000
UART_IRQ: Final = 10
# External interrupt lines of the contexts: machine and supervisor.
CONTEXT_LINES: Final = (11, 9)


class Drive(Protocol):
    """A block device's backing store."""

    size_bytes: int

    def read(self, offset: int, length: int) -> bytes:
        """Read a range inside the device."""
        ...

    def write(self, offset: int, data: bytes) -> None:
        """Write a range inside the device."""
        ...

    def flush(self) -> None:
        """Make everything written so far durable."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Devices:
    """The devices a machine talks to from outside."""

    uart: Uart
    finisher: Finisher

    def take_frames(self) -> list[tuple[int, bytes]]:
        """Frames sent by the network device."""
        return []

    def deliver(self, frame: bytes) -> bool:
        """Give a frame to the network device."""
        return False


def attach_devices(
    bus: Bus,
    hart: Hart,
    ram: Ram,
    *,
    fw_cfg: Mapping[str, bytes],
    drives: Sequence[Drive],
    mac: bytes | None,
    entropy: Callable[[int], bytes],
) -> Devices:
    """Build every device and put it on the bus."""

    def stop() -> None:
        hart.leave = True

    plic = Plic(lambda context, level: hart.set_line(CONTEXT_LINES[context], level))
    uart = Uart(lambda level: plic.set_source(UART_IRQ, level))
    finisher = Finisher(stop)
    bus.attach(UART_BASE, 8, uart, (1, 2, 4, 8))
    bus.attach(PLIC_BASE, PLIC_BYTES, plic, (4,))
    bus.attach(CLINT_BASE + SOFTWARE_OFFSET, SOFTWARE_BYTES, SoftwareInterrupt(hart), (4,))
    bus.attach(CLINT_BASE + TIMER_OFFSET, TIMER_BYTES, Timer(hart), (4, 8))
    bus.attach(FINISHER_BASE, 0x1000, finisher, (2, 4))
    return Devices(uart=uart, finisher=finisher)
