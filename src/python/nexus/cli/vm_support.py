"""Runs `nexus vm run` as a process of its own, on guests assembled here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from nexus.cli import main
from nexus.emulator.program_support import EXIT, program

# Ends a run that hangs, long before the test runner would.
TIMEOUT_S = 60

PRINT = """
print:
    li t0, 0x10000000
print_next:
    lbu t1, 0(a0)
    beqz t1, print_end
    sb t1, 0(t0)
    addi a0, a0, 1
    j print_next
print_end:
    ret
"""


def text(label: str, value: str) -> str:
    """A label with a string, ended by a zero."""
    return f"{label}:\n .byte {', '.join(str(byte) for byte in value.encode())}, 0\n"


def saying(value: str, exit_code: int) -> str:
    """A guest that prints and ends."""
    return f"la a0, words\n call print\n li a0, {exit_code}\n{EXIT}{PRINT}{text('words', value)}"


# Prints every key it gets, one higher; `q` ends it.  It completes an interrupt before it looks for
# keys: QEMU's PLIC does not look again at a line that is still high when one is completed.
ECHO = f"""
    li s0, 0x10000000
    li t0, 1
    sb t0, 1(s0)
    li t0, 0x0c000028
    li t1, 1
    sw t1, 0(t0)
    li t0, 0x0c002000
    li t1, 0x400
    sw t1, 0(t0)
    li t0, 0x800
    csrw mie, t0
    li t1, 62
    sb t1, 0(s0)
wait:
    wfi
    li t0, 0x0c200004
    lw t1, 0(t0)
    sw t1, 0(t0)
look:
    lbu t1, 5(s0)
    andi t1, t1, 1
    beqz t1, wait
    lbu t1, 0(s0)
    addi t1, t1, 1
    sb t1, 0(s0)
    li t2, 114
    bne t1, t2, look
    li a0, 5
{EXIT}"""


def write_guest(folder: Path, source: str) -> Path:
    """Assemble a guest into a file."""
    path = folder / "guest.elf"
    path.write_bytes(program(source))
    return path


def environment() -> dict[str, str]:
    """Return the environment in which a process finds our modules, and QEMU."""
    return {"PYTHONPATH": os.pathsep.join(sys.path), "PATH": os.environ.get("PATH", os.defpath)}


def vm_command(*arguments: str | Path) -> list[str]:
    """The command line of the process."""
    return [sys.executable, "-m", main.__name__, "vm", "run", *map(str, arguments)]


def run_vm(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run it without a terminal."""
    return subprocess.run(
        vm_command(*arguments),
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
