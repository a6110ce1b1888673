"""`python -m nexus.bench.run_guest ENGINE KERNEL ...`: one guest to its end, timed inside.

Prints one JSON object.  It is a process of its own so that start-up and memory are measured too.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Final

from nexus.emulator.board import DRIVE_SLOTS, AttachedDrive
from nexus.emulator.device.virtio_blk import MemoryDrive
from nexus.emulator.isa.cpu import RV64GC
from nexus.emulator.machine import Machine, MachineOptions, Stop
from nexus.emulator.observe import Observer
from nexus.entry.program import run_program

# Longer than any workload, in virtual time.
UNTIL_NS: Final = 1000 * 10**9


def options_of(argv: list[str], observer: Observer | None = None) -> MachineOptions:
    """Parse ENGINE KERNEL DISK HARTS [NATIVE_BLOB [TRANSLATIONS]]; DISK may be empty."""
    engine, kernel, disk, harts, *code = argv
    blob, translations = [*(Path(path).read_bytes() for path in code), None, None][:2]
    drives = []
    if disk:
        drives.append(AttachedDrive(DRIVE_SLOTS[0], MemoryDrive(Path(disk).read_bytes())))
    return MachineOptions(
        kernel=Path(kernel).read_bytes(),
        drives=drives,
        cpu=RV64GC,
        harts=int(harts),
        engine=engine,
        native_blob=blob,
        translations=translations,
        observer=observer,
    )


def main(argv: list[str]) -> int:
    """Run the program."""
    machine = Machine(options_of(argv))
    began = time.process_time()
    stop = machine.run(UNTIL_NS)
    seconds = time.process_time() - began
    console = machine.take_console().decode("ascii", "replace")
    report = {"run_cpu_s": seconds, "instructions": machine.instructions, "console": console}
    print(json.dumps(report))
    return 0 if stop is Stop.FINISHED else 1


if __name__ == "__main__":
    run_program(main)
