"""Traps, translation, protection and counters, by programs that end with what they saw."""

import pytest

from nexus.emulator.guest_support import OPEN_PMP, PAGING, REPORT, SPLIT_INSTRUCTION, drop_to
from nexus.emulator.machine import Machine, Stop
from nexus.emulator.program_support import EXIT, boot
from nexus.emulator.reference.state import MTVEC, PC
from nexus.emulator.reference.trap import INTERRUPT, enter_trap

RUN_NS = 10_000_000
VECTOR = "la t0, report\n csrw mtvec, t0\n"


def finish(text: str) -> tuple[int, Machine]:
    """Run a program with the reporting trap handler; return its exit code."""
    machine = boot(VECTOR + text + REPORT + EXIT)
    assert machine.run(RUN_NS) is Stop.FINISHED
    assert machine.exit_code is not None
    return machine.exit_code, machine


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


V, R, W, X, U, A, D = 1, 2, 4, 8, 16, 64, 128


@pytest.mark.parametrize(
    ("flags", "access", "cause"),
    [
        (V | R, "sw a1, 0(a0)", 15),
        (V | X, "lw a1, 0(a0)", 13),
        (V | W, "lw a1, 0(a0)", 13),
        (V | R | W | U, "lw a1, 0(a0)", 13),
        (R | W, "lw a1, 0(a0)", 13),
        (V | R | W, "jr a0", 12),
        (V | X | U, "jr a0", 12),
    ],
)
def test_an_access_beyond_a_page_s_permissions_faults(flags: int, access: str, cause: int) -> None:
    code, machine = access_page(flags, access)
    assert (code, machine.register(8)) == (cause, 0x1000)


@pytest.mark.parametrize(
    ("flags", "access"), [(V | R, "lw a1, 0(a0)"), (V | R | W, "sw a1, 0(a0)")]
)
def test_what_a_page_permits(flags: int, access: str) -> None:
    assert access_page(flags, access)[0] == 9  # The call at the end.


def access_page(flags: int, access: str) -> tuple[int | None, Machine]:
    """Access a page that has these flags, in supervisor mode."""
    text = f"""{OPEN_PMP}{PAGING}
    ori t0, s3, {flags}
    sd t0, 8(s2)
    {drop_to(1, "super")}
    super: li a0, 0x1000
    {access}
    ecall
    """
    return finish(text)


@pytest.mark.parametrize(
    ("bit", "flags", "expected"), [(18, V | R | U, 9), (19, V | X, 9), (0, V | R | U, 13)]
)
def test_sum_and_mxr_widen_loads(bit: int, flags: int, expected: int) -> None:
    text = f"""{OPEN_PMP}{PAGING}
    ori t0, s3, {flags}
    sd t0, 8(s2)
    li t0, {1 << bit}
    csrs mstatus, t0
    {drop_to(1, "super")}
    super: li a0, 0x1000
    lw a1, 0(a0)
    ecall
    """
    assert finish(text)[0] == expected


def test_mprv_applies_the_translation_of_mpp_to_data_only() -> None:
    text = f"""{OPEN_PMP}{PAGING}
    ori t0, s3, {V | R | W}
    sd t0, 8(s2)
    li t0, 0x1800
    csrc mstatus, t0
    li t0, 0x20800
    csrs mstatus, t0
    li a0, 0x1000
    li a1, 77
    sw a1, 8(a0)
    li t0, 0x20000
    csrc mstatus, t0
    li a2, 0x80010008
    lw a0, 0(a2)
    """
    assert finish(text + "li t0, 77\n beq a0, t0, report_out")[0] == 77


def test_walks_set_accessed_and_dirty() -> None:
    text = f"""{OPEN_PMP}{PAGING}
    ori t0, s3, {V | R | W}
    sd t0, 8(s2)
    {drop_to(1, "super")}
    super: li a0, 0x1000
    lw a1, 0(a0)
    ld s4, 8(s2)
    sw a1, 0(a0)
    ld s5, 8(s2)
    ecall
    """
    _, machine = finish(text)
    assert machine.register(20) & 0xFF == V | R | W | A
    assert machine.register(21) & 0xFF == V | R | W | A | D


def test_a_changed_mapping_is_seen_at_once() -> None:
    """Two data pages take turns behind one virtual page; the loop is long enough to be compiled."""
    text = f"""{OPEN_PMP}{PAGING}
    ori s4, s3, {V | R | W}
    li t0, 0x400
    add s5, s4, t0
    li a1, 1
    li a0, 0x80010000
    sd a1, 0(a0)
    li a1, 2
    li a0, 0x80011000
    sd a1, 0(a0)
    {drop_to(1, "super")}
    super: li a0, 0x1000
    li s6, 50
    li s7, 0
    again: sd s4, 8(s2)
    ld a1, 0(a0)
    sd s5, 8(s2)
    ld a2, 0(a0)
    slli a1, a1, 4
    or a1, a1, a2
    add s7, s7, a1
    addi s6, s6, -1
    bnez s6, again
    ecall
    """
    _, machine = finish(text)
    assert machine.register(23) == 50 * 0x12


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


def test_an_instruction_across_two_pages_follows_both_mappings() -> None:
    """The upper half of an addi lies in a page that is remapped between two executions."""
    text = f"""{OPEN_PMP}{PAGING}
    ori t0, s3, {V | R | X}
    sd t0, 8(s2)
    li t1, 0x400
    add t0, t0, t1
    sd t0, 16(s2)
    add s5, t0, t1
    {SPLIT_INSTRUCTION}{drop_to(1, "super")}
    super: li a0, 0
    li a5, 0x1ffe
    jalr ra, 0(a5)
    mv s7, a0
    sd s5, 16(s2)
    jalr ra, 0(a5)
    mv s6, a0
    ecall
    """
    _, machine = finish(text)
    assert machine.register(23) == 1  # addi a0, a0, 1 ...
    assert machine.register(22) == 3  # ... and then addi a0, a0, 2.


def test_misaligned_accesses_cross_pages() -> None:
    text = """
    li a0, 0x80010ffd
    li a1, 0x1122334455667788
    sd a1, 0(a0)
    ld s4, 0(a0)
    lhu s5, 2(a0)
    ecall
    """
    _, machine = finish(text)
    assert machine.register(20) == 0x1122334455667788
    assert machine.register(21) == 0x5566


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


def test_pmp_hides_memory_from_supervisor() -> None:
    text = f"""
    li t0, 0x20004000
    csrw pmpaddr0, t0
    li t0, 0x20004400
    csrw pmpaddr1, t0
    li t0, -1
    csrw pmpaddr2, t0
    li t0, 0x1f090f
    csrw pmpcfg0, t0
    {drop_to(1, "s")}
    s: li a0, 0x80010000
    lw a1, 0(a0)
    lw a1, 0x7fc(a0)
    sw a1, 0(a0)
    ecall
    """
    code, machine = finish(text)
    assert code == 7  # Readable, not writable.
    assert machine.register(8) == 0x8001_0000


def test_pmp_that_ends_within_a_page_ends_a_run_of_instructions_there() -> None:
    """The page has an odd number: those before it are open as a whole."""
    text = f"""
    li a0, 0x800117f8
    li a1, 0x13
    sw a1, 0(a0)
    sw a1, 4(a0)
    sw a1, 8(a0)
    li a1, 0x73
    sw a1, 12(a0)
    li t0, 0x20004600
    csrw pmpaddr0, t0
    li t0, 0x0f
    csrw pmpcfg0, t0
    {drop_to(1, "s")}
    s: jr a0
    """
    code, machine = finish(text)
    assert code == 1  # The ecall behind it would be 9.
    assert machine.register(8) == 0x8001_1800  # And not that of the ecall.


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
