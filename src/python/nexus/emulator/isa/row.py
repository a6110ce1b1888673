"""The two kinds of row of the instruction table."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from nexus.core.record import dataclass
from nexus.emulator.isa.encoding import Encoding, parse

# Immediate scatters of the base formats, in the manual's notation.
IMM_I = "s11:0"
IMM_S = "s11:5|4:0"
IMM_B = "s12|10:5|4:1|11"
IMM_U = "s31:12"
IMM_J = "s20|10:1|11|19:12"
IMM_SHAMT64 = "5:0"
IMM_SHAMT32 = "4:0"
IMM_CSR = "11:0"


@dataclass(frozen=True)
class Instruction:
    """A 32-bit instruction: how it is encoded, written and what it does.

    `syntax` lists the operands for assembler and disassembler (`rd, imm(rs1)`).  `semantics` is
    in the language of `isa/semantics.py`.  `requires` names the optional extensions (`isa/cpu.py`)
    without which it is illegal.
    """

    name: str
    pattern: str
    immediate: str
    syntax: str
    semantics: str
    requires: tuple[str, ...] = ()

    @cached_property
    def encoding(self) -> Encoding:
        """The pattern, parsed when it is first needed: a run decodes few of all rows."""
        return parse(self.pattern, self.immediate)


@dataclass(frozen=True)
class Compressed:
    """A 16-bit instruction: the base instruction it stands for.

    `fixed` gives operands that the encoding implies (`rs1=2` for sp-relative forms); operands
    named in `nonzero` must not be zero, else the encoding is reserved.  `syntax` is its own
    operand order, without the implied ones.
    """

    name: str
    pattern: str
    immediate: str
    base: str
    fixed: Mapping[str, int]
    nonzero: tuple[str, ...]
    requires: tuple[str, ...] = ()  # Beside what the base instruction requires.

    @cached_property
    def encoding(self) -> Encoding:
        """The pattern, parsed when it is first needed: a run decodes few of all rows."""
        return parse(self.pattern, self.immediate)
