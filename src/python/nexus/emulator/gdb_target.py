"""The description of the machine's registers for GDB, and how their numbers map to ours.

0..31 are x0..x31, 32 is pc, 33..64 are f0..f31; csrs and the privilege level have the numbers GDB
gives them itself.

The description has floating-point registers on every machine: without them GDB refuses the symbols
of a program that was built to pass numbers in them (lp64d, say).  Where the hart has none, their
values are unavailable.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nexus.emulator.inspect import read_csr, write_csr
from nexus.emulator.isa.cpu import HAS_F
from nexus.emulator.isa.operand import CSR_NAMES, FLOAT_NAMES, REGISTER_NAMES
from nexus.emulator.reference import state as s
from nexus.emulator.reference.core import Core
from nexus.emulator.reference.csr import CSRS

PC: Final = 32
FIRST_FLOAT: Final = 33
FIRST_CSR: Final = 65
PRIVILEGE: Final = 4161
WORD_BYTES: Final = 8
GENERAL_COUNT: Final = 33


_FLOAT_CSRS: Final = (0x001, 0x002, 0x003)
# Where the rows of counters begin that have numbers for names.
_COUNTER_NAMES: Final = ((0x320, "mhpmevent"), (0xB00, "mhpmcounter"), (0xC00, "hpmcounter"))
# A register shows in both formats, as in GDB's own descriptions.
_UNION: Final = (
    '<union id="riscv_double"><field name="float" type="ieee_single"/>'
    '<field name="double" type="ieee_double"/></union>'
)


def csr_numbers() -> list[int]:
    """The registers that the machine has, in the order of their numbers."""
    return sorted(CSRS)


def name_of_csr(number: int) -> str:
    """GDB's name of a register."""
    named = CSR_NAMES.get(number)
    if named is not None:
        return named
    first, name = max(pair for pair in _COUNTER_NAMES if pair[0] <= number)
    return f"{name}{number - first}"


def target_xml() -> bytes:
    """The description, as GDB wants it."""
    general = "".join(
        f'<reg name="{name}" bitsize="64" type="{_type(name)}" regnum="{number}"/>'
        for number, name in enumerate(REGISTER_NAMES)
    )
    floats = "".join(
        f'<reg name="{name}" bitsize="64" type="riscv_double" regnum="{number}"/>'
        for number, name in enumerate(FLOAT_NAMES, FIRST_FLOAT)
    )
    return (
        '<?xml version="1.0"?><!DOCTYPE target SYSTEM "gdb-target.dtd"><target version="1.0">'
        "<architecture>riscv:rv64</architecture>"
        f'<feature name="org.gnu.gdb.riscv.cpu">{general}'
        f'<reg name="pc" bitsize="64" type="code_ptr" regnum="{PC}"/></feature>'
        f'<feature name="org.gnu.gdb.riscv.fpu">{_UNION}{floats}'
        f"{_csrs(_FLOAT_CSRS, 'int')}</feature>"
        f'<feature name="org.gnu.gdb.riscv.csr">'
        f"{_csrs(n for n in csr_numbers() if n not in _FLOAT_CSRS)}</feature>"
        '<feature name="org.gnu.gdb.riscv.virtual">'
        f'<reg name="priv" bitsize="64" regnum="{PRIVILEGE}"/></feature></target>'
    ).encode()


def _csrs(numbers: Iterable[int], kind: str = "") -> str:
    shown = f' type="{kind}"' if kind else ""
    return "".join(
        f'<reg name="{name_of_csr(number)}" bitsize="64"{shown} regnum="{FIRST_CSR + number}"/>'
        for number in numbers
    )


def is_unavailable(core: Core, number: int) -> bool:
    """Whether the description has a register that this hart has not."""
    is_float = FIRST_FLOAT <= number < FIRST_CSR or number - FIRST_CSR in _FLOAT_CSRS
    return is_float and not _has_float(core)


def _has_float(core: Core) -> bool:
    return bool(core.state[s.EXTENSIONS] & HAS_F)


def _float_place(core: Core, number: int) -> int | None:
    """The state word of a floating-point register by GDB's number."""
    if FIRST_FLOAT <= number < FIRST_CSR and _has_float(core):
        return s.F0 + number - FIRST_FLOAT
    return None


def _type(name: str) -> str:
    return {"ra": "code_ptr", "sp": "data_ptr", "gp": "data_ptr", "tp": "data_ptr"}.get(name, "int")


def read_register(core: Core, number: int) -> int | None:
    """A register by GDB's number; None if there is none."""
    if number < PC:
        return core.state[number] if number else 0
    if number == PC:
        return core.state[s.PC]
    if number == PRIVILEGE:
        return core.state[s.PRIVILEGE]
    place = _float_place(core, number)
    if place is not None:
        return core.state[place]
    return read_csr(core, number - FIRST_CSR)


def write_register(core: Core, number: int, value: int) -> bool:
    """Change a register; False if it cannot be changed."""
    if number == 0:
        return True
    if is_unavailable(core, number):
        return False
    if number == PRIVILEGE:
        if value not in (s.USER, s.SUPERVISOR, s.MACHINE):
            return False
        core.state[s.PRIVILEGE] = value
        return True
    place = _float_place(core, number)
    if place is not None:
        core.state[place] = value
        return True
    if number > PC:
        return number >= FIRST_CSR and write_csr(core, number - FIRST_CSR, value)
    core.state[s.PC if number == PC else number] = value
    return True
