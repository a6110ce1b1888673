"""The steps of loads and stores, without the generator that makes all others from the table.

A machine of native code leaves accesses to devices to steps, and often nothing else.  To import the
generator for them takes longer than a short guest runs.  A test holds these to the generated ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

from nexus.emulator.reference.core import Step
from nexus.emulator.reference.state import State

_M64: Final = (1 << 64) - 1


class Memory(Protocol):
    """The part of a hart that an access needs."""

    def load(self, address: int, size: int, /) -> int:
        """The bytes at an address, zero-extended."""
        ...

    def store(self, address: int, value: int, size: int, /) -> None:
        """Store the low bytes of a value."""
        ...


def _load(size: int, sign: int) -> Step:
    """Load so many bytes; `sign` is the bit that all higher ones repeat, 0 if they are zero."""

    def step(
        hart: Memory, x: State, rd: int, rs1: int, rs2: int, imm: int, length: int, pc: int
    ) -> int:
        value = hart.load(x[rs1] + imm & _M64, size)
        x[rd] = (value ^ sign) - sign & _M64
        return pc + length & _M64

    return step


def _store(size: int) -> Step:
    """Store so many bytes."""

    def step(
        hart: Memory, x: State, rd: int, rs1: int, rs2: int, imm: int, length: int, pc: int
    ) -> int:
        hart.store(x[rs1] + imm & _M64, x[rs2], size)
        return pc + length & _M64

    return step


ACCESS_STEPS: Final[Mapping[str, Step]] = {
    "lb": _load(1, 1 << 7),
    "lbu": _load(1, 0),
    "lh": _load(2, 1 << 15),
    "lhu": _load(2, 0),
    "lw": _load(4, 1 << 31),
    "lwu": _load(4, 0),
    "ld": _load(8, 0),
    "sb": _store(1),
    "sh": _store(2),
    "sw": _store(4),
    "sd": _store(8),
}
