"""The real guest on disks of a test's making: what it wrote, what it said."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nexus.config.compile import compile_node
from nexus.config.load import load_node
from nexus.emulator.board import AttachedDrive
from nexus.emulator.device.virtio_blk import Drive
from nexus.emulator.machine import Machine, MachineOptions, Stop
from nexus.emulator.native.mapping import HOSTS
from nexus.remotefs.state.block import SECTOR_BYTES
from nexus.remotefs.state.power_cut_fake import RecordingDevice

BUILDER: Final = Path("src.python.nexus.emulator.native/build.pex")
ROOT: Final = Path(__file__).parents[5]
SLOT: Final = 2
RUN_NS: Final = 5_000_000_000
CONFIG_FILE: Final = "opt/org.nexus/node"


class RecordingDrive:
    """The emulator's side of a disk that remembers."""

    def __init__(self, content: bytes) -> None:
        self.device = RecordingDevice(content)

    @property
    def size_bytes(self) -> int:
        return len(self.device.content)

    def read(self, offset: int, length: int) -> bytes:
        return bytes(self.device.content[offset : offset + length])

    def write(self, offset: int, data: bytes) -> None:
        assert offset % SECTOR_BYTES == 0
        self.device.write(offset // SECTOR_BYTES, data)

    def flush(self) -> None:
        self.device.flush()


@dataclass(frozen=True)
class Image:
    """A system image and the configuration of its node."""

    system: Path  # Where Pants puts it beside the test.
    node: Path

    def boot(
        self,
        drive: Drive,
        native: bytes | None,
        end: bytes,
        step_ns: int,
        *,
        is_read_only: bool = False,
        look: Callable[[bytes], None] = lambda _: None,
    ) -> bytes:
        """Run until a line; `look` sees the console so far after every step."""
        machine = Machine(
            MachineOptions(
                kernel=self.system.read_bytes(),
                fw_cfg={CONFIG_FILE: compile_node(load_node(self.node))},
                drives=(AttachedDrive(SLOT, drive, is_read_only),),
                engine="reference" if native is None else "native",
                native_blob=native,
            )
        )
        console = b""
        while end not in console:
            assert machine.now_ns < RUN_NS, console.decode()
            stop = machine.run(machine.now_ns + step_ns)
            assert stop not in (Stop.FINISHED, Stop.RESET), console.decode()
            console += machine.take_console()
            look(console)
        return console


def build_native(folder: Path) -> bytes | None:
    """Build the code of the fast engine, where it runs; both engines do the same."""
    if platform.machine() not in HOSTS:
        return None
    subprocess.run(
        [sys.executable, BUILDER, "--out", folder / "code"],
        check=True,
        # Nothing of the environment that runs this test is meant for that program.
        env={"PATH": os.environ.get("PATH", ""), "PEX_ROOT": str(folder / "pex")},
    )
    return (folder / "code").read_bytes()


@dataclass(frozen=True)
class Run:
    """What a guest did to its disk; after how many events it had said that a SYNC was done."""

    device: RecordingDevice
    told: list[tuple[int, int]]  # (events, states)
    console: bytes


def work(
    image: Image, content: bytes, native: bytes | None, synced: dict[int, int], step_ns: int
) -> Run:
    """Run a workload to its end; `synced` has the number of states before each SYNC."""
    drive = RecordingDrive(content)
    told = [(0, 0)]

    def look(console: bytes) -> None:
        for number, count in synced.items():
            is_told = b"workload: synced %d\n" % number in console
            if is_told and count > told[-1][1]:
                told.append((len(drive.device.events), count))

    console = image.boot(drive, native, b"workload: end\n", step_ns, look=look)
    return Run(drive.device, told, console)
