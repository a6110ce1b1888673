"""Traps, atomics, interrupts and counters, by programs that end with what they saw."""

import pytest

from nexus.emulator.guest_support import OPEN_PMP, drop_to
from nexus.emulator.machine import Stop
from nexus.emulator.program_support import EXIT, boot
from nexus.emulator.reference.state import MTVEC, PC
from nexus.emulator.reference.trap import INTERRUPT, enter_trap
from nexus.emulator.reporting_support import RUN_NS, finish


@pytest.mark.parametrize(
    ("text", "cause", "value"),
    [
        (".word 0xffffffff", 2, 0xFFFFFFFF),
        (".half 0", 2, 0),
        ("csrr a0, 0x7c0", 2, 0x7C002573),
        ("csrrw zero, cycle, zero", 2, 0xC0001073),
        ("ebreak", 3, 0),
        ("ecall", 11, 0),
        ("li a0, 0x90000000\n lw a1, 4(a0)", 5, 0x9000_0004),
        ("li a0, 0x90000000\n sw a1, 4(a0)", 7, 0x9000_0004),
        ("li a0, 0x90000000\n amoadd.w a1, a1, (a0)", 7, 0x9000_0000),
        ("li a0, 0x90000000\n lr.w a1, (a0)", 5, 0x9000_0000),
        ("li a0, 0x90000000\n jr a0", 1, 0x9000_0000),
        (OPEN_PMP + drop_to(1, "s") + "s: ecall", 9, 0),
        (OPEN_PMP + drop_to(0, "u") + "u: ecall", 8, 0),
        (OPEN_PMP + drop_to(1, "s") + "s: mret", 2, 0x30200073),
        (OPEN_PMP + drop_to(0, "u") + "u: sret", 2, 0x10200073),
        (OPEN_PMP + drop_to(0, "u") + "u: wfi", 2, 0x10500073),
        (OPEN_PMP + drop_to(0, "u") + "u: csrr a0, sstatus", 2, 0x10002573),
        (OPEN_PMP + drop_to(1, "s") + "s: csrr a0, time", 2, 0xC0102573),
        (OPEN_PMP + drop_to(1, "s") + "s: csrr a0, stimecmp", 2, 0x14D02573),
        # Without any PMP entry QEMU refuses to leave machine mode.
        (drop_to(1, "s") + "s: nop", 2, 0x30200073),
    ],
)
def test_an_exception_has_its_cause_and_value(text: str, cause: int, value: int) -> None:
    code, machine = finish(text + "\n li a0, 99\n")
    assert (code, machine.register(8)) == (cause, value)


def test_a_run_that_ends_early_says_how_many_steps_it_took() -> None:
    hart = boot("nop\n nop\n wfi\n nop\n nop\n" + EXIT)._hart
    assert hart.run(100) == hart.steps == 3
    assert hart.run(1) == 1
    assert hart.steps == 4


@pytest.mark.parametrize(
    ("text", "cause"),
    [("addi a0, a0, 1\n amoadd.w a1, a1, (a0)", 6), ("addi a0, a0, 2\n lr.d a1, (a0)", 4)],
)
def test_what_is_atomic_is_aligned(text: str, cause: int) -> None:
    assert finish(f"la a0, report\n {text}\n li a0, 99\n")[0] == cause


@pytest.mark.parametrize(
    ("bit", "instruction"),
    [(20, "csrr a0, satp"), (20, "sfence.vma zero, zero"), (21, "wfi"), (22, "sret")],
)
def test_mstatus_traps_supervisor_instructions(bit: int, instruction: str) -> None:
    enable = f"li t0, {1 << bit}\n csrs mstatus, t0\n"
    # A pending interrupt, which supervisor mode does not take, keeps wfi from waiting.
    pending = "csrrsi zero, mideleg, 2\n csrrsi zero, mie, 2\n csrrsi zero, mip, 2\n"
    enter = (pending if instruction == "wfi" else "") + OPEN_PMP + drop_to(1, "s")
    body = f"s: la t1, after\n csrw sepc, t1\n {instruction}\n after: ecall"
    assert finish(enter + body)[0] in (8, 9)
    assert finish(enable + enter + body)[0] == 2


def test_code_that_rewrites_itself_is_seen_at_once() -> None:
    """Each round replaces the constant of the next round's addi, in a compiled loop."""
    text = """
    li s6, 40
    li s7, 0
    la s5, patch
    again:
    patch: addi s7, s7, 1
    lw t0, 0(s5)
    li t1, 0x100000
    xor t0, t0, t1
    sw t0, 0(s5)
    addi s6, s6, -1
    bnez s6, again
    ecall
    """
    _, machine = finish(text)
    assert machine.register(23) == 20  # +1 and +0 in turns.


@pytest.mark.parametrize(
    ("between", "expected", "stored"),
    [
        ("nop", 0, 7),
        ("sw a3, 0(a0)", 1, 9),
        ("sc.w zero, a2, (a4)", 1, 0),
        ("lr.w zero, (a4)", 1, 0),
    ],
)
def test_store_conditional_needs_its_reservation(between: str, expected: int, stored: int) -> None:
    text = f"""
    li a0, 0x80010000
    li a4, 0x80010008
    li a2, 7
    li a3, 9
    lr.w a1, (a0)
    {between}
    sc.w s4, a2, (a0)
    lw s5, 0(a0)
    ecall
    """
    _, machine = finish(text)
    assert (machine.register(20), machine.register(21)) == (expected, stored)


@pytest.mark.parametrize(
    ("name", "old", "operand", "new"),
    [
        ("amoswap.w", 5, 9, 9),
        ("amoadd.w", 0x7FFFFFFF, 1, 0x80000000),
        ("amoxor.w", 6, 3, 5),
        ("amoand.w", 6, 3, 2),
        ("amoor.w", 6, 3, 7),
        ("amomin.w", 0xFFFFFFFF, 1, 0xFFFFFFFF),
        ("amomax.w", 0xFFFFFFFF, 1, 1),
        ("amominu.w", 0xFFFFFFFF, 1, 1),
        ("amomaxu.w", 0xFFFFFFFF, 1, 0xFFFFFFFF),
    ],
)
def test_an_atomic_returns_the_old_value_and_stores_the_new(
    name: str, old: int, operand: int, new: int
) -> None:
    text = f"""
    li a0, 0x80010000
    li a1, {old}
    sd a1, 0(a0)
    li a2, {operand}
    {name} s4, a2, (a0)
    ld s5, 0(a0)
    ecall
    """
    _, machine = finish(text)
    assert machine.register(20) == (old if old < 1 << 31 else old | 0xFFFFFFFF00000000)
    assert machine.register(21) == new


def test_delegated_trap_enters_supervisor_and_returns() -> None:
    text = f"""{OPEN_PMP}
    li t0, 0x100
    csrw medeleg, t0
    la t0, handler
    csrw stvec, t0
    {drop_to(0, "user")}
    user: ecall
    li s5, 5
    .word 0xffffffff
    .align 4
    handler: csrr s4, scause
    csrr t0, sepc
    addi t0, t0, 4
    csrw sepc, t0
    sret
    """
    code, machine = finish(text)
    assert code == 2
    assert machine.register(20) == 8
    assert machine.register(21) == 5


def test_vectored_interrupts_jump_by_cause() -> None:
    text = """
    la t0, table
    addi t0, t0, 1
    csrw mtvec, t0
    li t0, 8
    csrw mie, t0
    li a1, 0x2000000
    li a2, 1
    sw a2, 0(a1)
    csrrsi zero, mstatus, 8
    nop
    .align 4
    table: .word 0, 0, 0
    j report
    """
    assert finish(text)[0] == 64 + 3


def test_a_table_of_vectors_at_the_end_of_memory_wraps() -> None:
    state = boot("nop").hart.state
    state[MTVEC] = (1 << 64) - 3
    enter_trap(state, INTERRUPT | 3, 0)
    assert state[PC] == 8


def test_counters_count_steps() -> None:
    text = """
    csrr s4, instret
    nop
    nop
    csrr s5, instret
    li t0, 1000
    csrw minstret, t0
    csrr s6, minstret
    ecall
    """
    _, machine = finish(text)
    assert machine.register(21) - machine.register(20) == 3
    assert machine.register(22) == 1000


def test_a_fetch_that_traps_costs_one_step() -> None:
    """Time is counted in steps, so a trap must not be free, nor cost more than it says."""

    def steps_of(rounds: int) -> int:
        machine = boot(
            f"""
                li s1, {rounds}
                li a1, 0x90000000
                la t0, caught
                csrw mtvec, t0
                jr a1
            caught:
                addi s1, s1, -1
                beq s1, zero, over
                jr a1
            over:
                li a0, 0
            """
            + EXIT
        )
        assert machine.run(RUN_NS) is Stop.FINISHED
        return machine.instructions

    assert [steps_of(rounds) - steps_of(1) for rounds in (2, 5)] == [4, 16]
