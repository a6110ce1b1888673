"""Every access of a hart to memory, against a plain copy of it: each size at each place around the
border of two pages, at the end of memory, to devices, and the pairs of atomic accesses."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from nexus.emulator.bus import Bus, BusError
from nexus.emulator.isa.cpu import RV64IMAC
from nexus.emulator.memory import RAM_BASE, Ram
from nexus.emulator.reference import state as s
from nexus.emulator.reference.access import MemoryAccess
from nexus.emulator.reference.trap import TrapError

SIZE = 3 * 4096
END = RAM_BASE + SIZE
DEVICE = 0x1000_0000
SIZES = (1, 2, 4, 8)
SIGNS = (0x11, 0x80, 0xFF, 0x7F)


class Devices(Bus):
    """A bus that answers with what was asked, and refuses what is odd."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, ...]] = []

    def read(self, address: int, size: int) -> int:
        self.seen.append((address, size))
        if address & 1:
            raise BusError(address, size)
        return 0x80 + size

    def write(self, address: int, size: int, value: int) -> None:
        self.seen.append((address, size, value))
        if address & 1:
            raise BusError(address, size)


class Hart(MemoryAccess):
    """A hart in machine mode that counts what it hears of devices."""

    def __init__(self) -> None:
        state: s.State = [0] * s.STATE_WORDS
        s.reset(state, RAM_BASE, RV64IMAC)
        self.devices = Devices()
        self.heard = 0
        ram = Ram(SIZE)
        ram.write(RAM_BASE, bytes(7 * at % 251 for at in range(SIZE)))
        super().__init__(state, ram, self.devices)

    def heard_from_outside(self) -> None:
        self.heard += 1

    def bytes_at(self, address: int, size: int) -> bytes:
        return self.ram.read(address, size)


def trap_of(access: Callable[..., object], *operands: int) -> tuple[int, int]:
    with pytest.raises(TrapError) as caught:
        access(*operands)
    return int(caught.value.cause), caught.value.value


@pytest.mark.parametrize("size", SIZES)
def test_a_load_is_little_endian_wherever_it_is(size: int) -> None:
    hart = Hart()
    for address in (*range(RAM_BASE + 4080, RAM_BASE + 4112), RAM_BASE, END - size):
        expected = int.from_bytes(hart.bytes_at(address, size), "little")
        for _ in range(2):  # The second one is by the cache, if it is aligned.
            assert hart.load(address, size) == expected
    assert not hart.attention
    assert hart.heard == 0


@pytest.mark.parametrize("size", SIZES)
def test_a_store_changes_its_own_bytes_and_no_others(size: int) -> None:
    for address in (*range(RAM_BASE + 4080, RAM_BASE + 4112), RAM_BASE, END - size):
        hart = Hart()
        model = bytearray(hart.ram.buffer)
        for value in (0x8877_6655_4433_2211, (1 << 64) - 1, 1 << 70 | 5):
            hart.store(address, value, size)
            at = address - RAM_BASE
            model[at : at + size] = (value & (1 << 8 * size) - 1).to_bytes(size, "little")
            assert bytes(hart.ram.buffer) == bytes(model)
            assert hart.load(address, size) == value & (1 << 8 * size) - 1


@pytest.mark.parametrize("size", [2, 4, 8])
def test_an_access_that_begins_in_memory_and_ends_outside_names_where_it_fails(size: int) -> None:
    for inside in range(1, size):
        hart = Hart()
        before = bytes(hart.ram.buffer)
        address = END - inside
        assert trap_of(hart.load, address, size) == (5, END)
        assert trap_of(hart.store, address, 0, size) == (7, END)
        assert bytes(hart.ram.buffer) == before, "not even the part that is there"
        below = RAM_BASE - inside
        assert trap_of(hart.load, below, size) == (5, below)
        assert trap_of(hart.store, below, 0, size) == (7, below)
    assert hart.devices.seen == [], "a device is not asked in part"


def test_an_access_across_the_end_of_all_addresses_goes_on_at_zero() -> None:
    hart = Hart()
    top = (1 << 64) - 2
    assert trap_of(hart.load, top, 4) == (5, top)


@pytest.mark.parametrize("size", SIZES)
def test_a_device_gets_what_is_asked_and_the_hart_looks_up(size: int) -> None:
    hart = Hart()
    assert hart.load(DEVICE, size) == 0x80 + size
    assert (hart.attention, hart.heard) == (True, 1)
    hart.attention = False
    hart.store(DEVICE, (1 << 64) - 1, size)
    assert (hart.attention, hart.heard) == (True, 1)
    assert hart.devices.seen == [(DEVICE, size), (DEVICE, size, (1 << 8 * size) - 1)]


def test_a_device_that_refuses_is_an_access_fault_at_its_address() -> None:
    hart = Hart()
    assert trap_of(hart.load, DEVICE + 1, 1) == (5, DEVICE + 1)
    assert trap_of(hart.store, DEVICE + 1, 0, 1) == (7, DEVICE + 1)
    assert hart.heard == 0


@pytest.mark.parametrize("size", [4, 8])
def test_a_read_for_a_write_is_signed_aligned_and_faults_as_a_write(size: int) -> None:
    hart = Hart()
    for last in SIGNS:
        hart.ram.write(RAM_BASE + 16, bytes([1] * (size - 1) + [last]))
        expected = int.from_bytes(hart.bytes_at(RAM_BASE + 16, size), "little", signed=True)
        assert hart.load_for_store(RAM_BASE + 16, size) == expected & (1 << 64) - 1
        assert hart.load_reserved(RAM_BASE + 16, size) == expected & (1 << 64) - 1
    for off in range(1, size):
        address = RAM_BASE + off
        assert trap_of(hart.load_for_store, address, size) == (6, address)
        assert trap_of(hart.load_reserved, address, size) == (4, address)
        assert trap_of(hart.store_conditional, address, 0, size) == (6, address)
    assert trap_of(hart.load_for_store, DEVICE, size) == (7, DEVICE)
    assert trap_of(hart.load_reserved, DEVICE, size) == (5, DEVICE)
    assert hart.devices.seen == []
    assert hart.load_for_store(END - size, size) >= 0
    assert trap_of(hart.load_for_store, END, size) == (7, END)


@pytest.mark.parametrize("size", [4, 8])
def test_a_conditional_store_needs_its_reservation_once(size: int) -> None:
    hart = Hart()
    place = RAM_BASE + 64
    assert hart.store_conditional(place, 1, size) == 1, "nothing was reserved"
    hart.load_reserved(place, size)
    assert (hart.state[s.RESERVED_ADDRESS], hart.state[s.RESERVED_VALUE]) == (
        place,
        int.from_bytes(hart.bytes_at(place, size), "little", signed=True) & (1 << 64) - 1,
    )
    assert hart.store_conditional(place, 77, size) == 0
    assert hart.load(place, size) == 77
    assert hart.store_conditional(place, 78, size) == 1, "it was used"
    hart.load_reserved(place, size)
    assert hart.store_conditional(place + 8, 79, size) == 1, "another place"
    assert hart.store_conditional(place, 79, size) == 1, "which ended the reservation"
    hart.load_reserved(place, size)
    hart.store(place, 5, size)
    assert hart.store_conditional(place, 80, size) == 1, "what was there is another value"
    assert hart.load(place, size) == 5
    hart.load_reserved(place, size)
    hart.store(place, 6, size)
    hart.store(place, 5, size)
    assert hart.store_conditional(place, 81, size) == 0, "and here it is the same again"


@pytest.mark.parametrize("size", [4, 8])
@pytest.mark.parametrize(("meanwhile", "answer"), [(5, 0), (6, 1)])
def test_a_conditional_store_ends_its_reservation_whether_it_stored_or_not(
    size: int, meanwhile: int, answer: int
) -> None:
    """Memory holds the reserved value again at the second one, so only the reservation decides."""
    hart = Hart()
    place = RAM_BASE + 64
    hart.store(place, 5, size)
    hart.load_reserved(place, size)
    hart.store(place, meanwhile, size)
    assert hart.store_conditional(place, 5, size) == answer
    assert hart.state[s.RESERVED_ADDRESS] == s.NO_RESERVATION
    hart.store(place, 5, size)
    assert hart.store_conditional(place, 7, size) == 1
    assert hart.load(place, size) == 5


def test_a_conditional_store_that_faults_keeps_its_reservation() -> None:
    hart = Hart()
    hart.state[s.RESERVED_ADDRESS] = DEVICE
    assert trap_of(hart.store_conditional, DEVICE, 0, 4) == (7, DEVICE)
    assert hart.state[s.RESERVED_ADDRESS] == DEVICE
