"""Chains of traps on bare state words: how they are counted, when they are looked at, and what is
taken for a hart that is stuck."""

from __future__ import annotations

import pytest

from nexus.emulator.isa.cpu import RV64IMAC
from nexus.emulator.memory import RAM_BASE, Ram
from nexus.emulator.reference import chain
from nexus.emulator.reference import state as s
from nexus.emulator.reference.chain import Trap, TrapLoop

FAULT, CALL = 2, 9


class Looped:
    """A hart that traps into machine mode again and again, some ticks apart."""

    def __init__(self, cause: int = FAULT, apart: int = 10) -> None:
        self.state: s.State = [0] * s.STATE_WORDS
        s.reset(self.state, RAM_BASE, RV64IMAC)
        self.ram = Ram(4096)
        self.now, self.apart = 1000, apart
        self.is_connected = False
        self.state[s.MEPC], self.state[s.MCAUSE], self.state[s.MTVAL] = 0x50, cause, 0x60
        self.state[s.MSTATUS] = 3 << 11

    @property
    def count(self) -> int:
        return self.state[s.CHAIN_COUNT]

    @property
    def is_stuck(self) -> bool:
        return chain.loop_of(self.state) is not None

    def trap(self) -> None:
        self.now += self.apart
        chain.note_trap(self.state, self.now)
        for state in (self.state,) if chain.is_long(self.state) else ():
            chain.look(state, self.ram, lambda: self.is_connected)

    def trap_until(self, count: int) -> None:
        while self.count < count:
            self.trap()


def test_a_chain_is_counted_until_something_runs_after_a_handler_has_returned() -> None:
    loop = Looped()
    for count in (1, 2, 3):
        loop.trap()
        assert loop.count == count
    # The instruction that it returned to traps at once.
    chain.note_return(loop.state, loop.now + 9)
    loop.trap()
    assert loop.count == 4
    # One instruction more.
    chain.note_return(loop.state, loop.now + 8)
    loop.trap()
    assert loop.count == 1
    loop.trap()
    assert loop.count == 2, "a return before the last trap is of no account"


def test_the_first_trap_of_a_chain_is_kept() -> None:
    loop = Looped()
    loop.trap()
    loop.state[s.MEPC], loop.state[s.MCAUSE], loop.state[s.MTVAL] = 1, 5, 3
    loop.trap_until(40)
    loop.state[s.CHAIN_LOOK] = 0
    assert chain.loop_of(loop.state) == TrapLoop(Trap(0x50, FAULT, 0x60, 3), Trap(1, 5, 3, 3), 40)
    loop.state[s.CHAIN_LOOK] = chain.DOUBTED
    assert chain.loop_of(loop.state) is not None
    loop.state[s.CHAIN_LOOK] = 1
    assert chain.loop_of(loop.state) is None


def test_a_new_chain_is_looked_at_from_its_32nd_trap_again() -> None:
    loop = Looped()
    loop.state[s.CHAIN_LOOK] = 4096
    loop.trap()
    assert loop.state[s.CHAIN_LOOK] == 32
    loop.trap_until(31)
    assert not chain.is_long(loop.state)
    loop.trap_until(32)
    assert chain.is_long(loop.state)
    assert loop.state[s.ANCHOR_AT] == loop.now
    loop.state[s.CHAIN_LOOK] = 0
    assert not chain.is_long(loop.state), "one that is stuck is not looked at"


def test_the_reference_watches_for_65536_ticks_behind_an_anchor() -> None:
    loop = Looped()
    loop.trap_until(31)
    assert not chain.is_watched(loop.state, loop.now)
    loop.trap_until(32)
    assert chain.is_watched(loop.state, loop.now + 65_536)
    assert not chain.is_watched(loop.state, loop.now + 65_537)


def test_where_everything_repeats_twice_the_hart_is_stuck() -> None:
    loop = Looped()
    loop.trap_until(33)
    assert not loop.is_stuck, "memory was not compared yet"
    loop.trap()
    assert loop.is_stuck
    assert loop.count == 34


@pytest.mark.parametrize(
    "index",
    [1, 2, 31, s.MTVAL, s.STVAL, s.MSCRATCH, s.SSCRATCH, s.PC, s.MIE, s.PMPADDR0],
)
def test_whatever_goes_on_changing_is_not_a_repetition(index: int) -> None:
    loop = Looped()
    while loop.count < 39:
        loop.trap()
        loop.state[index] += loop.count * 8 + 1
    assert not loop.is_stuck


def test_memory_that_goes_on_changing_is_compared_four_times_in_a_stretch() -> None:
    loop = Looped()
    while loop.count < 60:
        loop.trap()
        loop.ram.write(RAM_BASE, loop.count.to_bytes(8, "little"))
    assert not loop.is_stuck
    assert loop.state[s.ANCHOR_TRIES] == 4
    loop.trap_until(95)
    assert not loop.is_stuck, "it is the same from now on, and the hart is not looked at any more"


def test_a_stretch_is_64_traps_and_the_next_ones_begin_at_512_4096_and_32768() -> None:
    loop = Looped()
    looks: list[int] = []
    while loop.count < 33_000:
        loop.trap()
        loop.state[5] = loop.count  # Never twice the same.
        looks += [loop.count] if loop.state[s.CHAIN_LOOK] not in looks[-1:] else []
        looks[-1:] = [*looks[-1:-1], loop.state[s.CHAIN_LOOK]]
        looks = list(dict.fromkeys(looks))
    assert looks == [32, 512, 4096, 32_768, 131_072]
    again = Looped()
    again.trap_until(32)
    while again.state[s.CHAIN_LOOK] == 32:
        again.trap()
        again.state[5] = again.count
    assert again.count == 32 + 64


def test_handlers_that_take_long_end_the_stretch() -> None:
    loop = Looped(apart=65_536)
    loop.trap_until(33)
    assert loop.state[s.CHAIN_LOOK] == 32
    loop.trap()
    assert loop.state[s.CHAIN_LOOK] == 512


def test_a_device_that_was_read_may_say_something_else_later() -> None:
    loop = Looped()
    loop.trap_until(32)
    chain.disturbed(loop.state)
    loop.trap_until(90)
    assert not loop.is_stuck


def interruptible(cause: int) -> Looped:
    """A hart below which an interrupt was enabled and allowed."""
    loop = Looped(cause)
    loop.state[s.MIE] = 0x80
    loop.state[s.MSTATUS] = 3 << 11 | 1 << 7
    return loop


def test_where_an_interrupt_could_come_the_chain_must_be_4096_traps_long() -> None:
    loop = interruptible(FAULT)
    loop.trap_until(4096)
    assert not loop.is_stuck
    loop.trap_until(4098)
    assert loop.is_stuck


def test_a_system_call_may_be_repeated_until_an_interrupt_comes() -> None:
    loop = interruptible(CALL)
    loop.trap_until(4200)
    assert not loop.is_stuck


@pytest.mark.parametrize(("cause", "is_connected"), [(CALL, False), (CALL, True), (FAULT, True)])
def test_a_system_call_may_be_repeated_until_a_network_writes(
    cause: int, is_connected: bool
) -> None:
    loop = Looped(cause)
    loop.is_connected = is_connected
    loop.trap_until(90)
    assert loop.is_stuck is not (cause == CALL and is_connected)


@pytest.mark.parametrize(
    ("privilege", "previous", "status", "enabled", "delegated", "is_possible"),
    [
        # Into machine mode, from machine mode: what MPIE says.
        (3, 3, 0, 0x80, 0, False),
        (3, 3, 1 << 7, 0x80, 0, True),
        (3, 3, 1 << 7, 0x80, 0x80, False),
        (3, 3, 1 << 7, 0, 0, False),
        # From supervisor mode: its own by SIE, the machine's always.
        (3, 1, 0, 0x80, 0, True),
        (3, 1, 0, 0x20, 0x20, False),
        (3, 1, 1 << 1, 0x20, 0x20, True),
        (3, 1, 1 << 5, 0x20, 0x20, False),
        # From user mode: all.
        (3, 0, 0, 0x20, 0x20, True),
        # Into supervisor mode: SPIE is what SIE was.
        (1, 1, 0, 0x20, 0x20, False),
        (1, 1, 1 << 5, 0x20, 0x20, True),
        (1, 1, 1 << 1, 0x20, 0x20, False),
        (1, 0, 0, 0x20, 0x20, True),
        (1, 0, 0, 0x80, 0, True),
    ],
)
def test_which_interrupts_could_have_come_before_a_trap(
    privilege: int, previous: int, status: int, enabled: int, delegated: int, is_possible: bool
) -> None:
    loop = Looped()
    state = loop.state
    state[s.PRIVILEGE], state[s.MIE], state[s.MIDELEG] = privilege, enabled, delegated
    state[s.MSTATUS] = status | previous << (11 if privilege == 3 else 8)
    loop.trap_until(40)
    assert loop.is_stuck is not is_possible


def test_a_handler_that_calls_itself_is_stuck_the_eighth_time_that_only_its_stack_moved() -> None:
    loop = Looped()
    loop.state[2] = loop.state[10] = 0x10_0000
    loop.trap_until(32)
    while not loop.is_stuck:
        # A frame of 32 bytes, and what points into it.
        loop.state[2] -= 32
        loop.state[10] -= 32
        loop.trap()
        assert loop.count < 60
    assert loop.count == 32 + 8


@pytest.mark.parametrize("step", [16, 33])
def test_what_moves_otherwise_than_the_stack_does_something(step: int) -> None:
    loop = Looped()
    loop.state[2] = loop.state[10] = 0x10_0000
    while loop.count < 90:
        loop.state[2] -= 32
        loop.state[10] -= step
        loop.trap()
    assert not loop.is_stuck


@pytest.mark.parametrize(("cause", "count"), [(FAULT, 131_072), (8, None), (CALL, None)])
def test_131072_traps_are_endless_unless_the_last_is_a_system_call(
    cause: int, count: int | None
) -> None:
    loop = Looped(cause)
    loop.state[s.CHAIN_COUNT] = 131_070
    loop.state[s.CHAIN_LOOK] = 131_072
    loop.state[s.CHAIN_TRAP_AT] = loop.now
    loop.trap()
    assert not loop.is_stuck
    loop.trap()
    assert loop.is_stuck is (count == loop.count)
    # A call is looked at again each time; the first other trap ends it.
    loop.state[s.MCAUSE] = FAULT
    for each in () if loop.is_stuck else (loop,):
        each.trap()
    assert loop.is_stuck
