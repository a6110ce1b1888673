"""Guest programs for tests: assembled text wrapped into an ELF, and machines that run it."""

from __future__ import annotations

import struct

from nexus.emulator.coverage import Recorder
from nexus.emulator.isa.assemble import assemble
from nexus.emulator.machine import Machine, MachineOptions
from nexus.emulator.memory import RAM_BASE

# Ends the run: exit code in a0 (0 passes).
EXIT = """
    li t6, 0x100000
    li t5, 0x5555
    beqz a0, exit_now
    slli a0, a0, 16
    li t5, 0x3333
    or t5, t5, a0
exit_now:
    sw t5, 0(t6)
exit_wait:
    j exit_wait
"""

# Brings the device at s0 up, with one queue of eight: descriptors at `table`, what is offered at
# `ring`, what is done at `used`.  It uses t0.
START_QUEUE = """
    li t0, 3
    sw t0, 0x70(s0)
    li t0, 1
    sw t0, 0x24(s0)
    sw t0, 0x20(s0)
    li t0, 11
    sw t0, 0x70(s0)
    li t0, 8
    sw t0, 0x38(s0)
    la t0, table
    sw t0, 0x80(s0)
    la t0, ring
    sw t0, 0x90(s0)
    la t0, used
    sw t0, 0xa0(s0)
    li t0, 1
    sw t0, 0x44(s0)
    li t0, 15
    sw t0, 0x70(s0)
"""


def build_elf(
    segments: dict[int, bytes], entry: int = RAM_BASE, *, machine: int = 243, elf_class: int = 2
) -> bytes:
    """Wrap bytes at physical addresses into a minimal executable."""
    headers, body = b"", b""
    start = 64 + 56 * len(segments)
    for address, data in segments.items():
        at = start + len(body)
        headers += struct.pack("<IIQQQQQQ", 1, 7, at, address, address, len(data), len(data), 4096)
        body += data
    ident = b"\x7fELF" + bytes([elf_class, 1, 1]) + bytes(9)
    header = struct.pack(
        "<16sHHIQQQIHHHHHH", ident, 2, machine, 1, entry, 64, 0, 0, 64, 56, len(segments), 0, 0, 0
    )
    return header + headers + body


def program(text: str) -> bytes:
    """Assemble a program and make it bootable."""
    return build_elf({RAM_BASE: assemble(text)})


def flags_of(recorder: Recorder) -> dict[int, int]:
    """Return a machine's flags by address, whatever pages lay there one after the other."""
    found: dict[int, int] = {}
    for page in recorder.pages():
        for half, flags in enumerate(page.flags):
            if flags:
                address = page.key.physical + 2 * half
                found[address] = found.get(address, 0) | flags
    return found


def boot(text: str, **options: object) -> Machine:
    """A machine about to execute a program, with 1 MiB of RAM unless told otherwise."""
    values: dict[str, object] = {"kernel": program(text), "ram_bytes": 1 << 20, **options}
    return Machine(MachineOptions(**values))  # type: ignore[arg-type]  # Mixed types.
