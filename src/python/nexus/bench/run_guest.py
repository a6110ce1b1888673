"""`python -m nexus.bench.run_guest ENGINE KERNEL ...`: one guest to its end, timed inside.

Prints one JSON object.  It is a process of its own so that start-up and memory are measured too.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

from nexus.emulator.board import DRIVE_SLOTS, AttachedDrive
from nexus.emulator.device.virtio_blk import MemoryDrive
from nexus.emulator.isa.cpu import RV64GC
from nexus.emulator.machine import Machine, MachineOptions, Stop
from nexus.entry.program import run_program

# Longer than any workload, in virtual time.
_UNTIL_NS = 1000 * 10**9


def main(argv: list[str]) -> int:
    """Run the program: ENGINE KERNEL DISK HARTS [NATIVE_BLOB [TRANSLATIONS]]; DISK may be empty."""
    engine, kernel, disk, harts, *code = argv
    drives = []
    if disk:
        drives.append(AttachedDrive(DRIVE_SLOTS[0], MemoryDrive(Path(disk).read_bytes())))
    values = {
        name: Path(path).read_bytes()
        for name, path in zip(("native_blob", "translations"), code, strict=False)
    }
    machine = Machine(
        MachineOptions(
            kernel=Path(kernel).read_bytes(),
            drives=drives,
            cpu=RV64GC,
            harts=int(harts),
            engine=engine,
            **values,  # type: ignore[arg-type]  # Of mixed types.
        )
    )
    began = time.process_time()
    stop = machine.run(_UNTIL_NS)
    seconds = time.process_time() - began
    console = machine.take_console().decode("ascii", "replace")
    report = {"run_cpu_s": seconds, "instructions": machine.instructions, "console": console}
    print(json.dumps(report))
    return 0 if stop is Stop.FINISHED else 1


if __name__ == "__main__":
    run_program(main)
