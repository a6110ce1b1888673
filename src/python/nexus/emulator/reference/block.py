"""Decoded code: runs of instructions cached by physical page.

A block starts anywhere, stays within its page and holds either simple instructions, up to and
including the first jump or branch, or exactly one instruction that is not simple (system, atomic).
An instruction that straddles two pages belongs to no block: its second half depends on another
page and another translation, so it is fetched anew every time.
"""

from __future__ import annotations

from collections.abc import Callable
from types import CodeType, FunctionType
from typing import Any, Final

from nexus.emulator.isa.decode import BASE, Decoded, decode
from nexus.emulator.isa.python_source import NAMESPACE
from nexus.emulator.isa.semantics import Semantics, semantics_of
from nexus.emulator.memory import RAM_BASE, Ram
from nexus.emulator.reference.mmu import MARK_CODE, BailError, Context, Mmu
from nexus.emulator.reference.source import Step, block_code, step_operands

# Executions of a block before it is compiled: compiling costs about as much as 20 slow steps an
# instruction, and most code of a boot runs once.
HEAT_COMPILE: Final = 12

# Bounds the size of one compiled function; longer straight-line code becomes several blocks.
BLOCK_INSTRUCTIONS_MAX: Final = 64

Operation = tuple[Step, int, int, int, int, int]  # Step function and its operands.


class Block:
    """Instructions at one physical address."""

    __slots__ = ("code", "heat", "instructions", "is_simple", "operations")

    def __init__(self, instructions: tuple[Decoded, ...], steps: dict[str, Step]) -> None:
        self.instructions = instructions
        self.operations: list[Operation] = [
            (steps[it.name], *step_operands(it)) for it in instructions
        ]
        self.is_simple = instructions[0].name not in _NOT_SIMPLE
        self.heat = 0
        self.code: CodeType | None = None


class Entry:
    """A block as seen from one context; `run` is its compiled function, bound to the caches."""

    __slots__ = ("block", "length", "run")

    def __init__(self, block: Block) -> None:
        self.block = block
        self.length = len(block.instructions)
        self.run: Any = None


def _names(accepted: Callable[[Semantics], bool]) -> frozenset[str]:
    return frozenset(row.name for row in BASE if accepted(semantics_of(row.name)))


_NOT_SIMPLE: Final = _names(lambda semantics: semantics.is_system or semantics.is_atomic)
_JUMPS: Final = _names(lambda semantics: semantics.is_jump)


class BlockCache:
    """Finds, decodes and compiles the blocks of one machine."""

    def __init__(self, ram: Ram, mmu: Mmu, steps: dict[str, Step]) -> None:
        self._ram = ram
        self._mmu = mmu
        self._steps = steps
        self._pages: dict[int, dict[int, Block]] = {}

    def forget(self, page: int) -> None:
        """Drop the blocks of a RAM page that is about to change."""
        self._pages.pop(page, None)

    def find(self, physical: int) -> Block | None:
        """The block at a physical address; `None` if the instruction there cannot be cached."""
        offset = physical - RAM_BASE
        if not 0 <= offset < self._ram.size_bytes:
            return None
        page = self._pages.setdefault(offset >> 12, {})
        block = page.get(offset & 4095)
        if block is None:
            instructions = self._decode(offset)
            if not instructions:
                return None
            self._mmu.mark(offset >> 12, MARK_CODE)
            block = page[offset & 4095] = Block(instructions, self._steps)
        return block

    def _decode(self, offset: int) -> tuple[Decoded, ...]:
        """Decode from a RAM offset to the end of the block."""
        found: list[Decoded] = []
        buffer = self._ram.buffer
        end = (offset | 4095) + 1
        while offset < end and len(found) < BLOCK_INSTRUCTIONS_MAX:
            word = int.from_bytes(buffer[offset : min(offset + 4, end)], "little")
            if word & 3 == 3 and offset + 4 > end:
                break
            instruction = decode(word if word & 3 == 3 else word & 0xFFFF)
            if instruction is None:
                break
            if instruction.name in _NOT_SIMPLE:
                return tuple(found) or (instruction,)
            found.append(instruction)
            offset += instruction.length
            if instruction.name in _JUMPS:
                break
        return tuple(found)

    def bind(self, entry: Entry, context: Context, state: Any) -> None:
        """Give an entry its compiled function, compiling the block if nobody did."""
        block = entry.block
        if block.code is None:
            block.code = block_code(block.instructions)
        entry.run = FunctionType(block.code, context_namespace(context), argdefs=(state,))


def context_namespace(context: Context) -> dict[str, Any]:
    """The global names that block functions refer to, for one context."""
    if not context.namespace:
        context.namespace.update(NAMESPACE, BailError=BailError)
        for size, views in context.loads.items():
            context.namespace[f"R{size}" if size > 0 else f"RS{-size}"] = views
        for size, views in context.stores.items():
            context.namespace[f"W{size}"] = views
    return context.namespace
