"""Step functions of the system rows: csr accesses, trap returns, wfi and fences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from nexus.emulator.isa.decode import BY_NAME
from nexus.emulator.reference import state as s
from nexus.emulator.reference.chain import note_return
from nexus.emulator.reference.core import Core
from nexus.emulator.reference.csr import IllegalCsrError, access
from nexus.emulator.reference.trap import (
    MSTATUS_MPP,
    MSTATUS_TSR,
    MSTATUS_TVM,
    MSTATUS_TW,
    Cause,
    TrapError,
    return_from_machine,
    return_from_supervisor,
)

M64: Final = (1 << 64) - 1


def _illegal(name: str, **operands: int) -> TrapError:
    """An illegal-instruction trap; its value is the instruction itself."""
    word = BY_NAME[name].encoding.insert(operands)
    return TrapError(Cause.ILLEGAL_INSTRUCTION, word)


def _csr_step(name: str, combine: Callable[[int, int], int]) -> Callable[..., int]:
    """The step function of one of the six csr instructions."""
    always_writes = name.startswith("csrrw")
    is_immediate = name.endswith("i")

    def step(
        hart: Core, x: s.State, rd: int, rs1: int, rs2: int, imm: int, length: int, pc: int
    ) -> int:
        is_write = always_writes or rs1 != 0
        try:
            csr = access(hart, imm, is_write)
        except IllegalCsrError:
            shown = 0 if rd == s.SINK else rd
            raise _illegal(name, rd=shown, rs1=rs1, imm=imm) from None
        operand = rs1 if is_immediate else x[rs1]
        old = csr.read(hart)
        if csr.by_itself and rd != s.SINK:
            hart.heard_from_outside()
        if is_write:
            kept = old if csr.kept is None else csr.kept(hart)
            csr.write(hart, combine(kept, operand) & M64)
            hart.attention = True
        x[rd] = old
        return pc + length & M64

    return step


def _ecall(
    hart: Core, x: s.State, rd: int, rs1: int, rs2: int, imm: int, length: int, pc: int
) -> int:
    raise TrapError(Cause.ECALL_FROM_USER + x[s.PRIVILEGE], 0)


def _ebreak(
    hart: Core, x: s.State, rd: int, rs1: int, rs2: int, imm: int, length: int, pc: int
) -> int:
    raise TrapError(Cause.BREAKPOINT, 0)


def _mret(
    hart: Core, x: s.State, rd: int, rs1: int, rs2: int, imm: int, length: int, pc: int
) -> int:
    if x[s.PRIVILEGE] < s.MACHINE:
        raise _illegal("mret")
    if x[s.MSTATUS] & MSTATUS_MPP != MSTATUS_MPP and hart.mmu.pmp.is_empty:
        # QEMU refuses to leave machine mode when nothing could execute there.
        raise _illegal("mret")
    return_from_machine(x)
    note_return(x, hart.ticks)
    hart.attention = True
    return x[s.PC]


def _sret(
    hart: Core, x: s.State, rd: int, rs1: int, rs2: int, imm: int, length: int, pc: int
) -> int:
    privilege = x[s.PRIVILEGE]
    if privilege == s.USER or (privilege == s.SUPERVISOR and x[s.MSTATUS] & MSTATUS_TSR):
        raise _illegal("sret")
    return_from_supervisor(x)
    note_return(x, hart.ticks)
    hart.attention = True
    return x[s.PC]


def _wfi(
    hart: Core, x: s.State, rd: int, rs1: int, rs2: int, imm: int, length: int, pc: int
) -> int:
    privilege = x[s.PRIVILEGE]
    if privilege == s.USER or (privilege == s.SUPERVISOR and x[s.MSTATUS] & MSTATUS_TW):
        raise _illegal("wfi")
    x[s.WAITING] = 1
    hart.leave = True
    return pc + length & M64


def _sfence_vma(
    hart: Core, x: s.State, rd: int, rs1: int, rs2: int, imm: int, length: int, pc: int
) -> int:
    privilege = x[s.PRIVILEGE]
    if privilege == s.USER or (privilege == s.SUPERVISOR and x[s.MSTATUS] & MSTATUS_TVM):
        raise _illegal("sfence.vma", rs1=rs1, rs2=rs2)
    # Cached translations are always coherent (see memory.py), so there is nothing to do.
    return pc + length & M64


SYSTEM_STEPS: Final[dict[str, Callable[..., int]]] = {
    "csrrw": _csr_step("csrrw", lambda old, new: new),
    "csrrs": _csr_step("csrrs", lambda old, new: old | new),
    "csrrc": _csr_step("csrrc", lambda old, new: old & ~new),
    "csrrwi": _csr_step("csrrwi", lambda old, new: new),
    "csrrsi": _csr_step("csrrsi", lambda old, new: old | new),
    "csrrci": _csr_step("csrrci", lambda old, new: old & ~new),
    "ecall": _ecall,
    "ebreak": _ebreak,
    "mret": _mret,
    "sret": _sret,
    "wfi": _wfi,
    "sfence.vma": _sfence_vma,
}
