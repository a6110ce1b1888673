"""Decoded code: runs of instructions cached by physical page.

A block starts anywhere, stays within its page and holds either simple instructions, up to and
including the first jump or branch, or exactly one instruction that is not simple (system, atomic,
floating point).
An instruction that straddles two pages belongs to no block: its second half depends on another
page and another translation, so it is fetched anew every time.
"""

from __future__ import annotations

from functools import cache, lru_cache
from types import FunctionType
from typing import TYPE_CHECKING, Final

from nexus.emulator.memory import RAM_BASE, Ram
from nexus.emulator.reference.entry import Block, Entry, Operation, Run, step_operands
from nexus.emulator.reference.mmu import MARK_CODE, BailError, Context, Mmu

if TYPE_CHECKING:
    from nexus.emulator.isa.decode import Decoded
    from nexus.emulator.reference.core import Step

# Executions of a block before it is compiled: compiling costs about as much as 20 slow steps an
# instruction, and most code of a boot runs once.
HEAT_COMPILE: Final = 12

# Bounds the size of one compiled function; longer straight-line code becomes several blocks.
BLOCK_INSTRUCTIONS_MAX: Final = 64

# Different runs kept decoded, for all machines of a process together.
RUNS_MAX: Final = 1 << 16


# The table of instructions, and what is made from it, is imported where it is needed: a machine
# that runs native code needs it for few instructions, or for none.
@cache
def _ends_run(name: str) -> tuple[bool, bool]:
    """Whether an instruction is simple, and whether it jumps."""
    from nexus.emulator.isa.semantics import semantics_of

    it = semantics_of(name)
    return not (it.is_system or it.is_atomic or it.uses_float), it.is_jump


def _step(name: str) -> Step:
    from nexus.emulator.reference.access_steps import ACCESS_STEPS

    if name in ACCESS_STEPS:
        return ACCESS_STEPS[name]
    from nexus.emulator.reference.system import SYSTEM_STEPS

    if name in SYSTEM_STEPS:
        return SYSTEM_STEPS[name]
    from nexus.emulator.reference.source import step_function

    return step_function(name)


def operation_of(instruction: Decoded) -> Operation:
    """The function that executes one instruction on its own."""
    return (_step(instruction.name), *step_operands(instruction))


@lru_cache(maxsize=RUNS_MAX)
def decode_run(code: bytes, extensions: int) -> Run | None:
    """Decode up to the end of a block or of `code`; `None` if not even one instruction fits."""
    from nexus.emulator.isa.decode import decode

    found: list[Decoded] = []
    offset = 0
    while offset < len(code) and len(found) < BLOCK_INSTRUCTIONS_MAX:
        word = int.from_bytes(code[offset : offset + 4], "little")
        is_wide = word & 3 == 3
        if is_wide and offset + 4 > len(code):
            break
        instruction = decode(word if is_wide else word & 0xFFFF, extensions)
        if instruction is None:
            break
        is_simple, is_jump = _ends_run(instruction.name)
        if is_simple or not found:
            found.append(instruction)
        if not is_simple or is_jump:
            break
        offset += instruction.length
    if not found:
        return None
    operations = tuple(operation_of(it) for it in found)
    return Run(tuple(found), operations, _ends_run(found[0].name)[0])


class BlockCache:
    """Finds, decodes and compiles the blocks of one machine."""

    def __init__(self, ram: Ram, mmu: Mmu, extensions: int) -> None:
        self._ram = ram
        self._mmu = mmu
        self._extensions = extensions
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
            end = min(offset + 4 * BLOCK_INSTRUCTIONS_MAX, (offset | 4095) + 1)
            run = decode_run(self._ram.buffer[offset:end], self._extensions)
            if run is None:
                return None
            self._mmu.mark(offset >> 12, MARK_CODE)
            block = page[offset & 4095] = Block(run)
        return block

    def bind(self, entry: Entry, context: Context, state: object) -> None:
        """Give an entry its compiled function, compiling the block if it is not compiled."""
        block = entry.block
        if block.code is None:
            from nexus.emulator.reference.source import block_code

            block.code = block_code(block.instructions)
        entry.run = FunctionType(block.code, context_namespace(context), argdefs=(state,))


def context_namespace(context: Context) -> dict[str, object]:
    """The global names that block functions refer to, for one context."""
    if not context.namespace:
        from nexus.emulator.isa.python_source import NAMESPACE

        context.namespace.update(NAMESPACE, BailError=BailError)
        for size, views in context.loads.items():
            context.namespace[f"R{size}" if size > 0 else f"RS{-size}"] = views
        for size, views in context.stores.items():
            context.namespace[f"W{size}"] = views
    return context.namespace
