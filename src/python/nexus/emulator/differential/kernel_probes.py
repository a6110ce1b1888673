"""Probes of what kernels do in a row: protection in layers, data beside code, storms of csrs."""

from __future__ import annotations

import random
from typing import Final

from nexus.emulator.differential.frame import DATA, enter
from nexus.emulator.differential.known import DOUBLES_OF_LAYOUTS_AT
from nexus.emulator.differential.memory_probes import ACCESSES, access_text
from nexus.emulator.differential.probe import MODES, Probe

# Where entries begin and end, and what is accessed: mostly the same places.
_PLACES: Final = (0, 4, 8, 16, 64, 2048, 4088, 4096, 4100)
_CONFIGS: Final = (0, 1, 3, 4, 5, 7, 7)  # Writable and not readable is reserved.

_STATUS_BITS: Final = (2, 0x20, 0x100, 0x4_0000, 0x8_0000)  # SIE SPIE SPP SUM MXR.
_SUPERVISOR: Final = ("sscratch", "scause", "stval", "sie", "sepc")
_MACHINE: Final = (*_SUPERVISOR, "mscratch", "mcause", "mtval")


def layout(chance: random.Random, number: int) -> Probe:
    """An access under three entries of any kind, in front of one that opens the rest."""
    lines, configs = [], 0x1F << 24
    for index in range(3):
        mode = chance.choice((0, 1, 1, 2, 3))
        address = DATA + chance.choice(_PLACES) >> 2
        if mode == 3:
            address |= chance.choice((0, 1, 7, 511))
        configs |= (mode << 3 | chance.choice(_CONFIGS)) << 8 * index
        lines.append(f"li t1, {address}\n csrw pmpaddr{index}, t1")
    kind = chance.choice(("load", "load", "store", "store", "atomic", "lr", "fetch"))
    instruction = chance.choice(ACCESSES.get(kind, ("jalr",)))
    target = DATA + chance.choice((*_PLACES[:-2], 12, 60, 2040))
    if kind in ("load", "store"):
        target += chance.choice((0, 0, 0, 2))
    if instruction in ("ld", "sd"):
        target -= target % DOUBLES_OF_LAYOUTS_AT
    privilege = chance.choice((0, 1, 1, 3))
    text = f"""
    li t0, {DATA}
    li t1, 0x0000007300000073
    li t2, {DATA + 4112}
    fill_{number}: sd t1, 0(t0)
    addi t0, t0, 8
    bne t0, t2, fill_{number}
    {chr(10).join(lines)}
    li t1, -1
    csrw pmpaddr3, t1
    li t1, {configs}
    csrw pmpcfg0, t1
    sfence.vma zero, zero
    li a2, 0x123456789abcdef
    li a3, {target}
    {enter(privilege, f"here_{number}", is_paged=False)}
    here_{number}: {access_text(kind, instruction)}
    """
    asks = f"{instruction} {target:#x}, pmpcfg0={configs:#x}, {MODES[privilege]} mode"
    return Probe(text, asks, has_store_causes=kind == "atomic")


def shared(chance: random.Random, number: int) -> Probe:
    """A counter between instructions, and an instruction that is written before it is reached."""
    privilege = chance.choice((0, 1, 3))
    # User mode sees the program elsewhere, so addresses are taken there.
    value, rounds = chance.randrange(2048), chance.randrange(1, 40)
    word = 0x13 | 10 << 7 | value << 20  # addi a0, zero, value
    text = f"""
    li t2, {word}
    li t4, {rounds}
    li a1, 0
    {enter(privilege, f"here_{number}", is_paged=False)}
    here_{number}: la t3, word_{number}
    round_{number}: lw t0, 0(t3)
    addi t0, t0, 1
    sw t0, 0(t3)
    add a1, a1, t0
    j over_{number}
    word_{number}: .word 0
    over_{number}: addi t4, t4, -1
    bnez t4, round_{number}
    la t3, patched_{number}
    sw t2, 0(t3)
    fence.i
    patched_{number}: addi a0, zero, 1
    """
    return Probe(text, f"{rounds} rounds beside data, then {word:#x}, {MODES[privilege]} mode")


def storm(chance: random.Random, number: int) -> Probe:
    """A dozen accesses to registers; what they read is mixed into a1."""
    privilege = chance.choice((1, 3))
    names = _MACHINE if privilege == 3 else _SUPERVISOR
    lines = []
    for _ in range(12):
        access = chance.choice(("csrrw", "csrrs", "csrrc"))
        if chance.random() < 0.4:
            name = "mstatus" if privilege == 3 and chance.random() < 0.5 else "sstatus"
            access, value = chance.choice(("csrrs", "csrrc")), chance.choice(_STATUS_BITS)
        else:
            name = chance.choice(names)
            value = chance.getrandbits(12) & 0x222 if name == "sie" else chance.getrandbits(62) << 1
        # The other bits of the two machines are not compared: see known.STATUS_FIELDS.
        shown = "li t3, 0xc0122\n and t2, t2, t3\n" if name.endswith("status") else ""
        lines.append(f"li t1, {value}\n {access} t2, {name}, t1\n {shown} xor a1, a1, t2")
    text = f"""
    li t0, 0x222
    csrw mideleg, t0
    {enter(privilege, f"here_{number}", is_paged=False)}
    here_{number}: slli a1, a1, 1
    {chr(10).join(lines)}
    """
    return Probe(text, f"a storm of csrs in {MODES[privilege]} mode", unspecified_status=0xC_0122)
