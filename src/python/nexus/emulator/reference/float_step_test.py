"""mstatus.FS, fcsr and NaN boxing: what instructions that name floating-point registers ask for."""

from __future__ import annotations

import pytest

from nexus.emulator.isa.cpu import RV64GC, RV64IMAC, Cpu
from nexus.emulator.machine import Machine, MachineOptions
from nexus.emulator.program_support import program
from nexus.emulator.reference import state as s

_ON = 0x6000
_SD = 1 << 63


def after(text: str, *, fs: int = 1, cpu: Cpu = RV64GC) -> Machine:
    """A machine that has run a text in machine mode; a5 and a6 are cause and value of a trap."""
    kernel = program(
        f"""
        la t0, trapped
        csrw mtvec, t0
        li a5, -1
        li t0, 0x6000
        csrs mstatus, t0
        li t1, 0x3ff0000000000001
        fmv.d.x ft1, t1
        li t1, 0x7ff0000000000001
        fmv.d.x ft2, t1
        csrc mstatus, t0
        li t0, {fs << 13}
        csrs mstatus, t0
        la a0, data
        {text}
        stop: j stop
        .align 4
        trapped: csrr a5, mcause
        csrr a6, mtval
        j stop
        .align 8
        data: .dword 0x7fc0000012345678, 0
        """
    )
    machine = Machine(MachineOptions(kernel=kernel, ram_bytes=1 << 20, cpu=cpu))
    machine.run(20_000)
    return machine


def fs_of(machine: Machine) -> int:
    status = machine.hart.state[s.MSTATUS]
    assert bool(status & _SD) == (status & _ON == _ON)
    return status >> 13 & 3


def assembled(text: str) -> int:
    """The word of one instruction."""
    return int.from_bytes(Machine(MachineOptions(kernel=program(text)))._ram.buffer[:4], "little")


FLOAT = [
    "fadd.d ft0, ft1, ft1",
    "fld ft0, 0(a0)",
    "fsd ft1, 8(a0)",
    "fmv.x.d a1, ft1",
    "fmv.w.x ft0, a0",
    "fsgnj.s ft0, ft1, ft1",
    "feq.d a1, ft1, ft1",
    "fclass.d a1, ft1",
    "fcvt.l.d a1, ft1",
    "fcvt.d.l ft0, a0",
    "fmadd.d ft0, ft1, ft1, ft1",
]


@pytest.mark.parametrize("text", FLOAT)
def test_off_is_illegal_and_says_the_instruction(text: str) -> None:
    machine = after(text, fs=0)
    assert (machine.register(15), machine.register(16)) == (2, assembled(text))
    assert fs_of(machine) == 0


@pytest.mark.parametrize(("text", "half"), [("c.fld a0, fa0, 8", 0x2508), ("c.fsdsp ft1, 8", None)])
def test_a_compressed_one_says_its_sixteen_bits(text: str, half: int | None) -> None:
    machine = after(f"mv sp, a0\n{text}", fs=0)
    assert machine.register(15) == 2
    assert machine.register(16) == (half or assembled(text) & 0xFFFF)
    assert after(f"mv sp, a0\n{text}").register(15) == (1 << 64) - 1


@pytest.mark.parametrize("fs", [1, 2, 3])
@pytest.mark.parametrize(
    ("text", "is_dirty"),
    [
        ("fadd.d ft0, ft1, ft1", True),
        ("fld ft0, 0(a0)", True),
        ("fsd ft1, 8(a0)", False),
        ("fmv.x.d a1, ft1", False),
        ("feq.d a1, ft1, ft1", False),
        ("feq.d a1, ft1, ft2", True),  # Invalid: fcsr changes.
        ("fcvt.l.d a1, ft1", True),  # Inexact, likewise.
        ("csrr a1, fcsr", False),
        ("csrw fflags, zero", True),
    ],
)
def test_what_changes_is_dirty(text: str, is_dirty: bool, fs: int) -> None:
    assert fs_of(after(text, fs=fs)) == (3 if is_dirty else fs)


def test_a_load_that_faults_changes_nothing() -> None:
    machine = after("fld ft0, 0(zero)")
    assert machine.register(15) == 5
    assert fs_of(machine) == 1


def test_the_parts_of_fcsr_are_registers_of_their_own() -> None:
    machine = after(
        """
        li t0, 0x1ff
        csrw fcsr, t0
        csrr a1, fflags
        csrr a2, frm
        csrrwi zero, frm, 2
        csrr a3, fcsr
        """
    )
    assert [machine.register(number) for number in (11, 12, 13)] == [31, 7, 0x5F]


@pytest.mark.parametrize(
    "text",
    [
        "fadd.d ft0, ft1, ft1, dyn",
        "fcvt.d.w ft0, a0, dyn",  # Exact, and illegal all the same.
        "fadd.d ft0, ft1, ft1, 5",
        "fsqrt.d ft0, ft1, 6",
    ],
)
def test_a_reserved_rounding_mode_is_illegal(text: str) -> None:
    machine = after(f"csrrwi zero, frm, 5\n{text}")
    assert (machine.register(15), machine.register(16)) == (2, assembled(text))


@pytest.mark.parametrize("text", ["fadd.d ft0, ft1, ft1, rtz", "fsgnj.d ft0, ft1, ft1"])
def test_a_reserved_rounding_mode_that_is_not_used_is_legal(text: str) -> None:
    assert after(f"csrrwi zero, frm, 5\n{text}").register(15) == (1 << 64) - 1


def test_single_precision_is_boxed_and_what_is_not_is_a_nan() -> None:
    machine = after(
        """
        flw ft0, 0(a0)
        fmv.x.d a1, ft0
        fld ft3, 0(a0)
        fsgnj.s ft4, ft3, ft3
        fmv.x.d a2, ft4
        fmv.x.w a3, ft3
        fclass.s a4, ft3
        fsw ft3, 8(a0)
        ld a7, 8(a0)
        """
    )
    high = 0xFFFF_FFFF << 32
    found = [machine.register(number) for number in (11, 12, 13, 14, 17)]
    assert found == [high | 0x1234_5678, high | 0x7FC0_0000, 0x1234_5678, 1 << 9, 0x1234_5678]


@pytest.mark.parametrize("text", [*FLOAT, "csrr a1, fcsr", "csrw frm, zero"])
def test_a_hart_without_them_knows_none_of_it(text: str) -> None:
    kernel = program(f"li t0, 0x6000\ncsrs mstatus, t0\ncsrr a2, mstatus\n{text}\nstop: j stop")
    machine = Machine(MachineOptions(kernel=kernel, ram_bytes=1 << 20, cpu=RV64IMAC))
    machine.run(1_000)
    assert machine.hart.state[s.MCAUSE] in (1, 2)  # There is no handler either.
    assert machine.hart.state[s.CHAIN_CAUSE] == 2
    assert machine.register(12) & _ON == 0


def test_tselect_chooses_one_of_two_triggers() -> None:
    machine = after(
        "li t0, 1\ncsrw tselect, t0\nli t0, 2\ncsrw tselect, t0\ncsrr a1, tselect", cpu=RV64GC
    )
    assert machine.register(11) == 1
