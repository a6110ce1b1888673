"""The UART registers that generated code knows by heart, against the reference."""

import pytest

from nexus.emulator.machine import Machine, MachineOptions
from nexus.emulator.native import layout
from nexus.emulator.native.blob_support import native_blob
from nexus.emulator.program_support import program
from nexus.emulator.snapshot import save

# Polls the line status, echoes what is typed, else counts; then does what `change` says.
POLL = """
    li s0, 0x10000000
    {change}
again: lbu t0, 5(s0)
    andi t1, t0, 1
    beqz t1, idle
    lb t2, 0(s0)
    addi t2, t2, 1
    sb t2, 0(s0)
    li t3, 10
burst: sb t3, 0(s0)
    addi t3, t3, -1
    bnez t3, burst
    lb s3, 2(s0)
idle: add s1, s1, t0
    lb t4, 5(s0)
    add s2, s2, t4
    j again
"""


@pytest.mark.parametrize(
    "change",
    [
        "",
        "li t0, 2\n sb t0, 1(s0)",  # Interrupts of the transmitter.
        "li t0, 3\n sb t0, 1(s0)",
        "li t0, 0x80\n sb t0, 3(s0)",  # The divisor in place of the data.
        "li t0, 0x10\n sb t0, 4(s0)",  # Loop.
    ],
)
@pytest.mark.parametrize("buffer_bytes", [4096, 3])
def test_every_mode_of_the_uart(
    change: str, buffer_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout, "UART_OUTPUT_BYTES", buffer_bytes)
    kernel = program(POLL.format(change=change))
    reference = MachineOptions(kernel=kernel, ram_bytes=1 << 20)
    native = MachineOptions(
        kernel=kernel, ram_bytes=1 << 20, engine="native", native_blob=native_blob()
    )
    machines = Machine(reference), Machine(native)
    for instant in (100, 1_000, 1_730, 5_000, 20_000):
        for machine in machines:
            machine.run(instant)
            assert machine.offer_console(b"ab") == 2
        assert save(machines[1]) == save(machines[0]), instant
        assert machines[1].take_console() == machines[0].take_console()
