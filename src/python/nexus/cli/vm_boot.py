"""The boot options of `nexus vm run`: firmware, kernel, initial RAM disk, arguments, device tree.

The options are those of QEMU, and its spelling with one dash is understood, too.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from nexus.core.commandline import CommandLine
from nexus.core.errors import UsageError
from nexus.core.record import dataclass
from nexus.emulator.elf import ImageError
from nexus.emulator.loading import BootFiles
from nexus.entry.options import file_name

NONE: Final = "none"
DEFAULT: Final = "default"

# Linux's bound (COMMAND_LINE_SIZE of RISC-V), the final zero aside.
_APPEND_BYTES_MAX: Final = 1023

# OpenSBI's `fw_dynamic.bin` as Debian and QEMU ship it: digest and version.
KNOWN_FIRMWARE: Final[Mapping[str, str]] = {
    "8f34d231fde9554e1a3c511bb1efac489da310ab0462504c512994601e12d213": "1.6 (Debian 13)",
    "88e76ec1a9e2e5f3ecfc2d8892b923fddc9a3974e63f4190dbcab56b4909fb2f": "1.1 (Debian 12)",
    "165408f04d43bfad382773533458212383d83f0874470ba0e1ecc35603473deb": "1.1 (QEMU 7.2)",
}
_FIRMWARE_PLACES: Final = (
    "/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_dynamic.bin",
    "/usr/share/qemu/opensbi-riscv64-generic-fw_dynamic.bin",
)

# The option that a message of the loader is about.
_OPTIONS: Final = {
    "kernel": "--kernel",
    "firmware": "--bios",
    "initrd": "--initrd",
    "device tree": "--dtb",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BootOptions:
    """The files to boot, as they were asked for."""

    kernel: Path | None
    firmware: Path | None
    initrd: Path | None
    append: str
    device_tree: Path | None
    dump_device_tree: Path | None

    @property
    def first(self) -> Path:
        """The file that names the machine: its kernel, or else its firmware."""
        path = self.kernel or self.firmware
        assert path is not None, "the command line asks for one of both"
        return path

    def read(self, read: Callable[[str, Path], bytes]) -> BootFiles:
        """Read every file; `read(option, path)` returns its content.

        Raises:
            UsageError: A file is empty.
        """

        def content(option: str, path: Path | None) -> bytes:
            if path is None:
                return b""
            data = read(option, path)
            # A kernel alone has a message of its own.
            if not data and (option != "--kernel" or self.firmware is not None):
                raise UsageError(f"{option}: {path}: it is empty")
            return data

        return BootFiles(
            kernel=content("--kernel", self.kernel),
            firmware=content("--bios", self.firmware),
            initrd=content("--initrd", self.initrd),
            append=self.append,
            device_tree=content("--dtb", self.device_tree),
        )

    def explain(self, error: ImageError) -> UsageError:
        """Name the option and the file that an error of the loader is about."""
        paths = {
            "kernel": self.kernel,
            "firmware": self.firmware,
            "initrd": self.initrd,
            "device tree": self.device_tree,
        }
        path = paths.get(error.part)
        where = "" if path is None else f" {path}:"
        return UsageError(f"{_OPTIONS[error.part]}:{where} {error}")


def add_options(parser: CommandLine) -> None:
    """Add the options to the command line."""
    add = parser.add_argument
    add("--kernel", "-kernel", type=Path, metavar="FILE", help="an ELF or a Linux Image to boot")
    add(
        "--bios",
        "-bios",
        type=file_name,
        default=NONE,
        metavar="FILE|none|default",
        help="firmware in machine mode; default: this host's OpenSBI; none",
    )
    add("--initrd", "-initrd", type=Path, metavar="FILE", help="initial RAM disk of the kernel")
    add("--append", "-append", default="", metavar="TEXT", help="arguments of the kernel")
    add("--dtb", "-dtb", type=Path, metavar="FILE", help="device tree instead of the board's own")
    add("--dump-dtb", type=Path, metavar="FILE", help="write the device tree there, and end")
    parser.suggest("--bios", (NONE, DEFAULT))


def options_of(given: argparse.Namespace) -> BootOptions:
    """Check what was given.

    Raises:
        UsageError: Something is missing, or cannot be.
    """
    firmware = None
    if given.bios == DEFAULT:
        firmware = find_firmware()
    elif given.bios != NONE:
        firmware = Path(given.bios)
    if given.kernel is None and firmware is None:
        raise UsageError(
            "--kernel: not given; name what to boot, or firmware with --bios"
            " (see nexus vm run --help)"
        )
    for option, value in (("--initrd", given.initrd), ("--append", given.append)):
        if value and given.kernel is None:
            raise UsageError(f"{option}: goes with --kernel, which uses it")
    return BootOptions(
        kernel=given.kernel,
        firmware=firmware,
        initrd=given.initrd,
        append=_append(given.append),
        device_tree=given.dtb,
        dump_device_tree=given.dump_dtb,
    )


def _append(text: str) -> str:
    size = len(os.fsencode(text))
    if size > _APPEND_BYTES_MAX or not text.isprintable():
        raise UsageError(
            f"--append: {size} bytes; expected at most {_APPEND_BYTES_MAX} printable ones"
        )
    return text


def find_firmware(places: tuple[str, ...] = _FIRMWARE_PLACES) -> Path:
    """Find this host's OpenSBI, of a build that is known.

    Raises:
        UsageError: There is none.
    """
    from hashlib import sha256  # Loads OpenSSL: 2 ms.

    seen = []
    for place in map(Path, places):
        try:
            digest = sha256(place.read_bytes()).hexdigest()
        except OSError:
            continue
        if digest in KNOWN_FIRMWARE:
            return place
        seen.append(f"{place} is of another build, name it with --bios to use it; ")
    raise UsageError(
        f"--bios default: {''.join(seen)}no OpenSBI of a known build is here; install Debian's"
        " package opensbi, or name a file with --bios FILE"
    )
