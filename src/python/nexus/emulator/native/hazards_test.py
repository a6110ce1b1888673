"""Programs that engines with caches easily get wrong, on all three engines, instant by instant.

Each program says what it must leave in registers; the engines must also agree with the reference on
everything else at every instant that is looked at.
"""

from __future__ import annotations

import pytest

from nexus.emulator.guest_support import OPEN_PMP, PAGING, drop_to
from nexus.emulator.machine import Machine, MachineOptions
from nexus.emulator.native.blob_support import native_blob
from nexus.emulator.native.translation_support import translated
from nexus.emulator.program_support import program

RAM_BYTES = 1 << 20

# A trap between `lr` and `sc` does not end the reservation (docs/spec/machine.md: what counts is
# the address and that memory still holds what `lr` saw); a store of the handler to it does.
SC_AFTER_A_TRAP = """
    la t0, handler
    csrw mtvec, t0
    la a0, word
    lr.d a1, (a0)
    li a7, 0
    ecall
    li t1, 11
    sc.d a2, t1, (a0)
    ld a3, 0(a0)
    lr.d a1, (a0)
    li a7, 1
    ecall
    li t1, 12
    sc.d a4, t1, (a0)
    ld a5, 0(a0)
stop: j stop
    .align 4
handler: beqz a7, back
    li t2, 77
    sd t2, 0(a0)
back: csrr t3, mepc
    addi t3, t3, 4
    csrw mepc, t3
    mret
    .align 8
word: .dword 5
"""

# One virtual page shows one of two physical pages in turns, with a flush at each turn: a look-up
# that outlives its flush would count in the wrong page.
FLUSH_STORM = f"""{OPEN_PMP}{PAGING}
    ori s4, s3, 0xc7
    li t1, 0x400
    add s5, s4, t1
    {drop_to(1, "super")}
super: li s6, 200
    li a5, 0x1000
    li a4, 0
again: sd s4, 8(s2)
    sfence.vma zero, zero
    sd s6, 0(a5)
    sd s5, 8(s2)
    sfence.vma a5, zero
    ld a3, 0(a5)
    addi a3, a3, 1
    sd a3, 0(a5)
    add a4, a4, a3
    addi s6, s6, -1
    bnez s6, again
stop: j stop
"""

# Eight bytes across the end of a mapped page: both accesses fault, and the store writes nothing.
ACROSS_THE_END_OF_A_PAGE = f"""{OPEN_PMP}{PAGING}
    ori t0, s3, 0xc7
    sd t0, 8(s2)
    la t0, skip
    csrw mtvec, t0
    li s10, 0
    {drop_to(1, "super")}
super: li a5, 0x1ff8
    li a6, 0x77
    sd a6, 0(a5)
    li a4, 0x1ffc
    li a3, -1
    sd a3, 0(a4)
    mv s11, s8
    ld a3, 0(a4)
    ld a1, 0(a5)
stop: j stop
    .align 4
skip: csrr s8, mcause
    csrr s9, mtval
    addi s10, s10, 1
    csrr t1, mepc
    addi t1, t1, 4
    csrw mepc, t1
    mret
"""

# Program, instants to compare at (ns), registers at the end.
HAZARDS = {
    "sc after a trap": (SC_AFTER_A_TRAP, range(10, 700, 30), {12: 0, 13: 11, 14: 1, 15: 77}),
    "flush storm": (FLUSH_STORM, range(90, 40_000, 1_330), {14: sum(range(1, 201))}),
    "across the end of a page": (
        ACROSS_THE_END_OF_A_PAGE,
        range(10, 1_200, 10),
        {11: 0x77, 13: (1 << 64) - 1, 24: 13, 25: 0x2000, 26: 2, 27: 15},
    ),
}


def _machine(engine: str, kernel: bytes) -> Machine:
    if engine == "translated":
        return Machine(translated(kernel, RAM_BYTES))
    blob = native_blob() if engine == "native" else None
    return Machine(
        MachineOptions(kernel=kernel, ram_bytes=RAM_BYTES, engine=engine, native_blob=blob)
    )


@pytest.mark.parametrize("engine", ["reference", "native", "translated"])
@pytest.mark.parametrize("name", HAZARDS)
def test_hazard_is_met_as_the_reference_meets_it(name: str, engine: str) -> None:
    text, instants, registers = HAZARDS[name]
    kernel = program(text)
    reference, machine = _machine("reference", kernel), _machine(engine, kernel)
    for instant in instants:
        reference.run(instant)
        machine.run(instant)
        assert machine.state_digest() == reference.state_digest(), f"{name}, {instant} ns"
    assert {number: machine.register(number) for number in registers} == registers
