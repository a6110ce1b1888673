"""Each compressed instruction of Zcb does the same as the instruction that it stands for."""

from __future__ import annotations

from nexus.emulator.differential.arithmetic import RAM_BYTES, RECORD_BYTES, STRETCHES, Program
from nexus.emulator.differential.zcb import ZCB
from nexus.emulator.image_builder import executable
from nexus.emulator.isa.assemble import assemble
from nexus.emulator.isa.compressed import ZCB as ROWS
from nexus.emulator.isa.cpu import parse_cpu
from nexus.emulator.machine import Machine, MachineOptions, Stop

_WORD = "li a2, 0x80080000\nsd a0, 0(a2)\n"
EXPANDED = {
    "c.zext.b": ("andi a3, a0, 255",),
    "c.sext.b": ("slli a3, a0, 56\nsrai a3, a3, 56",),
    "c.zext.h": ("slli a3, a0, 48\nsrli a3, a3, 48",),
    "c.sext.h": ("slli a3, a0, 48\nsrai a3, a3, 48",),
    "c.zext.w": ("slli a3, a0, 32\nsrli a3, a3, 32",),
    "c.not": ("xori a3, a0, -1",),
    "c.mul": ("mul a3, a0, a1",),
    "c.lbu": tuple(f"{_WORD}lbu a3, {offset}(a2)" for offset in range(4)),
    "c.lhu": tuple(f"{_WORD}lhu a3, {offset}(a2)" for offset in (0, 2)),
    "c.lh": tuple(f"{_WORD}lh a3, {offset}(a2)" for offset in (0, 2)),
    "c.sb": tuple(f"{_WORD}sb a1, {offset}(a2)\nld a3, 0(a2)" for offset in range(4)),
    "c.sh": tuple(f"{_WORD}sh a1, {offset}(a2)\nld a3, 0(a2)" for offset in (0, 2)),
}


def hashes(program: Program) -> bytes:
    kernel = executable(assemble(program.text))
    cpu = parse_cpu("rv64gc_zba_zbb_zcb")
    machine = Machine(MachineOptions(kernel=kernel, ram_bytes=RAM_BYTES, cpu=cpu))
    assert machine.run(100_000_000) is Stop.FINISHED
    return machine.take_console()


def test_every_instruction_is_tried() -> None:
    assert set(ZCB) == set(EXPANDED) == {row.name for row in ROWS}


def test_each_does_what_its_expansion_does() -> None:
    short = Program((), seed=3, rounds=40, others=ZCB)
    found = hashes(short)
    assert len(found) == RECORD_BYTES * STRETCHES * len(ZCB)
    assert short.differing(found, hashes(Program((), seed=3, rounds=40, others=EXPANDED))) == []
    wrong = {**EXPANDED, "c.not": ("xori a3, a0, -2",)}
    other = hashes(Program((), seed=3, rounds=40, others=wrong))
    assert "c.not" in short.differing(found, other)
