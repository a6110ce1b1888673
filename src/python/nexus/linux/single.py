"""One Linux machine, from power-on to an end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from nexus.core.randomness import KeyedRandom
from nexus.emulator.board import AttachedDrive
from nexus.emulator.device.virtio_blk import MemoryDrive
from nexus.emulator.isa.cpu import RV64GC
from nexus.emulator.machine import Machine, MachineOptions, Stop
from nexus.linux.guest import ARGUMENTS, RAM_MIB, Guest
from nexus.simulation.entropy import EntropyStream

_SLICE_NS: Final = 10_000_000
_NS_PER_S: Final = 1_000_000_000
# Twice what the longest of them was seen to take.
VIRTUAL_SECONDS_MAX: Final = 30
_SEED: Final = 1
_DISK_SLOT: Final = 2


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of a run."""

    stop: Stop  # `REACHED` or `IDLE` if what was waited for came, or time was up.
    exit_code: int | None
    console: bytes
    virtual_ns: int
    instructions: int
    digest: str

    @property
    def lines(self) -> list[str]:
        """The lines of the console, without their ends."""
        return self.console.decode("utf-8", "replace").replace("\r", "").splitlines()


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """The engine that runs the machine."""

    name: str = "native"
    native_blob: bytes | None = None


def run(
    guest: Guest,
    engine: Engine,
    *,
    role: str = "",
    disk: bytearray | None = None,
    until: str = "",
    harts: int = 1,
) -> Ended:
    """Boot; return when the console shows a line, the machine is off or resets, or time is up.

    Args:
        guest: What is booted.
        engine: What runs it.
        role: What the machine does: see `guest`.
        disk: The content of its disk, which the run changes.
        until: The line; empty waits for the machine's end.
        harts: How many it has.
    """
    machine = _machine(guest, engine, role, disk, harts)
    console = bytearray()
    wanted = until.encode()
    while True:
        stop = machine.run(machine.now_ns + _SLICE_NS)
        console += machine.take_console()
        is_seen = bool(wanted) and wanted in console
        is_late = machine.now_ns >= VIRTUAL_SECONDS_MAX * _NS_PER_S
        if stop not in (Stop.REACHED, Stop.IDLE) or is_seen or is_late:
            break
    return Ended(
        stop,
        machine.exit_code,
        bytes(console),
        machine.now_ns,
        machine.instructions,
        machine.state_digest(),
    )


def _machine(
    guest: Guest, engine: Engine, role: str, disk: bytearray | None, harts: int
) -> Machine:
    """Make the machine; its drive writes into `disk` itself."""
    drives = []
    if disk is not None:
        drive = MemoryDrive(b"")
        drive.content = disk
        drives = [AttachedDrive(_DISK_SLOT, drive)]
    return Machine(
        MachineOptions(
            firmware=guest.firmware,
            kernel=guest.kernel,
            initrd=guest.initrd,
            append=f"{ARGUMENTS} role={role}" if role else ARGUMENTS,
            cpu=RV64GC,
            harts=harts,
            ram_bytes=RAM_MIB << 20,
            drives=drives,
            entropy=EntropyStream(KeyedRandom(_SEED), "linux"),
            engine=engine.name,
            native_blob=engine.native_blob,
        )
    )
