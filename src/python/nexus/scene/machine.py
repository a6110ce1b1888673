"""Guests as machines of the emulator."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from nexus.emulator.board import AttachedDrive
from nexus.emulator.isa.cpu import parse_cpu
from nexus.emulator.machine import MachineOptions
from nexus.emulator.observe import Observer
from nexus.scene.drive import VolatileDrive
from nexus.scene.engine import REFERENCE, TRANSLATED, EngineCode
from nexus.scene.guest import CONFIG_FILE, Guest
from nexus.simulation.entropy import EntropyStream

# A read of that length may be a key of a handshake; a long run has some thousand of them.
KEY_BYTES: Final = 32
KEYS_KEPT_MAX: Final = 65_536


class RecordedEntropy:
    """A machine's entropy, whose reads of a key's length are kept; they open the capture."""

    def __init__(self, stream: EntropyStream) -> None:
        self._stream = stream
        self.keys: deque[bytes] = deque(maxlen=KEYS_KEPT_MAX)

    def __call__(self, count: int) -> bytes:
        """Take the next bytes of the stream."""
        data = self._stream(count)
        if count == KEY_BYTES:
            self.keys.append(data)
        return data


def new_drives(guest: Guest) -> list[AttachedDrive]:
    """The guest's disks, as they are before its first power-on."""
    return [
        AttachedDrive(drive.slot, VolatileDrive(drive.content), drive.is_read_only)
        for drive in guest.drives
    ]


def options_of(
    guest: Guest,
    drives: Sequence[AttachedDrive],
    entropy: Callable[[int], bytes],
    code: EngineCode,
    observer: Observer | None = None,
) -> MachineOptions:
    """Return the options of the emulator for a guest's machine.

    The drives are given apart, because they outlive the machine's power.
    """
    return MachineOptions(
        kernel=guest.image,
        firmware=guest.boot.firmware,
        initrd=guest.boot.initrd,
        append=guest.boot.append,
        epoch_s=guest.boot.epoch_s,
        cpu=parse_cpu(guest.boot.cpu),
        harts=guest.boot.harts,
        ram_bytes=guest.ram_bytes,
        fw_cfg={CONFIG_FILE: guest.config},
        drives=drives,
        mac=guest.mac,
        entropy=entropy,
        engine=code.engine,
        native_blob=None if code.engine == REFERENCE else code.native,
        translations=code.translations if code.engine == TRANSLATED else None,
        stops_when_stuck=observer is None,  # A debugger wants to see the loop go round.
        observer=observer,
    )
