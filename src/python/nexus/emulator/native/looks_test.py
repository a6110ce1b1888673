"""The looks of translated code at windows: as few as they can be, and never too few."""

import pytest

from nexus.emulator.guest_support import drop_to
from nexus.emulator.isa.assemble import assemble
from nexus.emulator.isa.decode import Decoded
from nexus.emulator.machine import Machine, MachineOptions
from nexus.emulator.memory import PAGE_BYTES
from nexus.emulator.native.looks import steady_registers
from nexus.emulator.native.reach import Reach, reach
from nexus.emulator.native.region import Region, origins, regions
from nexus.emulator.native.translation_support import translated
from nexus.emulator.program_support import program

RAM_BYTES = 1 << 20

_WALKS = """
    li a0, 0x80008000
    li a2, 3
outer: mv t0, a0
    li t1, 700
up: ld t2, 0(t0)
    add t3, t3, t2
    sd t3, 8(t0)
    addi t0, t0, {step}
    addi t1, t1, -1
    bnez t1, up
    li t1, 300
down: lhu t2, -2(t0)
    sb t2, 1(t0)
    lw t4, -6(t0)
    add t3, t3, t4
    addi t0, t0, -{back}
    addi t1, t1, -1
    bnez t1, down
    addi a2, a2, -1
    bnez a2, outer
"""


@pytest.mark.parametrize(("step", "back"), [(8, 3), (24, 40), (1, 256), (256, 12)])
@pytest.mark.parametrize("offset", [0, 0xFF9])
def test_pointers_that_move_find_every_page(step: int, back: int, offset: int) -> None:
    """Across page ends, misaligned, and out of memory at last, where each access faults."""
    text = f"la t6, handler\ncsrw mtvec, t6\n{_WALKS.format(step=step, back=back)}"
    text = text.replace("0x80008000", hex(0x8000_8000 + offset))
    text += """
    li a0, 0x800ff000
    li a2, 1
    j outer
    .align 4
handler: csrr t6, mepc
    addi t6, t6, 4
    csrw mepc, t6
    csrr t6, mtval
    add t5, t5, t6
    mret"""
    kernel = program(text)
    reference = Machine(MachineOptions(kernel=kernel, ram_bytes=RAM_BYTES))
    fast = Machine(translated(kernel, RAM_BYTES))
    for instant in (50_000, 123_450, 170_010, 400_000):
        reference.run(instant)
        while fast.now_ns < instant:
            fast.run(min(instant, fast.now_ns + 33_330))
        assert fast.state_digest() == reference.state_digest(), instant


def test_a_load_before_a_store_needs_leave_to_read() -> None:
    """Protection may let stores pass and no loads, though both go through one register."""
    text = f"""
    la t6, handler
    csrw mtvec, t6
    li t0, {(0x8001_0000 >> 2) | 0x1FF}
    csrw pmpaddr0, t0
    li t0, -1
    csrw pmpaddr1, t0
    li t0, 0x1f1a
    csrw pmpcfg0, t0
    li a0, 0x80010000
    li a1, 20
    {drop_to(1, "again")}
again: sd a1, 8(a0)
    ld t1, 0(a0)
    addi t1, t1, 1
    sd t1, 0(a0)
    addi a1, a1, -1
    bnez a1, again
    j over
    .align 4
handler: csrr t6, mcause
    add s2, s2, t6
    csrr t6, mepc
    addi t6, t6, 4
    csrw mepc, t6
    mret
over: j over"""
    kernel = program(text)
    reference = Machine(MachineOptions(kernel=kernel, ram_bytes=RAM_BYTES))
    fast = Machine(translated(kernel, RAM_BYTES))
    for machine in (reference, fast):
        machine.run(20_000)
    assert reference.register(18) == 20 * 5  # A load access fault each time.
    assert fast.state_digest() == reference.state_digest()


def _region(text: str) -> Region:
    """The only region of a page that begins with this."""
    (found,) = regions(assemble(text).ljust(PAGE_BYTES, b"\0"))
    return found


def _body(text: str) -> tuple[tuple[int, Decoded], ...]:
    (block,) = _region(text).blocks.values()
    return block.body


def test_a_load_shares_the_look_of_the_store_behind_it() -> None:
    body = _body("ld t1, 8(t0)\nld t2, 64(t0)\nsd t1, 16(t0)")
    assert reach(body, 0) == Reach(True, 8, 72)


def test_a_load_looks_for_itself_where_the_register_changes_before_the_store() -> None:
    body = _body("ld t1, 8(t0)\naddi t0, t0, 8\nsd t1, 16(t0)")
    assert reach(body, 0) == Reach(False, 8, 16)


def test_a_store_far_away_has_a_look_of_its_own() -> None:
    body = _body("ld t1, 0(t0)\nsd t1, 512(t0)")
    assert reach(body, 0) == Reach(False, 0, 8)
    assert reach(body, 1) == Reach(True, 512, 520)


def test_registers_that_a_loop_moves_by_small_steps_are_steady() -> None:
    """t0 moves a little, t1 not at all; t2 jumps, t4 is loaded."""
    text = """
    again: ld t4, 0(t0)
    sd t4, 0(t1)
    ld t5, 0(t2)
    ld t5, 0(t4)
    addi t0, t0, 8
    addi t2, t2, 1024
    bne t0, t3, again
    """
    (found,) = steady_registers(_region(text)).values()
    assert found == {5, 6}


def test_an_outer_loop_does_not_matter_to_the_inner_one() -> None:
    text = """
    outer: mv t0, a0
    inner: lb t1, 0(t0)
    addi t0, t0, 1
    bne t0, t3, inner
    bnez t1, outer
    """
    found = steady_registers(_region(text))
    assert sorted(map(sorted, found.values())) == [[], [], [5]]


def test_a_block_has_an_origin_if_one_other_alone_leads_to_it() -> None:
    text = """
    beqz t0, second
    first: addi t1, t1, 1
    bnez t2, third
    addi t1, t1, 2
    j third
    second: addi t1, t1, 3
    third: addi t1, t1, 4
    """
    assert origins(_region(text)) == {4: 0, 12: 4, 20: 0}
