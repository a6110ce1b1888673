"""Translation and protection, by programs that end with what they saw."""

import pytest

from nexus.emulator.guest_support import OPEN_PMP, PAGING, SPLIT_INSTRUCTION, drop_to
from nexus.emulator.machine import Machine
from nexus.emulator.reporting_support import finish

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
