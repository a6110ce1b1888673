"""The program around the probes: handlers that write records, a known state before each probe.

A probe prepares machine state, executes one interesting instruction in some privilege mode, and
always ends in a trap.  Every trap writes a record; from supervisor mode the handler goes on to
machine mode by `ecall`, and the machine-mode handler goes on to the next probe.  Finally all
records are sent through the UART, as bytes.

    record, 8 words: probe number (bit 32 set: written in supervisor mode) | cause | epc | tval |
                     mstatus or sstatus | a0 | a1 | the watched page table entry

Registers with a role: s6 address of the watched entry, s7 probe number, s9 end of the records,
s11 the next probe.  A probe may use a0..a5 and t0..t6.
"""

from __future__ import annotations

from typing import Final

from nexus.emulator.memory import RAM_BASE

ROOT: Final = RAM_BASE + 0x20_0000
MIDDLE: Final = RAM_BASE + 0x20_1000
LEAF: Final = RAM_BASE + 0x20_2000
DATA: Final = RAM_BASE + 0x21_0000  # Two pages.
SUPERPAGE: Final = RAM_BASE + 0x40_0000
RECORDS: Final = RAM_BASE + 0x80_0000  # Well behind the superpage.
RAM_BYTES: Final = 16 << 20

# Virtual places of the pages whose entries probes vary.
# Where they are there is nothing on the bus, so that only paging makes them memory.
PAGE: Final = 0x800_5000
LARGE: Final = 0x820_0000
# Where the entries are that map them.
ENTRY_OF_LEAF: Final = MIDDLE + 8 * (PAGE >> 21)
ENTRY_OF_PAGE: Final = LEAF + 8 * (PAGE >> 12 & 511)
ENTRY_OF_LARGE: Final = MIDDLE + 8 * (LARGE >> 21)
# Machine and supervisor mode see the program where it is, user mode one gigabyte lower.
USER_OFFSET: Final = 0x4000_0000

SATP: Final = 8 << 60 | ROOT >> 12

RECORD_WORDS: Final = 8
SUPERVISOR_MARK: Final = 1 << 32

_ALL_STATUS: Final = 0x7E_19AA
_FULL: Final = 0xCF  # D A X W R V.
_USER: Final = 0x10

_START: Final = f"""
    li s9, {RECORDS:#x}
    li t0, 0x2004000
    li t1, -1
    sd t1, 0(t0)
    li t0, {ROOT:#x}
    li t1, {(MIDDLE >> 12 << 10) | 1:#x}
    sd t1, 0(t0)
    li t1, {(RAM_BASE >> 12 << 10) | _FULL | _USER:#x}
    sd t1, 8(t0)
    li t1, {(RAM_BASE >> 12 << 10) | _FULL:#x}
    sd t1, 16(t0)
    li t0, {ENTRY_OF_LEAF:#x}
    li t1, {(LEAF >> 12 << 10) | 1:#x}
    sd t1, 0(t0)
    li s6, {ENTRY_OF_PAGE:#x}
    j probe_0
"""

# A known state: nothing delegated, enabled or pending, no paging, memory open, counters open.
_BASELINE: Final = f"""
.align 4
baseline:
    li t0, {_ALL_STATUS:#x}
    csrc mstatus, t0
    csrw medeleg, zero
    csrw mideleg, zero
    csrw mie, zero
    csrw mip, zero
    csrw satp, zero
    csrw scause, zero
    csrw sepc, zero
    csrw stval, zero
    csrw sscratch, zero
    csrw mscratch, zero
    csrw mcause, zero
    csrw mepc, zero
    csrw mtval, zero
    csrw senvcfg, zero
    la t0, machine_trap
    csrw mtvec, t0
    la t0, supervisor_trap
    csrw stvec, t0
    li t0, -1
    csrw 0x14d, t0
    csrw menvcfg, zero
    csrw mip, zero
    li t0, 7
    csrw mcounteren, t0
    csrw scounteren, t0
    csrw pmpaddr0, zero
    li t0, -1
    csrw pmpaddr1, t0
    li t0, 0x1f00
    csrw pmpcfg0, t0
    sfence.vma zero, zero
    li a0, 0
    li a1, 0
    ret
"""

_MACHINE_TRAP: Final = """
.align 4
machine_trap:
    csrr t0, mstatus
    li t1, 0x20000
    csrc mstatus, t1
    sd t0, 32(s9)
    sd s7, 0(s9)
    csrr t0, mcause
    sd t0, 8(s9)
    csrr t0, mepc
    sd t0, 16(s9)
    csrr t0, mtval
    sd t0, 24(s9)
    sd a0, 40(s9)
    sd a1, 48(s9)
    ld t0, 0(s6)
    sd t0, 56(s9)
    addi s9, s9, 64
    jr s11
"""

_SUPERVISOR_TRAP: Final = f"""
.align 4
supervisor_trap:
    li t0, {SUPERVISOR_MARK:#x}
    or t0, t0, s7
    sd t0, 0(s9)
    csrr t0, scause
    sd t0, 8(s9)
    csrr t0, sepc
    sd t0, 16(s9)
    csrr t0, stval
    sd t0, 24(s9)
    csrr t0, sstatus
    sd t0, 32(s9)
    sd a0, 40(s9)
    sd a1, 48(s9)
    ld t0, 0(s6)
    sd t0, 56(s9)
    addi s9, s9, 64
    ecall
"""

_FINISH: Final = f"""
    csrw satp, zero
    li t0, {RECORDS:#x}
    li t1, 0x10000000
send:
    beq t0, s9, sent
    lbu t2, 0(t0)
    sb t2, 0(t1)
    addi t0, t0, 1
    j send
sent:
    li t0, 0x100000
    li t1, 0x5555
    sw t1, 0(t0)
finished:
    j finished
"""


def frame(probes: list[str]) -> str:
    """The whole program: the text of each probe ends in a trap, or falls into one."""
    lines = [_START]
    for number, text in enumerate(probes):
        lines += [
            f"probe_{number}:",
            f"li s7, {number}",
            f"la s11, probe_{number + 1}",
            f"li s6, {ENTRY_OF_PAGE}",
            "call baseline",
            text,
            "ecall",
        ]
    lines += [f"probe_{len(probes)}:", _FINISH, _BASELINE, _MACHINE_TRAP, _SUPERVISOR_TRAP]
    return "\n".join(lines)


def enter(privilege: int, label: str, *, is_paged: bool) -> str:
    """Go to a label in a privilege mode; other mstatus bits stay as they are."""
    if privilege == 3:
        return f"j {label}"
    offset = USER_OFFSET if is_paged and privilege == 0 else 0
    return f"""
    li t0, 0x1800
    csrc mstatus, t0
    li t0, {privilege << 11}
    csrs mstatus, t0
    la t0, {label}
    li t1, {offset}
    sub t0, t0, t1
    csrw mepc, t0
    mret
    """
