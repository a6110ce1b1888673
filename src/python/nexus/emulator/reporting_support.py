"""Programs that end with the cause of the trap that they met."""

from nexus.emulator.guest_support import REPORT
from nexus.emulator.machine import Machine, Stop
from nexus.emulator.program_support import EXIT, boot

RUN_NS = 10_000_000
VECTOR = "la t0, report\n csrw mtvec, t0\n"


def finish(text: str) -> tuple[int, Machine]:
    """Run a program with the reporting trap handler; return its exit code."""
    machine = boot(VECTOR + text + REPORT + EXIT)
    assert machine.run(RUN_NS) is Stop.FINISHED
    assert machine.exit_code is not None
    return machine.exit_code, machine
