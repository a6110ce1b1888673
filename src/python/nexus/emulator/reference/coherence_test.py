"""Stores are visible to fetches and walks at the next instruction, without a fence."""

from __future__ import annotations

import pytest

from nexus.emulator.isa.assemble import assemble
from nexus.emulator.machine import Stop
from nexus.emulator.program_support import EXIT, boot


def word_of(text: str) -> int:
    return int.from_bytes(assemble(text)[:4], "little")


@pytest.mark.parametrize("between", [0, 1, 3])
def test_a_store_to_code_is_what_is_executed_next(between: int) -> None:
    padding = "addi a1, a1, 1\n" * between
    text = f"""
    li a0, 0
    li a1, 0
    la t0, target
    li t1, {word_of("addi a0, a0, 64")}
    sw t1, 0(t0)
    {padding}
target:
    addi a0, a0, 1
    mv s2, a0
    mv s3, a1
    li a0, 0
    {EXIT}
    """
    machine = boot(text)
    assert machine.run(1_000_000) is Stop.FINISHED
    assert (machine.register(18), machine.register(19)) == (64, between)


def test_code_that_ran_hot_and_is_changed_runs_as_it_is_now() -> None:
    """The loop was compiled by then; it is changed by a store from outside of it, twice."""
    text = f"""
    li a0, 0
    li s4, 2
    la t0, target
    li t1, {word_of("addi a0, a0, 2")}
again:
    li t2, 100
loop:
    addi t2, t2, -1
target:
    addi a0, a0, 1
    bnez t2, loop
    sw t1, 0(t0)
    addi s4, s4, -1
    bnez s4, again
    mv s2, a0
    li a0, 0
    {EXIT}
    """
    machine = boot(text)
    assert machine.run(1_000_000) is Stop.FINISHED
    assert machine.register(18) == 100 + 200


def test_a_store_by_a_block_to_its_own_page_ends_what_was_known_of_it() -> None:
    """The store and its target are one stretch of code, which runs until it is compiled."""
    text = f"""
    li a0, 0
    li s4, 40
    la t0, target
    li s5, {word_of("addi a0, a0, 1")}
    li s6, {word_of("addi a0, a0, 5")}
loop:
    andi t1, s4, 1
    mv t2, s5
    beqz t1, even
    mv t2, s6
even:
    sw t2, 0(t0)
target:
    addi a0, a0, 1
    addi s4, s4, -1
    bnez s4, loop
    mv s2, a0
    li a0, 0
    {EXIT}
    """
    machine = boot(text)
    assert machine.run(1_000_000) is Stop.FINISHED
    assert machine.register(18) == 20 * 1 + 20 * 5
