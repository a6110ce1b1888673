"""What GDB is told about the machine's registers, and how their numbers map to ours.

0..31 are x0..x31, 32 is pc, 33..64 are f0..f31 where the hart has them; csrs and the privilege
level have the numbers GDB gives them itself.
"""

from __future__ import annotations

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
# A register shows in both formats, as in GDB's own descriptions.
_UNION: Final = (
    '<union id="riscv_double"><field name="float" type="ieee_single"/>'
    '<field name="double" type="ieee_double"/></union>'
)


def target_xml(core: Core) -> bytes:
    """The description, as GDB wants it."""
    general = "".join(
        f'<reg name="{name}" bitsize="64" type="{_type(name)}" regnum="{number}"/>'
        for number, name in enumerate(REGISTER_NAMES)
    )
    csrs = "".join(
        f'<reg name="{CSR_NAMES[number]}" bitsize="64" regnum="{FIRST_CSR + number}"/>'
        for number in sorted(CSR_NAMES)
        if number in CSRS and number not in _FLOAT_CSRS
    )
    return (
        '<?xml version="1.0"?><!DOCTYPE target SYSTEM "gdb-target.dtd"><target version="1.0">'
        "<architecture>riscv:rv64</architecture>"
        f'<feature name="org.gnu.gdb.riscv.cpu">{general}'
        f'<reg name="pc" bitsize="64" type="code_ptr" regnum="{PC}"/></feature>'
        f"{_float_feature(core)}"
        f'<feature name="org.gnu.gdb.riscv.csr">{csrs}</feature>'
        '<feature name="org.gnu.gdb.riscv.virtual">'
        f'<reg name="priv" bitsize="64" regnum="{PRIVILEGE}"/></feature></target>'
    ).encode()


def _float_feature(core: Core) -> str:
    if not _has_float(core):
        return ""
    registers = "".join(
        f'<reg name="{name}" bitsize="64" type="riscv_double" regnum="{number}"/>'
        for number, name in enumerate(FLOAT_NAMES, FIRST_FLOAT)
    )
    csrs = "".join(
        f'<reg name="{CSR_NAMES[number]}" bitsize="64" type="int" regnum="{FIRST_CSR + number}"/>'
        for number in _FLOAT_CSRS
    )
    return f'<feature name="org.gnu.gdb.riscv.fpu">{_UNION}{registers}{csrs}</feature>'


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
