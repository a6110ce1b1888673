"""Accesses of devices that generated code hands over, against the reference."""

from __future__ import annotations

import pytest

from nexus.emulator.machine import Machine, MachineOptions
from nexus.emulator.native.blob_support import native_blob
from nexus.emulator.program_support import program
from nexus.emulator.reference import state as s

_RAM_BYTES = 1 << 30  # So that a page of a gibibyte has the last address.

# A word in the last four bytes of memory accesses the clock in supervisor mode; then pc is 0, which
# may not be executed.
_LAST = """
    li t0, 0x80010000
    li t1, 0x200000cf
    li t2, 0x80010ff8
    sd t1, 0(t2)
    li t1, 0xc7
    sd t1, 0(t0)
    li t0, 0xbffffffc
    li t1, {word}
    sw t1, 0(t0)
    li s0, 0x101000
    la t0, handler
    csrw mtvec, t0
    li t0, -1
    csrw pmpaddr0, t0
    li t0, 31
    csrw pmpcfg0, t0
    li t0, 0x8000000000080010
    csrw satp, t0
    li t0, 0x800
    csrw mstatus, t0
    li t0, -4
    csrw mepc, t0
    mret
.align 4
handler: csrr s1, mepc
    csrr s2, mcause
done: j done
"""


@pytest.mark.parametrize(
    "word",
    [
        0x00042503,  # lw a0, 0(s0)
        0x01842023,  # sw s8, 0(s0)
    ],
)
def test_the_address_after_the_last_is_zero(word: int) -> None:
    kernel = program(_LAST.format(word=word))
    found = []
    for options in (
        MachineOptions(kernel=kernel, ram_bytes=_RAM_BYTES),
        MachineOptions(
            kernel=kernel, ram_bytes=_RAM_BYTES, engine="native", native_blob=native_blob()
        ),
    ):
        machine = Machine(options)
        machine.run(5_000)
        found.append([machine.register(number) for number in range(32)])
        assert machine.hart.state[s.MEPC] == 0
        assert machine.register(18) == 12  # A page fault of a fetch.
    assert found[0] == found[1]
