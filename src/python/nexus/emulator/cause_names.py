"""Names of privilege levels, exceptions and interrupts, for texts that people read."""

from __future__ import annotations

from typing import Final

from nexus.emulator.reference import state as s

LETTERS: Final = {s.USER: "U", s.SUPERVISOR: "S", s.MACHINE: "M"}
MODES: Final = {s.USER: "user", s.SUPERVISOR: "supervisor", s.MACHINE: "machine"}

_CAUSES: Final = {
    0: "instruction misaligned",
    1: "instruction access",
    2: "illegal instruction",
    3: "breakpoint",
    4: "load misaligned",
    5: "load access",
    6: "store misaligned",
    7: "store access",
    8: "ecall from user",
    9: "ecall from supervisor",
    11: "ecall from machine",
    12: "instruction page",
    13: "load page",
    15: "store page",
}
# The exceptions whose names above want another word in a sentence.
_FAULTS: Final = frozenset((0, 1, 4, 5, 6, 7, 12, 13, 15))
_INTERRUPTS: Final = {
    1: "supervisor software",
    3: "machine software",
    5: "supervisor timer",
    7: "machine timer",
    9: "supervisor external",
    11: "machine external",
}


def cause_name(cause: int) -> str:
    """The name of an exception, as traces have it."""
    return _CAUSES.get(cause, "?")


def interrupt_name(code: int) -> str:
    """The name of an interrupt."""
    return _INTERRUPTS.get(code, "?")


def describe_cause(cause: int) -> str:
    """An exception for a sentence: `store access fault (cause 7)`."""
    return f"{cause_name(cause)}{' fault' if cause in _FAULTS else ''} (cause {cause})"
