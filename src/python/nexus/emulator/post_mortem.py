"""The last state of a machine, in words, for a run that failed.

Looking changes nothing, and the same machine gives the same text.  Addresses become names by
`Place`, which the owner of the symbols hands in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from nexus.emulator.cause_names import MODES, describe_cause, interrupt_name
from nexus.emulator.inspect import doing, read_csr, read_memory
from nexus.emulator.isa.operand import CSR_NUMBERS, REGISTER_NAMES
from nexus.emulator.machine import Machine
from nexus.emulator.reference import state as s
from nexus.emulator.reference.chain import Trap, TrapLoop
from nexus.emulator.reference.trap import INTERRUPT, Cause

# An address as people want to see it: with the name and the line of source that it lies in.
Place = Callable[[int], str]

# Deeper chains of calls are recursion, and their end says nothing.
_CALLS_MAX: Final = 16
_MTIE, _STIE = 1 << 7, 1 << 5
_RA, _FP = 1, 8
_NS_PER_MS: Final = 1_000_000
# The csrs that say how a hart is set.
_SHOWN_CSRS: Final = ("mstatus", "mie", "mip", "satp", "mtvec", "stvec")
# The opcodes of loads, stores and arithmetic on floating-point numbers.
_FLOATING_POINT: Final = frozenset((0x07, 0x27, 0x43, 0x47, 0x4B, 0x4F, 0x53))
_COMPRESSED_FLOATING_POINT: Final = frozenset(((0, 1), (0, 5), (2, 1), (2, 5)))


def describe_loop(loop: TrapLoop, place: Place) -> str:
    """A loop of traps in one line: how it began, and what it is caught in."""
    text = f"is caught in a loop of traps: {_describe_trap(loop.first, place)}"
    last = loop.last
    if (last.pc, last.cause) != (loop.first.pc, loop.first.cause):
        text += f"; in the end {_describe_trap(last, place)}"
    return f"{text}; no handler got any further in {loop.count} traps"


def describe(machine: Machine, place: Place) -> list[str]:
    """The last state of a machine, a line each."""
    state = machine.hart.state
    loop = machine.trap_loop
    now = f"{machine.instructions} instructions, {_ms(machine.now_ns)}"
    lines = [f"in {MODES[state[s.PRIVILEGE]]} mode at {place(state[s.PC])} after {now}"]
    if loop is not None:
        lines.append(describe_loop(loop, place))
    lines += _last_traps(machine, place)
    if state[s.WAITING]:
        lines.append(f"waits (wfi) for {_awaited(machine)}")
    start = state[s.PC] if loop is None else loop.first.pc
    lines.append("call chain: " + " <- ".join(place(pc) for pc in _calls(machine, start)))
    return lines + _registers(machine) + _harts(machine, place)


def _harts(machine: Machine, place: Place) -> list[str]:
    """A line for each hart, where there are several; the rest is of the one whose turn it is."""
    if machine.harts == 1:
        return []
    lines = []
    for number in range(machine.harts):
        state = machine.core(number).state
        where = f"{MODES[state[s.PRIVILEGE]]} mode at {place(state[s.PC])}"
        lines.append(f"hart {number}: {where}{doing(machine, number)}")
    return lines


def _describe_trap(trap: Trap, place: Place) -> str:
    text = f"{describe_cause(trap.cause)}, value {trap.value:#x}, at {place(trap.pc)}"
    if trap.cause == Cause.ILLEGAL_INSTRUCTION and is_floating_point(trap.value):
        text += ", a floating-point instruction, which this machine does not have"
    return f"{text}, in {MODES.get(trap.privilege, '?')} mode"


def is_floating_point(word: int) -> bool:
    """Whether a word would be an instruction of the F or D extension."""
    if word & 3 == 3:
        return word & 0x7F in _FLOATING_POINT
    return word != 0 and (word & 3, word >> 13 & 7) in _COMPRESSED_FLOATING_POINT


def _last_traps(machine: Machine, place: Place) -> list[str]:
    """The last trap into each mode, as the csrs have it."""
    state = machine.hart.state
    lines = []
    for mode, cause, epc, value in (
        ("machine", s.MCAUSE, s.MEPC, s.MTVAL),
        ("supervisor", s.SCAUSE, s.SEPC, s.STVAL),
    ):
        # Cause 0, a misaligned instruction, cannot be: all harts have compressed ones.  A guest has
        # put into mepc then where to return to.
        if not state[cause]:
            continue
        code = state[cause] & ~INTERRUPT
        what = f"{interrupt_name(code)} interrupt ({code})"
        if not state[cause] & INTERRUPT:
            what = f"{describe_cause(code)}, value {state[value]:#x},"
        lines.append(f"last trap into {mode} mode: {what} at {place(state[epc])}")
    return lines


def _awaited(machine: Machine) -> str:
    """The interrupts that would end a wfi, and when the next timer is due."""
    enabled = machine.hart.state[s.MIE]
    names = [
        interrupt_name(code) for code in range(64) if enabled >> code & 1 and code not in (5, 7)
    ]
    if enabled & (_MTIE | _STIE):
        due = machine.next_event_ns()
        when = "which is not set" if due is None else f"due at {_ms(due)}"
        names.insert(0, f"the timer, {when}")
    return ", ".join(names) if names else "nothing: no interrupt is enabled"


def _calls(machine: Machine, start: int) -> list[int]:
    """The addresses of a chain of calls: pc, ra, and what the frame pointers lead to."""
    calls = [start]
    previous = machine.register(_RA)
    frame = machine.register(_FP)
    while len(calls) < _CALLS_MAX and _is_code(machine, previous):
        if previous != calls[-1]:
            calls.append(previous)
        pair = read_memory(machine, frame - 16, 16) if frame >= 16 and frame % 8 == 0 else None
        if pair is None:
            break
        above = int.from_bytes(pair[:8], "little")
        previous = int.from_bytes(pair[8:], "little")
        frame = above if above > frame else 0  # Frames lie one above the other.
    return calls


def _is_code(machine: Machine, address: int) -> bool:
    return address >= 2 and not address % 2 and read_memory(machine, address - 2, 2) is not None


def _registers(machine: Machine) -> list[str]:
    """All registers, four a line, and the csrs that say how the hart is set."""
    words = [f"{REGISTER_NAMES[n]:>4} {machine.register(n):016x}" for n in range(32)]
    lines = ["  ".join(words[start : start + 4]) for start in range(0, 32, 4)]
    shown = [f"{name} {read_csr(machine.hart, CSR_NUMBERS[name]) or 0:#x}" for name in _SHOWN_CSRS]
    return [*lines, "  ".join(shown)]


def _ms(ns: int) -> str:
    return f"{ns // _NS_PER_MS}.{ns // 1_000 % 1_000:03d} ms"
