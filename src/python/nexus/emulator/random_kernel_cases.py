"""Random guest kernels: what `random_program_cases` does not reach, for comparing engines.

Code in machine, supervisor and user mode accesses every csr, changes protection with borders in
the midst of pages, keeps its data between its instructions and rewrites some of these, sets timers
that are due soon, and talks to the interrupt controllers, the UART and fw_cfg.  Every trap goes on
at the next of a few places, in the next of a few modes, whatever happened.  A program may lock
itself out; engines have to agree on that as well.
"""

from __future__ import annotations

import random
from typing import Final

from nexus.emulator.isa.operand import CSR_NAMES

# Roots of two address spaces, and the leaf table of their first 2 MiB at virtual 0x40000000.
_ROOTS: Final = (0x8001_0000, 0x8001_1000)
_MIDDLE: Final = 0x8001_2000
_LEAF: Final = 0x8001_3000
_DATA: Final = 0x8001_8000
_DATA_PAGES: Final = 4
_PERMISSIONS: Final = (0xCF, 0xDF, 0x0F, 0x1F, 0x47, 0x57, 0xC3, 0x01, 0x00, 0xD9, 0xCB)

_BLOCKS: Final = 12
_PMP: Final = tuple(f"pmpaddr{i}" for i in range(6))
_VALUES: Final = (
    0,
    -1,
    1,
    2,
    8,
    0x20,
    0x22,
    0x80,
    0x88,
    0xAA,
    0x222,
    0xAAA,
    0x1888,
    0x800,
    1 << 63,
)
# Accessed more often than others.
_FREQUENT: Final = (
    "sstatus",
    "mstatus",
    "sie",
    "sip",
    "mie",
    "mip",
    "stimecmp",
    "satp",
    "cycle",
    "time",
    "instret",
    "mhartid",
    "sscratch",
    "sepc",
    "mideleg",
)
_NOT_WRITTEN: Final = ("mtvec", "mscratch", "stvec", "medeleg")
_REGISTERS: Final = ("t0", "t1", "t2", "a0", "a1", "a2", "a3", "s2", "s3", "zero")

# Saves nothing: only s registers from s4 on have a role.  s4: the place in the plan of modes.
_HANDLER: Final = """
.align 4
machine_handler:
    csrr s6, mcause
    csrr s7, mtval
    xor s8, s8, s6
    add s8, s8, s7
    bge s6, zero, machine_goes_on
    csrr s7, time
    addi s7, s7, 60
    li s6, 0x2004000
    sd s7, 0(s6)
    csrrci zero, mip, 2
    li s6, 0x2000000
    sw zero, 0(s6)
    csrw stimecmp, s7
machine_goes_on:
    addi s4, s4, 8
    andi s4, s4, 127
    la s6, plan
    add s6, s6, s4
    lwu s7, 0(s6)
    csrw mepc, s7
    li s7, 0x21888
    csrc mstatus, s7
    lwu s7, 4(s6)
    csrs mstatus, s7
    mret
.align 4
supervisor_handler:
    csrr s6, scause
    csrr s7, sepc
    xor s8, s8, s6
    add s8, s8, s7
    blt s6, zero, supervisor_gives_up
    addi s5, s5, 1
    andi s6, s5, 3
    beqz s6, supervisor_gives_up
    addi s7, s7, 4
    csrw sepc, s7
    sret
supervisor_gives_up:
    ecall
    j supervisor_gives_up
"""


def random_kernel(seed: int, instructions: int = 160) -> str:
    """The text of a program for 1 MiB of RAM."""
    chance = random.Random(seed)
    entries = [
        (_DATA + 4096 * chance.randrange(_DATA_PAGES)) >> 2 | chance.choice(_PERMISSIONS)
        for _ in range(16)
    ]
    leaf = ", ".join(hex(entry) for entry in entries)
    plan = "\n".join(
        f".word {_block_address(chance)}, {chance.choice((0, 0x800, 0x800, 0x1800, 0x20800)):#x}"
        for _ in range(16)
    )
    return f"""
    {_protection(chance)}
    la t0, machine_handler
    csrw mtvec, t0
    la t0, supervisor_handler
    csrw stvec, t0
    li t0, {chance.choice((0, 0xB1FF, 0xB0FF, 0x100, 0xF000))}
    csrw medeleg, t0
    li t0, {chance.choice((0, 0x222, 0x20))}
    csrw mideleg, t0
    li t0, {chance.choice((0, 1, 1)) << 63}
    csrw menvcfg, t0
    li t0, 7
    csrw mcounteren, t0
    csrw scounteren, t0
    li t0, {chance.choice((-1, 400, 5000))}
    li t1, 0x2004000
    sd t0, 0(t1)
    li t0, {chance.choice((0, 0x20, 0xA2, 0xAAA))}
    csrw mie, t0
    li s4, 120
    ecall
    {_HANDLER}
    .align 8
plan:
    {plan}
    {_body(chance, instructions)}
    .org {_ROOTS[0] - 0x8000_0000:#x}
    .dword 0, {_MIDDLE >> 2 | 1:#x}, 0x200000cf
    .org {_ROOTS[1] - 0x8000_0000:#x}
    .dword 0x200000df, {_MIDDLE >> 2 | 1:#x}, 0x200000cf
    .org {_MIDDLE - 0x8000_0000:#x}
    .dword {_LEAF >> 2 | 1:#x}
    .org {_LEAF - 0x8000_0000:#x}
    .dword {leaf}
    """


def _block_address(chance: random.Random) -> str:
    return f"block_{chance.randrange(_BLOCKS)}"


def _protection(chance: random.Random) -> str:
    """Entries of every kind; the last one opens the rest, mostly."""
    lines = []
    configuration = 0
    count = chance.randrange(4)
    for number in range(count):
        mode = chance.choice((0, 1, 2, 3, 3))
        place = 0x8000_0000 + chance.choice((0x800, 0x1404, 0x1_8008, 0x1_9000, 0x1_3010, 0x600))
        address = place >> 2
        if mode == 3:
            address |= chance.choice((0, 1, 7, 511))
        config = mode << 3 | chance.choice((0, 1, 3, 7, 7, 5)) | chance.choice((0, 0, 0x80))
        configuration |= config << 8 * number
        lines.append(f"li t0, {address}\n csrw pmpaddr{number}, t0")
    if chance.random() < 0.9:
        address, config = chance.choice(((-1, 0x1F), (0x3F_FFFF_FFFF_FFFF, 0x0F), (1 << 30, 0x0F)))
        configuration |= config << 8 * count
        lines.append(f"li t0, {address}\n csrw pmpaddr{count}, t0")
    lines.append(f"li t0, {configuration}\n csrw pmpcfg0, t0")
    return "\n".join(lines)


def _body(chance: random.Random, instructions: int) -> str:
    lines = []
    for number in range(_BLOCKS):
        lines.append(f"block_{number}:")
        lines += [
            chance.choice(_CHOICES)(chance, f"{number}_{place}")
            for place in range(instructions // _BLOCKS)
        ]
        if chance.random() < 0.5:  # Data between the code, at any distance.
            words = ".half 0\n" * chance.randrange(9)
            lines.append(f"j behind_{number}\n {words}\nbehind_{number}:")
    lines.append("ecall\n j block_0")
    return "\n".join(lines)


def _register(chance: random.Random) -> str:
    return chance.choice(_REGISTERS)


def _csr(chance: random.Random, label: str) -> str:
    name = chance.choice((*_FREQUENT, *_FREQUENT, *CSR_NAMES.values()))
    if chance.random() < 0.15:
        name = chance.choice((*_PMP, "pmpcfg0"))
    access = chance.choice(("csrrw", "csrrs", "csrrc", "csrrwi", "csrrsi", "csrrci"))
    if name in _NOT_WRITTEN:
        return f"csrr {_register(chance)}, {name}"
    if access.endswith("i"):
        return f"{access} {_register(chance)}, {name}, {chance.choice((0, 1, 2, 8, 31))}"
    if name == "satp":
        root = chance.choice(_ROOTS) >> 12
        value = chance.choice((0, 8 << 60 | root, 8 << 60 | root, 9 << 60 | root))
        return f"li t1, {value}\n csrw satp, t1\n sfence.vma zero, zero"
    if name == "stimecmp":
        soon = chance.choice((0, 1, 2, 3, 10, 100, -1))
        return f"csrr t1, time\n addi t1, t1, {soon}\n csrrw a0, stimecmp, t1"
    value = chance.choice((*_VALUES, chance.getrandbits(64)))
    return f"li t1, {value}\n {access} {_register(chance)}, {name}, t1"


def _data(chance: random.Random) -> str:
    """Something to access: memory of every kind, mostly near borders, and code."""
    kind = chance.randrange(6)
    offset = chance.choice((0, 4, 8, 6, 0xFFC, 0xFFE, 0x1000, 0x404, 0x40, 0x3FD))
    if kind < 2:
        return f"li t2, {_DATA + offset}"
    if kind < 4:
        return f"li t2, {0x4000_0000 + 4096 * chance.randrange(16) + offset}"
    if kind == 4:
        return f"la t2, {_block_address(chance)}"
    place = chance.choice((_LEAF + 8 * chance.randrange(16), 0x8000_0000 + offset, 0x7000_0000))
    return f"li t2, {place}"


def _access(chance: random.Random, label: str) -> str:
    operation = chance.choice(("lb", "lhu", "lw", "ld", "sb", "sh", "sw", "sd", "sd", "sw"))
    return f"{_data(chance)}\n {operation} {_register(chance)}, {chance.randrange(-8, 64)}(t2)"


def _atomic(chance: random.Random, label: str) -> str:
    size = chance.choice("wd")
    operation = chance.choice((f"amoadd.{size} a0, a1, (t2)", f"lr.{size} a0, (t2)"))
    if chance.random() < 0.3:
        operation = f"lr.{size} a0, (t2)\n sc.{size} a1, a2, (t2)"
    return f"{_data(chance)}\n {operation}"


def _near_code(chance: random.Random, label: str) -> str:
    """Count in a word between two instructions, or write one of them anew."""
    word = 0x13 | chance.choice((5, 6, 10, 11)) << 7 | chance.getrandbits(5) << 20
    return chance.choice(
        (
            f"la t2, word_{label}\n lw t0, 0(t2)\n addi t0, t0, 1\n sw t0, 0(t2)\n"
            f" j after_{label}\n word_{label}: .word 0\nafter_{label}:",
            f"la t2, code_{label}\n li t0, {word}\n sw t0, 0(t2)\n code_{label}: addi a0, a0, 1",
            f"auipc t2, 0\n li t0, {word}\n .half 1\n code_{label}: sw t0, 6(t2)\n nop",
        )
    )


def _device(chance: random.Random, label: str) -> str:
    plic = (0x0C00_0028, 0x0C00_2000, 0x0C00_2080, 0x0C20_0000, 0x0C20_1000, 0x0C20_0004)
    where = chance.choice(
        (
            0x0200_0000,
            0x0200_4000,
            0x0200_4004,
            0x0200_BFF8,
            0x0200_BFFC,
            0x0200_4008,
            *plic,
            0x0C20_1004,
            0x0C00_1000,
            0x0C00_0000,
            0x1000_0001,
            0x1000_0005,
            0x1000_0000,
            0x1010_0000,
            0x1010_0008,
            0x1000_1000,
        )
    )
    if where == 0x0200_4000 and chance.random() < 0.5:
        soon = chance.choice((0, 1, 5, 40))
        return f"csrr t1, time\n addi t1, t1, {soon}\n li t2, {where}\n sd t1, 0(t2)"
    operation = chance.choice(("lw", "sw", "lw", "sw", "lb", "sb", "ld", "sd", "lbu", "lh"))
    value = chance.choice((0, 1, 2, 7, 10, 0x400, 0x1900, -1))
    if 0x0200_BFF8 <= where < 0x0200_C000 and operation.startswith("s"):
        value = chance.choice((0, 1, 1000))
    return f"li t2, {where}\n li a1, {value}\n {operation} a1, 0(t2)"


def _plain(chance: random.Random, label: str) -> str:
    first, second = _register(chance), _register(chance)
    operation = chance.choice(("add", "xor", "mul", "sltu", "addw"))
    return f"{operation} {_register(chance)}, {first}, {second}"


def _system(chance: random.Random, label: str) -> str:
    return chance.choice(_SYSTEM)


def _jump(chance: random.Random, label: str) -> str:
    return chance.choice((f"j {_block_address(chance)}", f"bnez a0, {_block_address(chance)}"))


_SYSTEM: Final = (
    "ecall",
    "sret",
    "mret",
    "ebreak",
    ".half 0x9002",
    ".half 0",
    "sfence.vma a0, a1",
    "csrr t1, time\n addi t1, t1, 20\n li t2, 0x2004000\n sd t1, 0(t2)\n wfi",
)

_CHOICES: Final = (
    *(_csr,) * 8,
    *(_access,) * 6,
    *(_plain,) * 4,
    *(_near_code,) * 3,
    *(_device,) * 3,
    *(_atomic,) * 2,
    _system,
    _jump,
)
