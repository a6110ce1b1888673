"""The real guest on disks of a test's making: what it wrote, what it said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nexus.config.compile import compile_node
from nexus.config.load import load_node
from nexus.emulator.board import AttachedDrive
from nexus.emulator.device.virtio_blk import Drive
from nexus.emulator.machine import Machine, MachineOptions, Stop
from nexus.emulator.native_interpreter_support import native_interpreter
from nexus.remotefs.state.block import SECTOR_BYTES
from nexus.remotefs.state.power_cut_fake import RecordingDevice

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
        end: bytes,
        step_ns: int,
        *,
        is_read_only: bool = False,
        look: Callable[[bytes], None] = lambda _: None,
    ) -> bytes:
        """Run until a line; `look` sees the console so far after every step."""
        native = native_interpreter()
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
