"""Registers of the board's devices against those of QEMU: any reads and writes, the same answers.

QEMU reads and writes them itself, at the word of its test protocol, so that no guest is needed and
its clock stands still.  Where it and the specification differ, `KNOWN` says how.
"""

from __future__ import annotations

import random
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import pytest

from nexus.emulator import board
from nexus.emulator.bus import Bus, BusError
from nexus.emulator.memory import RAM_BASE, Ram
from nexus.emulator.reference.hart import Hart

QEMU = shutil.which("qemu-system-riscv64")
STEPS: Final = 400
ENDED_SECONDS_MAX: Final = 60

# Widths of an access as the protocol calls them, by bytes.
WIDTHS: Final = {1: "b", 2: "w", 4: "l", 8: "q"}
VALUES: Final = (
    0,
    1,
    2,
    3,
    4,
    5,
    7,
    8,
    9,
    0xA,
    0xF,
    0x10,
    0x13,
    0x1F,
    0x20,
    0x40,
    0x5A,
    0x80,
    0x83,
    0xC1,
    0xFF,
    0x100,
    0x400,
    0xFF00,
    1 << 16,
    1 << 31,
    (1 << 32) - 1,
    (1 << 64) - 1,
)


def words(*offsets: int) -> list[tuple[int, int]]:
    """Accesses of 4 bytes."""
    return [(offset, 4) for offset in offsets]


PLIC_COMMON: Final = (4, 40, 44, 4 * 95, 0x1000, 0x1004, 0x1008, 0x2000, 0x2004, 0x2008, 0x2080)
# All but the notification, upon which a device works, and in QEMU only while its machine runs.
VIRTIO: Final = (
    0,
    4,
    8,
    0xC,
    0x20,
    0x24,
    0x30,
    0x34,
    0x38,
    0x44,
    0x60,
    0x64,
    0x70,
    0x80,
    0x84,
    0x90,
    0x94,
    0xA0,
    0xA4,
    0xFC,
)
DEVICES: Final = {
    "uart": (board.UART_BASE, [(offset, 1) for offset in range(8)]),
    "rtc": (
        board.RTC_BASE,
        [*words(*range(0, 0x40, 4)), (0, 8), (8, 8), (0x10, 8), (0x18, 8), (0x28, 8)],
    ),
    "clint": (
        board.CLINT_BASE,
        [*words(0, 4, 8, 0x3FFC, 0x4000, 0x4004, 0x4008, 0xBFF0), (0x4000, 8), (0x4008, 8)],
    ),
    "plic": (board.PLIC_BASE, words(*PLIC_COMMON, 0x20_0000, 0x20_0008, 0x20_1000, 0x20_2000)),
    "plic-claims": (
        board.PLIC_BASE,
        words(40, 0x1000, 0x2000, 0x2080, 0x20_0000, 0x20_0004, 0x20_1000, 0x20_1004),
    ),
    "fw-cfg": (board.FW_CFG_BASE, [(0, 1), (0, 2), (0, 4), (0, 8), (8, 2), (16, 4)]),
    "virtio": (
        board.VIRTIO_BASE + board.RNG_SLOT * board.VIRTIO_STRIDE,
        [*words(*VIRTIO), (0x100, 1), (0x102, 2), (0x104, 4), (0x108, 8)],
    ),
    "virtio-without-device": (
        board.VIRTIO_BASE + 7 * board.VIRTIO_STRIDE,
        words(*range(0, 0x18, 4), 0x34, 0x44, 0x60, 0x70, 0xFC),
    ),
}
# Bits in which QEMU 7.2 differs: source 0 of the interrupt controller does not exist, its bit is
# hardwired to zero; a driver that accepts what was not offered must not get FEATURES_OK.
KNOWN: Final = {("plic", 0x2000): 1, ("plic", 0x2080): 1, ("virtio", 0x70): 8}
# QEMU has registers of queues that the device has not, where there should be none.
MOST: Final = {("virtio", 0x30): 0}


class Qemu:
    """QEMU's board, whose processor never starts."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None, "it is a pipe"
        assert process.stdout is not None, "it is a pipe"
        self.asks, self.answers = process.stdin, process.stdout

    def ask(self, text: str) -> str:
        """Ask one thing; news of interrupts may come before the answer."""
        self.asks.write(f"{text}\n")
        self.asks.flush()
        while (line := self.answers.readline()).startswith("IRQ"):
            pass
        assert line.startswith("OK"), f"{text}: {line!r}"
        return line.removeprefix("OK").strip()

    def read(self, address: int, size: int) -> int:
        return int(self.ask(f"read{WIDTHS[size]} {address:#x}"), 16)

    def write(self, address: int, size: int, value: int) -> None:
        self.ask(f"write{WIDTHS[size]} {address:#x} {value:#x}")


@contextmanager
def qemu() -> Iterator[Qemu]:
    options = ("-M", "virt", "-m", "64M", "-bios", "none", "-nodefaults", "-display", "none", "-S")
    devices = (
        "-serial",
        "null",
        "-global",
        "virtio-mmio.force-legacy=false",
        "-rtc",
        "base=2026-01-01T00:00:00,clock=vm",
        "-device",
        f"virtio-rng-device,bus=virtio-mmio-bus.{board.RNG_SLOT}",
    )
    with subprocess.Popen(
        [str(QEMU), *options, *devices, "-qtest", "stdio"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            yield Qemu(process)
        finally:
            process.kill()
            process.wait(ENDED_SECONDS_MAX)


def our_board() -> Bus:
    ram, bus = Ram(1 << 16), Bus()
    hart = Hart(ram, bus, RAM_BASE)
    board.attach_devices(
        bus, hart, ram, fw_cfg={}, drives=(), mac=None, entropy=lambda length: bytes(length)
    )
    return bus


def play(name: str, base: int, accesses: Sequence[tuple[int, int]], theirs: Qemu) -> None:
    """Do the same to both; what our bus refuses is a fault of the guest, which QEMU reads as 0."""
    bus = our_board()
    choose = random.Random(name)
    done: list[str] = []
    for _ in range(STEPS):
        offset, size = choose.choice(accesses)
        register = name.partition("-")[0], offset
        value = choose.choice(VALUES) & (1 << 8 * size) - 1
        value = min(value, MOST.get(register, value))
        address = base + offset
        if choose.random() < 0.5:
            try:
                bus.write(address, size, value)
            except BusError:
                continue
            theirs.write(address, size, value)
            done.append(f"{offset:#x} of {size} = {value:#x}")
            continue
        try:
            ours = bus.read(address, size)
        except BusError:
            ours = 0
        known = ~KNOWN.get(register, 0)
        read = f"{offset:#x} of {size} after {'; '.join(done[-12:])}"
        assert f"{read}: {ours & known:#x}" == f"{read}: {theirs.read(address, size) & known:#x}"


@pytest.mark.skipif(QEMU is None, reason="qemu-system-riscv64 is not installed on this host")
@pytest.mark.parametrize("name", DEVICES)
def test_registers_read_as_those_of_qemu(name: str) -> None:
    base, accesses = DEVICES[name]
    with qemu() as theirs:
        play(name, base, accesses, theirs)
