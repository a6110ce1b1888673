"""Makes the machine of `nexus vm run` from its options and the files they name."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nexus.cli.vm_arguments import GENERATED, Options
from nexus.cli.vm_recording import MACHINE
from nexus.core.errors import UsageError
from nexus.core.record import dataclass
from nexus.emulator.board import AttachedDrive
from nexus.emulator.loading import BootFiles
from nexus.emulator.machine import MachineOptions
from nexus.entry.reading import read_bounded

if TYPE_CHECKING:
    from nexus.emulator.io.drive import FileDrive
    from nexus.emulator.io.translation_cache import TranslationCache
    from nexus.emulator.observe import Observer
    from nexus.harness.instruments import Instruments
    from nexus.simulation.entropy import EntropyStream

# A wrong file is recognized before it fills the memory.
_FILE_BYTES_MAX: Final = 256 << 20

# The seed of a run that names none.
_SEED_DEFAULT: Final = 1


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of which machines are made: several in a row, if a debugger goes back in time."""

    files: BootFiles
    drives: tuple[FileDrive, ...]
    make_options: Callable[[Observer | None], MachineOptions]
    cache: TranslationCache | None = None
    is_cache_asked: bool = False
    instruments: Instruments | None = None

    @property
    def kernel(self) -> bytes:
        """The file with the symbols."""
        return self.files.kernel or self.files.firmware

    def close(self) -> None:
        """Bring the disks into their files, and let what was hot be translated."""
        for drive in self.drives:
            drive.close()  # Which also lets others have them.
        if self.cache is not None:
            from nexus.cli.vm_translate_cache import start_translator

            start_translator(self.cache, is_asked=self.is_cache_asked)


def gather(options: Options) -> Parts:
    """Read every file.

    Raises:
        UsageError: A file is not what it has to be.
    """
    boot = options.boot.read(read)
    files = {name: read(f"--fw-cfg {name}", path) for name, path in options.fw_cfg.items()}
    blob = translations = cache = None
    if options.engine in GENERATED and options.native_blob is not None:
        blob = read("--native-blob", options.native_blob)
    if options.engine == "translated" and options.translations is not None:
        translations = read("--translations", options.translations)
    if options.translate_cache is not None and blob is not None:
        from nexus.cli.vm_translate_cache import open_cache

        cache = open_cache(options.translate_cache, blob)
    drives = _open_drives(options)
    seed = _SEED_DEFAULT if options.seed is None else options.seed
    instruments = options.recording.make() if options.recording.is_wanted else None

    def make_options(observer: Observer | None) -> MachineOptions:
        made = MachineOptions(
            kernel=boot.kernel,
            firmware=boot.firmware,
            initrd=boot.initrd,
            append=boot.append,
            device_tree=boot.device_tree,
            ram_bytes=options.ram_bytes,
            cpu=options.cpu,
            harts=options.harts,
            fw_cfg=files,
            drives=[
                AttachedDrive(wanted.slot, drive, wanted.is_read_only)
                for drive, wanted in zip(drives, options.drives, strict=True)
            ],
            entropy=_entropy(seed),
            engine=options.engine if cache is None else "translated",
            native_blob=blob,
            translations=translations,
            translation_source=cache,
            # A debugger wants to see the loop go round.
            stops_when_stuck=options.gdb is None,
            observer=observer,
        )
        return made if instruments is None else instruments.equip(MACHINE, made)

    is_asked = options.is_translate_cache_asked
    return Parts(boot, drives, make_options, cache, is_asked, instruments)


def _entropy(seed: int) -> Callable[[int], bytes]:
    """The entropy device's source, made when the guest first reads: most guests never do."""

    @cache
    def stream() -> EntropyStream:
        from nexus.core.randomness import KeyedRandom
        from nexus.simulation.entropy import EntropyStream

        return EntropyStream(KeyedRandom(seed), MACHINE)

    return lambda count: stream()(count)


def _open_drives(options: Options) -> tuple[FileDrive, ...]:
    if not options.drives:
        return ()
    from nexus.emulator.io.drive import DriveError, FileDrive

    opened: list[FileDrive] = []
    for drive in options.drives:
        try:
            opened.append(FileDrive(drive.path, is_read_only=drive.is_read_only))
        except DriveError as error:
            for other in opened:
                other.close()
            raise UsageError(f"--drive: {error}") from error
    return tuple(opened)


def read(option: str, path: Path) -> bytes:
    """Read a file that an option names.

    Raises:
        UsageError: It cannot be read, or is far too large.
    """
    try:
        content = read_bounded(path, _FILE_BYTES_MAX)
    except OSError as error:
        raise UsageError(f"{option}: {path}: {error.strerror}") from error
    if len(content) > _FILE_BYTES_MAX:
        raise UsageError(f"{option}: {path}: more than {_FILE_BYTES_MAX} bytes")
    return content
