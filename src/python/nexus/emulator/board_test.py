"""The board as a whole: nothing a guest does to its devices may disturb the host."""

import contextlib
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from nexus.emulator import board
from nexus.emulator.bus import Bus, BusError
from nexus.emulator.device.virtio_blk import MemoryDrive
from nexus.emulator.memory import RAM_BASE, Ram
from nexus.emulator.reference.hart import Hart

WINDOWS = (
    (board.FINISHER_BASE, 16),
    (board.CLINT_BASE, 0xC000),
    (board.PLIC_BASE, board.PLIC_BYTES),
    (board.UART_BASE, 16),
    (board.VIRTIO_BASE, 3 * board.VIRTIO_STRIDE),
    (board.FW_CFG_BASE, 32),
)
# Registers and values with a meaning come up often enough to get somewhere.
OFFSETS = st.one_of(
    st.integers(0, 0x60_0000), st.sampled_from([*range(0, 0x108, 4), 0x1000, 0x1050, 0x2050])
)
VALUES = st.one_of(
    st.integers(0, (1 << 64) - 1), st.sampled_from([0, 1, 2, 7, 8, 15, RAM_BASE, RAM_BASE + 0x800])
)
ACCESSES = st.lists(
    st.tuples(st.sampled_from(WINDOWS), OFFSETS, st.sampled_from([1, 2, 4, 8]), st.none() | VALUES),
    max_size=60,
)

Access = tuple[tuple[int, int], int, int, int | None]


def read_or_write(bus: Bus, address: int, size: int, value: int | None) -> None:
    if value is None:
        assert 0 <= bus.read(address, size) < 1 << 8 * size
    else:
        bus.write(address, size, value & (1 << 8 * size) - 1)


@given(ACCESSES, st.binary(max_size=2048))
def test_any_access_is_answered_or_refused(accesses: Sequence[Access], contents: bytes) -> None:
    ram = Ram(1 << 16)
    ram.write(RAM_BASE, contents)
    bus = Bus()
    board.attach_devices(
        bus,
        Hart(ram, bus, RAM_BASE),
        ram,
        fw_cfg={"opt/x": b"data"},
        drives=[board.AttachedDrive(2, MemoryDrive(bytes(4096)))],
        mac=bytes(6),
        entropy=lambda length: bytes(length),
    )
    for (base, length), offset, size, value in accesses:
        address = base + offset % length
        with contextlib.suppress(BusError):
            read_or_write(bus, address, size, value)


def test_slots_without_a_device_are_empty() -> None:
    ram, bus = Ram(1 << 16), Bus()
    board.attach_devices(
        bus, Hart(ram, bus, RAM_BASE), ram, fw_cfg={}, drives=(), mac=None, entropy=None
    )
    for slot in range(board.VIRTIO_SLOTS):
        base = board.VIRTIO_BASE + slot * board.VIRTIO_STRIDE
        assert [bus.read(base + offset, 4) for offset in (0, 4, 8)] == [0x7472_6976, 2, 0]
