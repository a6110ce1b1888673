"""Guest text that many tests share: opening PMP, dropping privilege, a page table."""

from __future__ import annotations

# Lets supervisor and user mode reach all of memory.
OPEN_PMP = """
    li t0, -1
    csrw pmpaddr0, t0
    li t0, 0x1f
    csrw pmpcfg0, t0
"""


def drop_to(privilege: int, label: str) -> str:
    """Leave machine mode for `privilege` at `label`."""
    return f"""
    li t0, 0x1800
    csrc mstatus, t0
    li t0, {privilege << 11}
    csrs mstatus, t0
    la t0, {label}
    csrw mepc, t0
    mret
    """


# A trap handler in machine mode that ends the run with the cause (plus 64 for an interrupt) as
# exit code, after storing mtval and mepc.
REPORT = """
.align 4
report:
    csrr s0, mtval
    csrr s1, mepc
    csrr a0, mcause
    bge a0, zero, report_out
    slli a0, a0, 1
    srli a0, a0, 1
    addi a0, a0, 64
report_out:
"""

# Sv39: RAM's first gigabyte maps to itself, and 4 KiB pages from virtual 0 have their entries at
# s2.  s3 is the entry, without flags, of the data page at 0x80010000.
PAGING = """
    li s0, 0x80008000
    li t0, 0x2000000f
    sd t0, 16(s0)
    li t0, 0x20002401
    sd t0, 0(s0)
    li s1, 0x80009000
    li t0, 0x20002801
    sd t0, 0(s1)
    li s2, 0x8000a000
    li s3, 0x20004000
    li t0, 0x8000000000080008
    csrw satp, t0
"""

# After PAGING: the first half of an `addi a0, a0, ...` at the end of the page at 0x80010000.  Its
# second half begins the page behind it, where it adds 1, or that at 0x80012000, where it adds 2;
# `ret` follows in both.
SPLIT_INSTRUCTION = """
    li a0, 0x80010ffe
    li a1, 0x513
    sh a1, 0(a0)
    li a0, 0x80011000
    li a1, 0x80820015
    sw a1, 0(a0)
    li a0, 0x80012000
    li a1, 0x80820025
    sw a1, 0(a0)
"""
