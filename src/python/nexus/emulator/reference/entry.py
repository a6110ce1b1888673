"""Decoded code as values: what is remembered of instructions in memory."""

from __future__ import annotations

from collections.abc import Callable
from types import CodeType
from typing import TYPE_CHECKING

from nexus.core.record import dataclass
from nexus.emulator.reference.state import SINK

if TYPE_CHECKING:
    from nexus.emulator.isa.decode import Decoded

# A step function and its operands.
Operation = tuple[Callable[..., int], int, int, int, int, int]


@dataclass(frozen=True, slots=True)
class Run:
    """Decoded instructions, wherever they are."""

    instructions: tuple[Decoded, ...]
    operations: tuple[Operation, ...]
    is_simple: bool


class Block:
    """A run at one physical address, and its compiled form."""

    __slots__ = ("code", "heat", "instructions", "is_simple", "operations")

    def __init__(self, run: Run) -> None:
        self.instructions = run.instructions
        self.operations = run.operations
        self.is_simple = run.is_simple
        self.heat = 0
        self.code: CodeType | None = None


class Entry:
    """A block as seen from one context; `run` is its compiled function, bound to the caches."""

    __slots__ = ("block", "length", "run")

    def __init__(self, block: Block) -> None:
        self.block = block
        self.length = len(block.instructions)
        # From pc to the pc behind the block, or ~k: instruction k was not executed.
        self.run: Callable[[int], int] | None = None


def step_operands(instruction: Decoded) -> tuple[int, int, int, int, int]:
    """The operands of a step function: (rd or the sink, rs1, rs2, imm, length)."""
    return (
        instruction.rd or SINK,
        instruction.rs1,
        instruction.rs2,
        instruction.imm,
        instruction.length,
    )
