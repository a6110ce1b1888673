"""Build the one ELF that QEMU and the emulator boot: the kernel with the boot archive behind it.

    python -m nexus.image.system --kernel K.elf --service NAME=PATH ... --out SYSTEM.elf

The archive becomes a further loadable segment at the first page boundary after the kernel, which
is where the kernel looks for it (docs/spec/kernel-abi.md).  Same inputs, same bytes: neither the
order of the options nor the paths, the time or the user reach the output.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from nexus.core.commandline import CommandLine, fail
from nexus.core.errors import NexusError
from nexus.entry.program import run_program
from nexus.entry.reading import read_bounded
from nexus.image import bootfs, elf
from nexus.image.error import ImageError

# The largest file that a machine boots; a larger one was named by mistake.
_FILE_BYTES_MAX: Final = 64 << 20


def build_system(kernel: bytes, services: Sequence[tuple[str, bytes]]) -> bytes:
    """Join kernel and services into one bootable ELF."""
    files = bootfs.collect(services)
    for name, content in files.items():
        elf.read_segments(content, f"service {name!r}")
    return elf.append_segment(kernel, bootfs.pack(files), "kernel")


def main(arguments: Sequence[str]) -> int:
    """Read, build, write; one line and exit code 20 for whatever is wrong."""
    parser = CommandLine("nexus image system", "Join a kernel and its services into one ELF.")
    parser.add_argument("--kernel", required=True, type=Path, metavar="ELF", help="the kernel")
    parser.add_argument(
        "--service", action="append", default=[], metavar="NAME=ELF", help="a service (repeatable)"
    )
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="the ELF to write")
    try:
        options = parser.parse_args(arguments)
        services = [_read_service(text) for text in options.service]
        image = build_system(_read(options.kernel, "kernel"), services)
        _write(options.out, image)
    except NexusError as exc:
        return fail(exc)
    return 0


def _read_service(text: str) -> tuple[str, bytes]:
    name, equals, path = text.partition("=")
    if not (name and equals and path):
        raise ImageError(f"--service {text!r}: expected NAME=PATH")
    return name, _read(Path(path), f"service {name!r}")


def _read(path: Path, what: str) -> bytes:
    try:
        content = read_bounded(path, _FILE_BYTES_MAX)
    except OSError as exc:
        raise ImageError(f"{what}: cannot read {path}: {exc.strerror}") from exc
    if len(content) > _FILE_BYTES_MAX:
        raise ImageError(f"{what}: {path}: larger than {_FILE_BYTES_MAX} bytes")
    return content


def _write(path: Path, image: bytes) -> None:
    try:
        path.write_bytes(image)
    except OSError as exc:
        raise ImageError(f"--out: cannot write {path}: {exc.strerror}") from exc


if __name__ == "__main__":
    run_program(main)
