"""The memory map and interrupt wiring of the board: QEMU's `virt`, the part we model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

from nexus.core.record import dataclass
from nexus.emulator.bus import Bus
from nexus.emulator.device import fw_cfg as fw
from nexus.emulator.device.clint import (
    SOFTWARE_BYTES,
    SOFTWARE_OFFSET,
    TIMER_BYTES,
    TIMER_OFFSET,
    Harts,
    SoftwareInterrupt,
    Timer,
)
from nexus.emulator.device.finisher import Finisher
from nexus.emulator.device.plic import Plic
from nexus.emulator.device.rom import Rom
from nexus.emulator.device.rtc import LENGTH as RTC_BYTES
from nexus.emulator.device.rtc import Rtc
from nexus.emulator.device.uart import Uart
from nexus.emulator.device.virtio_mmio import SLOT_BYTES, EmptySlot, VirtioMmio
from nexus.emulator.memory import Ram
from nexus.emulator.reference.hart import Hart
from nexus.emulator.stateful import Stateful
from nexus.emulator.turns import OneHart

if TYPE_CHECKING:
    from nexus.emulator.device.virtio_blk import Drive
    from nexus.emulator.device.virtio_net import VirtioNet
    from nexus.emulator.device.virtio_rng import VirtioRng

ROM_BASE: Final = 0x1000
ROM_BYTES: Final = 0xF000
FINISHER_BASE: Final = 0x0010_0000
RTC_BASE: Final = 0x0010_1000
CLINT_BASE: Final = 0x0200_0000
PLIC_BASE: Final = 0x0C00_0000
UART_BASE: Final = 0x1000_0000
VIRTIO_BASE: Final = 0x1000_1000
VIRTIO_STRIDE: Final = 0x1000
VIRTIO_SLOTS: Final = 8
VIRTIO_IRQ: Final = 1  # Slot 0's; the others follow.
NET_SLOT, RNG_SLOT = 0, 1
DRIVE_SLOTS: Final = range(2, VIRTIO_SLOTS)  # For disks without a chosen slot.
FW_CFG_BASE: Final = 0x1010_0000

PLIC_BYTES: Final = 0x60_0000
CLINT_BYTES: Final = 0x1_0000
UART_IRQ: Final = 10
RTC_IRQ: Final = 11
# Where the clock begins unless an option says: 2026-01-01 00:00 UTC.
EPOCH_S_DEFAULT: Final = 1_767_225_600
NS_PER_TICK: Final = 10
NS_PER_S: Final = 1_000_000_000
# External interrupt lines of the contexts: machine and supervisor.
CONTEXT_LINES: Final = (11, 9)


def drive_slots(*, has_network: bool) -> set[int]:
    """The slots that a disk can have: those of network and entropy are theirs."""
    return {*DRIVE_SLOTS, *(() if has_network else (NET_SLOT,))}


@dataclass(frozen=True, slots=True)
class AttachedDrive:
    """A disk in its place: guests know their drives by slot."""

    slot: int
    drive: Drive
    is_read_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Devices:
    """The devices a machine talks to from outside."""

    uart: Uart
    finisher: Finisher
    net: VirtioNet | None
    rng: VirtioRng | None
    rtc: Rtc
    stateful: list[Stateful]  # Everything a snapshot holds, always in this order.


@runtime_checkable
class SharesDevices(Protocol):
    """An engine that serves frequent registers itself; others ask the bus for all of them."""

    def have_company(self) -> None:
        """Leave the interrupt controller to Python: its lines go to several harts."""

    def share_uart(self, uart: Uart) -> None:
        """Serve the line status, and what is transmitted."""

    def share_plic(self, plic: Plic) -> None:
        """Serve the interrupt controller."""

    def share_files(self, files: fw.FwCfg) -> None:
        """Serve the selected item of fw_cfg."""

    def share_virtio(self, slot: int, transport: VirtioMmio) -> None:
        """Serve the status, and interrupts and their acknowledgement."""

    def share_rtc(self, rtc: Rtc, epoch_ns: int) -> None:
        """Serve the time, of a machine that was switched on at `epoch_ns`."""

    def share_bus(self, bus: Bus) -> None:
        """Know the addresses at which no device answers."""


def attach_devices(
    bus: Bus,
    hart: Hart,
    ram: Ram,
    *,
    harts: Harts | None = None,
    rom: bytes = b"",
    fw_cfg: Mapping[str, bytes],
    drives: Sequence[AttachedDrive],
    mac: bytes | None,
    entropy: Callable[[int], bytes] | None,
    epoch_s: int = EPOCH_S_DEFAULT,
) -> Devices:
    """Build every device and put it on the bus; without `harts` the hart is alone."""
    harts = harts or OneHart(hart)

    def stop() -> None:
        hart.leave = True

    def set_context(context: int, level: bool) -> None:
        number, which = divmod(context, len(CONTEXT_LINES))
        harts.set_line(number, CONTEXT_LINES[which], level)

    def irq(source: int) -> Callable[[bool], None]:
        return lambda level: plic.set_source(source, level)

    plic = Plic(set_context, harts.count)
    uart = Uart(irq(UART_IRQ))
    finisher = Finisher(stop)
    net, rng, slots = _virtio(ram, hart, irq, drives, mac, entropy)
    hart.is_connected = lambda: net is not None and net.transport.is_live
    files = fw.FwCfg(fw_cfg, ram, harts.count)
    epoch_ns = epoch_s * NS_PER_S
    rtc = Rtc(lambda: epoch_ns + hart.ticks * NS_PER_TICK, irq(RTC_IRQ), stop)
    for slot in range(VIRTIO_SLOTS):
        base = VIRTIO_BASE + slot * VIRTIO_STRIDE
        bus.attach(base, SLOT_BYTES, slots.get(slot, EmptySlot()), (1, 2, 4, 8))
    bus.attach(FW_CFG_BASE, fw.LENGTH, files, (1, 2, 4, 8))
    bus.attach(UART_BASE, 8, uart, (1, 2, 4, 8))
    bus.attach(PLIC_BASE, PLIC_BYTES, plic, (4,))
    bus.attach(CLINT_BASE + SOFTWARE_OFFSET, SOFTWARE_BYTES, SoftwareInterrupt(harts), (4,))
    bus.attach(CLINT_BASE + TIMER_OFFSET, TIMER_BYTES, Timer(hart, harts), (4, 8))
    bus.attach(FINISHER_BASE, 0x1000, finisher, (2, 4))
    bus.attach(RTC_BASE, RTC_BYTES, rtc, (4, 8))
    bus.attach(ROM_BASE, ROM_BYTES, Rom(rom), (1, 2, 4, 8))
    if isinstance(hart, SharesDevices):
        _share(hart, harts, uart, plic, files)
        for slot, transport in slots.items():
            hart.share_virtio(slot, transport)
        hart.share_rtc(rtc, epoch_ns)
        hart.share_bus(bus)
    stateful: list[Stateful] = [uart, plic, finisher, files]
    stateful += [device for device in (rng, net) if device is not None]
    stateful += [*_stateful_of(drives, slots), rtc]
    return Devices(uart=uart, finisher=finisher, net=net, rng=rng, rtc=rtc, stateful=stateful)


def _virtio(
    ram: Ram,
    hart: Hart,
    irq: Callable[[int], Callable[[bool], None]],
    drives: Sequence[AttachedDrive],
    mac: bytes | None,
    entropy: Callable[[int], bytes] | None,
) -> tuple[VirtioNet | None, VirtioRng | None, dict[int, VirtioMmio]]:
    """Build the virtio devices; a kind of device is imported where there is one."""
    slots: dict[int, VirtioMmio] = {}
    net = rng = None
    if mac is not None:
        from nexus.emulator.device.virtio_net import VirtioNet

        net = VirtioNet(mac, ram, irq(VIRTIO_IRQ + NET_SLOT), lambda: hart.ticks * NS_PER_TICK)
        slots[NET_SLOT] = net.transport
    if entropy is not None:
        from nexus.emulator.device.virtio_rng import VirtioRng

        rng = VirtioRng(entropy, ram, irq(VIRTIO_IRQ + RNG_SLOT))
        slots[RNG_SLOT] = rng.transport
    for disk in drives:
        from nexus.emulator.device.virtio_blk import VirtioBlk

        serial = b"drive%d" % disk.slot
        line = irq(VIRTIO_IRQ + disk.slot)
        blk = VirtioBlk(disk.drive, serial, ram, line, is_read_only=disk.is_read_only)
        slots[disk.slot] = blk.transport
    return net, rng, slots


def _stateful_of(
    drives: Sequence[AttachedDrive], slots: Mapping[int, VirtioMmio]
) -> Iterator[Stateful]:
    """Yield a snapshot's drives and transports; a drive of another kind keeps its own state."""
    yield from (disk.drive for disk in drives if isinstance(disk.drive, Stateful))
    for slot in sorted(slots):
        yield slots[slot]
        yield from slots[slot].queues


def _share(hart: SharesDevices, harts: Harts, uart: Uart, plic: Plic, files: fw.FwCfg) -> None:
    """Let an engine serve the registers that guests use all the time."""
    hart.share_uart(uart)
    if harts.count == 1:
        hart.share_plic(plic)
    else:
        hart.have_company()
    hart.share_files(files)
