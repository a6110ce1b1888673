"""Random guest programs that go through everything an engine does, for comparing engines.

A program drops to user mode under Sv39 with pages of every permission, and executes random
instructions there: arithmetic, jumps, accesses anywhere near the data pages (misaligned, across
pages, to devices and to nowhere), atomics, system calls, illegal words, code that changes itself.
Timer interrupts arrive all the time.  The supervisor's handler skips what faulted, remaps a page,
switches between two address spaces and drops accessed and dirty bits now and then.
"""

from __future__ import annotations

import random
from functools import cache

from nexus.emulator.guest_support import OPEN_PMP, drop_to
from nexus.emulator.isa.cpu import RV64IMAC, Cpu
from nexus.emulator.isa.decode import BASE, COMPRESSED, decode, needed
from nexus.emulator.isa.row import Compressed, Instruction
from nexus.emulator.isa.semantics import semantics_of

# Virtual pages 1..11 of both address spaces; user text begins at page 16 (0x10000).
DATA_PAGES = 11
TEXT_PAGE = 16
TEXT_PAGES = 4
# Physical: two root tables, two leaf tables, data pages, text pages.
ROOTS = (0x8000_8000, 0x8000_9000)
TOPS = (0x8000_E000, 0x8000_F000)  # Above the roots, where there are four levels.
MIDDLES = (0x8000_A000, 0x8000_B000)
LEAVES = (0x8000_C000, 0x8000_D000)
DATA = 0x8001_0000
TEXT = 0x8002_0000

_PERMISSIONS = (0x17, 0x17, 0x17, 0x13, 0x1F, 0x1B, 0x07, 0x01, 0xD7, 0x15, 0x00)


@cache
def _rows(extensions: int) -> tuple[list[Instruction], list[Compressed]]:
    """The rows of both lengths that a hart with these extensions can execute in any order."""
    wide = [
        row
        for row in BASE
        if not semantics_of(row.name).is_system
        and not semantics_of(row.name).is_jump
        and not needed(row) & ~extensions
    ]
    short = [
        row
        for row in COMPRESSED
        if row.base not in ("jal", "jalr", "beq", "bne", "ebreak") and not needed(row) & ~extensions
    ]
    return wide, short


_BRANCHES = ("beq", "bne", "blt", "bge", "bltu", "bgeu")
_WORDS = (0, 1, -1, 2, 1 << 31, -(1 << 31), 1 << 63, (1 << 63) - 1, 0x5555_5555_5555_5555)

# Registers with a role: x3 points into data, x4 holds a text address; the rest is free game.
_POINTER, _TEXT_POINTER = 3, 4


def _entry(physical: int, flags: int) -> int:
    return physical >> 12 << 10 | flags


def _tables(chance: random.Random) -> str:
    """Directives for the page tables of both address spaces."""
    lines = []
    for root, middle in zip(ROOTS, MIDDLES, strict=True):
        lines.append(f".org {root - 0x8000_0000:#x}\n.dword {_entry(middle, 1):#x}, 0, 0x200000cf")
    for middle, leaf in zip(MIDDLES, LEAVES, strict=True):
        lines.append(f".org {middle - 0x8000_0000:#x}\n.dword {_entry(leaf, 1):#x}")
    for leaf in LEAVES:
        entries = [0]
        for _ in range(DATA_PAGES):
            flags = chance.choice(_PERMISSIONS)
            entries.append(_entry(DATA + 4096 * chance.randrange(DATA_PAGES), flags))
        entries += [0] * (TEXT_PAGE - len(entries))
        entries += [_entry(TEXT + 4096 * page, 0x1F) for page in range(TEXT_PAGES)]
        values = ", ".join(hex(entry) for entry in entries)
        lines.append(f".org {leaf - 0x8000_0000:#x}\n.dword {values}")
    for top, root in zip(TOPS, ROOTS, strict=True):
        lines.append(f".org {top - 0x8000_0000:#x}\n.dword {_entry(root, 1):#x}")
    return "\n".join(lines)


HANDLER = f"""
.align 4
supervisor:
    csrrw sp, sscratch, sp
    sd t0, 0(sp)
    sd t1, 8(sp)
    sd t2, 16(sp)
    csrr t0, scause
    blt t0, zero, timer
    ld t1, 24(sp)
    addi t1, t1, 1
    sd t1, 24(sp)
    li t2, 12
    beq t0, t2, restart
    li t2, 1
    beq t0, t2, restart
    csrr t0, sepc
    lhu t1, 0(t0)
    andi t1, t1, 3
    addi t1, t1, -3
    beqz t1, wide
    addi t0, t0, -2
wide:
    addi t0, t0, 4
    csrw sepc, t0
    ld t1, 24(sp)
    andi t2, t1, 7
    bnez t2, no_switch
    csrr t0, satp
    li t2, 1
    xor t0, t0, t2
    csrw satp, t0
    sfence.vma zero, zero
no_switch:
    andi t2, t1, 15
    bnez t2, leave
    li t0, {LEAVES[0] + 16}
    ld t2, 0(t0)
    andi t1, t2, 0x3f
    li t2, {_entry(DATA, 0)}
    or t2, t2, t1
    sd t2, 0(t0)
    sfence.vma zero, zero
leave:
    ld t0, 0(sp)
    ld t1, 8(sp)
    ld t2, 16(sp)
    csrrw sp, sscratch, sp
    sret
restart:
    li t0, {TEXT_PAGE << 12}
    csrw sepc, t0
    j leave
timer:
    csrr t0, time
    addi t0, t0, 23
    csrw stimecmp, t0
    j leave
"""


class _Chance(random.Random):
    """Draws for harts with some extensions."""

    def __init__(self, seed: int, cpu: Cpu) -> None:
        super().__init__(seed)
        self.extensions = cpu.mask
        self.system = (*_SYSTEM, *_FLOAT_SYSTEM) if cpu.has_float else _SYSTEM
        self.wide, self.short = _rows(cpu.mask)


def random_program(seed: int, instructions: int = 600, cpu: Cpu = RV64IMAC) -> str:
    """The text of a program for harts with these extensions."""
    chance = _Chance(seed, cpu)
    body = _user_text(chance, instructions)
    mode, roots = (9, TOPS) if "sv48" in cpu.extensions else (8, ROOTS)
    status = 0x4_2000 if cpu.has_float else 0x4_0000  # SUM, and FS initial.
    return f"""
    {OPEN_PMP}
    la t0, machine
    csrw mtvec, t0
    la t0, supervisor
    csrw stvec, t0
    li t0, {roots[0] >> 12 | mode << 60}
    csrw satp, t0
    li t0, 0xb1ff
    csrw medeleg, t0
    li t0, 0x222
    csrw mideleg, t0
    li t0, 0x8000000000000000
    csrw menvcfg, t0
    li t0, 7
    csrw mcounteren, t0
    csrw scounteren, t0
    li t0, {status:#x}
    csrs mstatus, t0
    li t0, 0x20
    csrw mie, t0
    csrw stimecmp, t0
    la t0, save
    csrw sscratch, t0
    {drop_to(0, "machine")}
    .align 4
    machine:
    j machine
    {HANDLER}
    .align 16
    save: .space 64
    {_tables(chance)}
    .org {TEXT - 0x8000_0000:#x}
    {body}
    """.replace("la t0, machine\n    csrw mepc", f"li t0, {TEXT_PAGE << 12}\n    csrw mepc")


def _user_text(chance: _Chance, instructions: int) -> str:
    """The random part."""
    lines = [f"li x{i}, {chance.choice((*_WORDS, chance.getrandbits(64)))}" for i in range(5, 32)]
    lines += ["restart_user:"]
    for number in range(instructions):
        lines.append(f"u{number}: " + chance.choice(_CHOICES)(chance, number, instructions))
    lines += [f"u{instructions}: ecall", "jal zero, restart_user"]
    return "\n".join(lines)


def _register(chance: random.Random) -> int:
    number: int = chance.choice((0, 1, 2, *range(5, 32)))
    return number


def _encode(chance: _Chance, row: Instruction) -> str:
    word = row.encoding.match | chance.getrandbits(32) & ~row.encoding.mask
    operands = row.encoding.operands(word)
    semantics = semantics_of(row.name)
    if "rd" in operands and not semantics.writes_float:
        operands["rd"] = _register(chance)
    if semantics.access is not None or semantics.is_atomic:
        operands["rs1"] = _POINTER
    return f".word {row.encoding.insert(operands):#x}"


def _plain(chance: _Chance, number: int, count: int) -> str:
    return _encode(chance, chance.choice(chance.wide))


def _short(chance: _Chance, number: int, count: int) -> str:
    row: Compressed = chance.choice(chance.short)
    while True:
        half = row.encoding.match | chance.getrandbits(16) & ~row.encoding.mask
        found = decode(half, chance.extensions)
        if found is None or found.rd not in (_POINTER, _TEXT_POINTER):
            return f".half {half:#x}"


def _point(chance: _Chance, number: int, count: int) -> str:
    """Move the data pointer: usually into a data page, near its ends, or somewhere odd."""
    page = chance.randrange(1, DATA_PAGES + 1) << 12
    offset = chance.choice([8 * chance.randrange(512), chance.randrange(4096), 4090, 0])
    odd = chance.choice([0x1000_0005, 0x4000_0000, 1 << 62, -8, TEXT_PAGE << 12])
    return f"li x{_POINTER}, {odd if chance.random() < 0.05 else page + offset}"


def _branch(chance: _Chance, number: int, count: int) -> str:
    target = min(count, number + chance.randrange(1, 6))
    first, second = _register(chance), _register(chance)
    return f"{chance.choice(_BRANCHES)} x{first}, x{second}, u{target}"


def _loop(chance: _Chance, number: int, count: int) -> str:
    """A counted loop over a random instruction."""
    inner = _encode(chance, chance.choice(chance.wide))
    return (
        f"li x{_TEXT_POINTER}, {chance.randrange(2, 30)}\nl{number}: {inner}\n"
        f"addi x{_TEXT_POINTER}, x{_TEXT_POINTER}, -1\nbne x{_TEXT_POINTER}, zero, l{number}"
    )


def _far_jump(chance: _Chance, number: int, count: int) -> str:
    target = min(count, number + chance.randrange(1, 40))
    return chance.choice([f"jal ra, u{target}", f"jal zero, u{target}"])


def _rewrite(chance: _Chance, number: int, count: int) -> str:
    """Store an instruction into the text a little ahead, by its virtual address."""
    word = 0x13 | chance.randrange(5, 32) << 7 | chance.getrandbits(12) << 20
    base = f"li x5, {word}\nauipc x{_TEXT_POINTER}, 0\nsw x5, 12(x{_TEXT_POINTER})\n"
    return base + "addi zero, zero, 0\naddi zero, zero, 0"


def _system(chance: _Chance, number: int, count: int) -> str:
    return chance.choice(chance.system)


_SYSTEM = (
    "ecall",
    "csrr a0, time",
    "csrr a1, instret",
    ".half 0",
    "wfi",
    "fence.i",
    "ebreak",
    "csrr a2, cycle",
    "csrr a2, sstatus",
    "csrw sscratch, a2",
    "sret",
    "mret",
)

_FLOAT_SYSTEM = (
    "csrr a3, fcsr",
    "csrw fcsr, zero",
    "csrrwi zero, frm, 2",
    "csrrwi a4, frm, 6",
    "csrrwi zero, frm, 4",
    "csrr a5, fflags",
    "csrw fcsr, a5",
    "csrrwi zero, frm, 0",
)

_CHOICES = (
    *(_plain,) * 8,
    *(_short,) * 6,
    *(_point,) * 3,
    *(_branch,) * 3,
    _loop,
    _far_jump,
    _rewrite,
    _system,
)
