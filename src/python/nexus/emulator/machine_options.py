"""The parts and settings of a machine, checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from nexus.core.record import dataclass, field
from nexus.emulator import reset
from nexus.emulator.board import (
    DRIVE_SLOTS,
    EPOCH_S_DEFAULT,
    NET_SLOT,
    AttachedDrive,
    drive_slots,
)
from nexus.emulator.isa.cpu import RV64IMAC, Cpu
from nexus.emulator.loading import BootFiles
from nexus.emulator.turns import HARTS_MAX

if TYPE_CHECKING:
    from nexus.emulator.coverage import Recorder
    from nexus.emulator.native.translation import TranslationSource
    from nexus.emulator.observe import Observer
    from nexus.emulator.profile import Sampler

# Memory a test world can reasonably ask for, twice over; also the limit of what QEMU's 32-bit
# physical window leaves to most guests.
RAM_BYTES_MAX: Final = 2 << 30

ENGINES: Final = ("reference", "native", "translated")


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineOptions:
    """The parts and settings of a machine."""

    kernel: bytes = b""
    firmware: bytes = b""  # In machine mode, before the kernel; without it the kernel is first.
    initrd: bytes = b""
    append: str = ""
    device_tree: bytes = b""  # A flattened one, instead of the board's own.
    epoch_s: int = EPOCH_S_DEFAULT  # The real-time clock at power-on, in seconds since 1970.
    ram_bytes: int = 64 << 20
    harts: int = 1
    cpu: Cpu = RV64IMAC  # The extensions that the hart has.
    fw_cfg: Mapping[str, bytes] = field(default_factory=dict)
    drives: Sequence[AttachedDrive] = ()
    mac: bytes | None = None
    entropy: Callable[[int], bytes] | None = None  # Without a source there is no device.
    engine: str = "reference"
    native_blob: bytes | None = None  # From native/build.py; for all but the reference.
    translations: bytes | None = None  # From native/translate.py; for engine "translated".
    translation_source: TranslationSource | None = None  # Instead: one that has them page by page.
    stops_when_stuck: bool = False  # In a loop of traps without a way out, with `Stop.STUCK`.
    observer: Observer | None = None  # For debuggers and traces.
    coverage: Recorder | None = None  # Takes down what is executed.
    profile: Sampler | None = None  # Takes down where the machine is, now and then.

    def __post_init__(self) -> None:
        if not 0 < self.ram_bytes <= RAM_BYTES_MAX or self.ram_bytes % 4096:
            raise ValueError(
                f"ram_bytes={self.ram_bytes}: expected a multiple of 4096 up to {RAM_BYTES_MAX}"
            )
        if not 0 < self.harts <= HARTS_MAX:
            raise ValueError(f"harts={self.harts}: expected 1..{HARTS_MAX}")
        if self.mac is not None and len(self.mac) != 6:
            raise ValueError(f"mac={self.mac!r}: expected 6 bytes")
        slots = [disk.slot for disk in self.drives]
        if len(set(slots)) < len(slots) or not set(slots) <= drive_slots(
            has_network=self.mac is not None
        ):
            net = "" if self.mac is not None else f"{NET_SLOT}, "
            raise ValueError(
                f"drives in slots {slots}: expected distinct ones of "
                f"{net}{DRIVE_SLOTS.start}..{DRIVE_SLOTS.stop - 1}"
            )
        if self.engine not in ENGINES:
            raise ValueError(f"engine={self.engine!r}: expected one of {', '.join(ENGINES)}")
        if (self.engine != "reference") != (self.native_blob is not None):
            raise ValueError('native_blob: expected with every engine but "reference"')
        given = (self.translations is not None) + (self.translation_source is not None)
        if given != (self.engine == "translated"):
            raise ValueError(
                'translations, translation_source: expected one with engine="translated",'
                " and only then"
            )
        if self.coverage and (self.observer or self.engine == "translated"):
            raise ValueError("coverage: does not go with an observer or engine='translated'")

    @property
    def identity(self) -> bytes:
        """SHA-256 over the options that do not show in a machine's state."""
        from hashlib import sha256  # Loads OpenSSL: 2 ms.

        digest = sha256()
        parts = [self.kernel, self.mac or b""]
        for name in sorted(self.fw_cfg):
            parts += [name.encode(), self.fw_cfg[name]]
        parts += [self.firmware, self.initrd, self.append.encode(), self.device_tree]
        parts.append(b"%d" % self.epoch_s)
        for disk in self.drives:
            parts.append(f"{disk.slot} {disk.is_read_only} {disk.drive.size_bytes}".encode())
        parts.append(f"{self.cpu} {self.harts}".encode())
        for part in parts:
            digest.update(len(part).to_bytes(8, "little") + part)
        return digest.digest()

    @property
    def files(self) -> BootFiles:
        """The files to boot."""
        return BootFiles(
            kernel=self.kernel,
            firmware=self.firmware,
            initrd=self.initrd,
            append=self.append,
            device_tree=self.device_tree,
        )

    @property
    def board(self) -> reset.BoardOptions:
        """The settings on which the board's device tree depends."""
        return reset.BoardOptions(has_clock=not self.files.is_bare, cpu=self.cpu, harts=self.harts)
