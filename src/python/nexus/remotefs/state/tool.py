"""Look at and look after a state disk image.

    python -m nexus.remotefs.state.tool fsck [--repair | --dry-run] IMAGE
    python -m nexus.remotefs.state.tool dump [--values] IMAGE
    python -m nexus.remotefs.state.tool compact IMAGE

Exit codes: 0 in order; 1 leftovers of a cut were found, or cleared (fsck), or there was nothing
to gain (compact); 2 beyond repair, or not understood.
"""

from __future__ import annotations

import fcntl
import os
import stat
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from nexus.core.commandline import CommandLine, fail
from nexus.core.errors import NexusError
from nexus.entry.program import run_program
from nexus.remotefs.state.block import SECTOR_BYTES, DeviceError
from nexus.remotefs.state.fsck import check, repair
from nexus.remotefs.state.store import Store

EXIT_NOTHING: Final = 1
EXIT_BAD: Final = 2

COMMANDS: Final = {
    "fsck": "check an image",
    "dump": "list the entries",
    "compact": "rewrite the journal without dead records",
}


class FileDevice:
    """A disk that is a file.  A last sector that is not whole is refused, not ignored."""

    def __init__(self, path: Path, *, is_writable: bool) -> None:
        """Open the file."""
        try:
            # Not blocking: a pipe by this name would hold us until a writer comes.
            flags = (os.O_RDWR if is_writable else os.O_RDONLY) | os.O_NONBLOCK | os.O_CLOEXEC
            self._file = os.open(path, flags)
        except OSError as exc:
            raise DeviceError(f"cannot open {path}: {exc.strerror}") from exc
        mode = os.fstat(self._file).st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISBLK(mode)):
            os.close(self._file)
            raise DeviceError(f"{path} is not a disk image; expected a regular file")
        try:
            # A store has one owner: a second writer would append over the first one's records.
            lock = fcntl.LOCK_EX if is_writable else fcntl.LOCK_SH
            fcntl.flock(self._file, lock | fcntl.LOCK_NB)
        except OSError as exc:
            os.close(self._file)
            raise DeviceError(f"{path}: in use by another program") from exc
        try:
            size = os.lseek(self._file, 0, os.SEEK_END)
        except OSError:  # A file of the kernel that has no size, such as those of /proc.
            size = 0
        self._sectors = size // SECTOR_BYTES
        if size % SECTOR_BYTES or size == 0:
            os.close(self._file)
            raise DeviceError(f"{path}: {size} bytes; expected multiples of {SECTOR_BYTES}")

    def __enter__(self) -> Self:
        """Use the file."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file."""
        os.close(self._file)

    @property
    def sectors(self) -> int:
        """The number of sectors."""
        return self._sectors

    def read(self, sector: int, count: int) -> bytes:
        """Return `count` sectors."""
        try:
            data = os.pread(self._file, count * SECTOR_BYTES, sector * SECTOR_BYTES)
        except OSError as exc:
            raise DeviceError(f"read of sector {sector}: {exc.strerror}") from exc
        if len(data) != count * SECTOR_BYTES:
            raise DeviceError(
                f"read of sector {sector}: {len(data)} of {count * SECTOR_BYTES} bytes"
            )
        return data

    def write(self, sector: int, data: bytes) -> None:
        """Write whole sectors."""
        try:
            written = os.pwrite(self._file, data, sector * SECTOR_BYTES)
        except OSError as exc:
            raise DeviceError(f"write of sector {sector}: {exc.strerror}") from exc
        if written != len(data):
            raise DeviceError(f"write of sector {sector}: {written} of {len(data)} bytes")

    def flush(self) -> None:
        """Wait for the medium."""
        try:
            os.fdatasync(self._file)  # The file keeps its length.
        except OSError as exc:
            raise DeviceError(f"flush: {exc.strerror}") from exc


def main(arguments: Sequence[str]) -> int:
    """Run one command; mistakes are one line."""
    parser = CommandLine("nexus state", "Look after a state disk image.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    checking, listing, rewriting = (
        commands.add_parser(name, prog=f"{parser.prog} {name}", description=text, help=text)
        for name, text in COMMANDS.items()
    )
    action = checking.add_mutually_exclusive_group()
    action.add_argument("--repair", action="store_true", help="clear what a cut left")
    action.add_argument("--dry-run", action="store_true", help="change nothing; the default")
    listing.add_argument("--values", action="store_true", help="show the values, in hexadecimal")
    for command in (checking, listing, rewriting):
        command.add_argument("image", type=Path, metavar="IMAGE", help="a state disk image")
    try:
        options = parser.parse_args(arguments)
        return {"fsck": _fsck, "dump": _dump, "compact": _compact}[options.command](options)
    except NexusError as exc:
        return fail(exc, EXIT_BAD)


def fsck(arguments: Sequence[str]) -> int:
    """Run `fsck`."""
    return main(["fsck", *arguments])


def dump(arguments: Sequence[str]) -> int:
    """Run `dump`."""
    return main(["dump", *arguments])


def compact(arguments: Sequence[str]) -> int:
    """Run `compact`."""
    return main(["compact", *arguments])


def _fsck(options: Namespace) -> int:
    with FileDevice(options.image, is_writable=options.repair) as device:
        report = repair(device) if options.repair else check(device)
    sys.stdout.write("".join(f"{line}\n" for line in (*report.lines, report.verdict.name.lower())))
    return int(report.verdict)


def _dump(options: Namespace) -> int:
    with FileDevice(options.image, is_writable=False) as device:
        store = Store(device)
    for key, value in sorted(store.snapshot().items()):
        shown = f"  {value.hex()}" if options.values else ""
        sys.stdout.write(f"{key!r}  {len(value)} bytes{shown}\n")
    if store.damage:
        return fail(f"{store.damage}; later entries are not shown", EXIT_BAD)
    return 0


def _compact(options: Namespace) -> int:
    with FileDevice(options.image, is_writable=True) as device:
        store = Store(device)
        before = store.journal_bytes
        is_done = store.compact()
    if not is_done:
        sys.stdout.write("not compacted: open transactions, or no room for a second journal\n")
        return EXIT_NOTHING
    sys.stdout.write(
        f"generation {store.generation}: {before} bytes before, {store.journal_bytes} after\n"
    )
    return 0


if __name__ == "__main__":
    run_program(main)
