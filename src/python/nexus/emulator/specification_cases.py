"""Questions whose answers the specifications give, as programs for every engine and for QEMU.

A question is guest text that ends in machine mode with its answers in s4 to s9.  What follows it
sends these six words through the UART and ends the run.  Clocks are compared by the guest itself,
so that an answer never depends on how fast the host is.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from nexus.emulator.machine import Machine, MachineOptions, Stop
from nexus.emulator.program_support import program

ANSWERS: Final = 6

# More than any question takes on our machine, in virtual time.
_BUDGET_NS: Final = 5_000_000

_EPILOGUE: Final = f"""
    li t0, 0x10000000
    li t1, 3
    sb t1, 3(t0)
    sb zero, 4(t0)
    sb zero, 1(t0)
    la t1, answers
    {"".join(f"sd s{4 + number}, {8 * number}(t1)" + chr(10) for number in range(ANSWERS))}
    li t2, {8 * ANSWERS}
send_answers:
    lbu t3, 0(t1)
    sb t3, 0(t0)
    addi t1, t1, 1
    addi t2, t2, -1
    bnez t2, send_answers
    li t0, 0x100000
    li t1, 0x5555
    sw t1, 0(t0)
answered:
    j answered
.align 8
answers:
    .space {8 * ANSWERS}
"""


@dataclass(frozen=True, slots=True)
class Question:
    """A program and its answers.

    `qemu` are the answers of QEMU 7.2 where they are others; docs/spec/machine.md says why.
    """

    name: str
    text: str
    answers: tuple[int, ...]
    qemu: tuple[int, ...] | None = None

    @property
    def kernel(self) -> bytes:
        """The program, bootable."""
        return program(self.text + _EPILOGUE)

    @property
    def expected(self) -> tuple[int, ...]:
        """All six answers."""
        return _padded(self.answers)

    @property
    def expected_of_qemu(self) -> tuple[int, ...]:
        """All six answers of QEMU."""
        return _padded(self.answers if self.qemu is None else self.qemu)


def _padded(answers: tuple[int, ...]) -> tuple[int, ...]:
    return answers + (0,) * (ANSWERS - len(answers))


def answers_of(options: MachineOptions) -> tuple[int, ...]:
    """Run a question's program on one of our engines."""
    machine = Machine(options)
    assert machine.run(_BUDGET_NS) is Stop.FINISHED
    return decode(machine.take_console())


def decode(console: bytes) -> tuple[int, ...]:
    """The answers at the end of what a machine printed."""
    return struct.unpack(f"<{ANSWERS}Q", console[-8 * ANSWERS :])
