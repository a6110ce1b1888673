"""Build a release archive: a `.tar.gz` whose bytes depend on its files and on nothing else.

    python -m nexus.release.archive --list files.json --folder nexus --out nexus.tar.gz

The list is a JSON object, names in the archive to files.  Times, owners, the order of the list and
the umask do not reach the output; whether a file may be executed does.  The same zlib is needed
for the same bytes: another one may compress otherwise.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from nexus.core.commandline import CommandLine, fail
from nexus.core.errors import NexusError
from nexus.core.given import read_given_text
from nexus.entry.program import run_program

# 1980-01-01, the oldest time that zip files know, so a zip of these files can keep it.
TIME: Final = 315_532_800

# A release has about a hundred files; a list of this length is a mistake.
FILES_MAX: Final = 4096
_LIST_BYTES_MAX: Final = 1 << 22


class ArchiveError(NexusError):
    """The list names something that cannot be packed."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the archive."""

    name: str
    content: bytes
    is_executable: bool = False


def pack(folder: str, entries: Iterable[Entry]) -> bytes:
    """Pack files into one folder.

    Raises:
        ArchiveError: a name leads out of the folder, or is there twice.
    """
    ordered = sorted(entries, key=lambda entry: entry.name)
    _require_names(ordered)
    packed = io.BytesIO()
    with (
        # Neither a name nor a time in the header of the compression.
        gzip.GzipFile(filename="", mode="wb", fileobj=packed, compresslevel=9, mtime=0) as stream,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for entry in ordered:
            header = tarfile.TarInfo(f"{folder}/{entry.name}")
            header.size = len(entry.content)
            header.mode = 0o755 if entry.is_executable else 0o644
            header.mtime = TIME
            archive.addfile(header, io.BytesIO(entry.content))
    return packed.getvalue()


def _require_names(ordered: Sequence[Entry]) -> None:
    if not ordered:
        raise ArchiveError("the list is empty; expected at least one file")
    seen = ""
    for entry in ordered:
        path = PurePosixPath(entry.name)
        if path.is_absolute() or ".." in path.parts or str(path) != entry.name:
            raise ArchiveError(f"{entry.name!r} is not a plain path below the archive's folder")
        if entry.name == seen:
            raise ArchiveError(f"{entry.name!r} is there twice")
        seen = entry.name


def read_list(text: str, origin: str) -> Mapping[str, str]:
    """Read the list: names in the archive to files.

    Raises:
        ArchiveError: it is no such list.
    """
    try:
        found = json.loads(text)
    except ValueError as exc:
        raise ArchiveError(f"{origin}: is not JSON: {exc}") from exc
    if not isinstance(found, dict) or not all(isinstance(path, str) for path in found.values()):
        raise ArchiveError(f"{origin}: expected an object of names and paths")
    if len(found) > FILES_MAX:
        raise ArchiveError(f"{origin}: {len(found)} files; expected at most {FILES_MAX}")
    return found


def main(arguments: Sequence[str]) -> int:
    """Read, pack, write; one line a mistake and exit code 20 for whatever is wrong."""
    parser = CommandLine("nexus.release.archive", "Build a release archive.")
    parser.add_argument("--list", required=True, type=Path, metavar="JSON")
    parser.add_argument("--folder", required=True, help="the one folder that it unpacks to")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE")
    try:
        options = parser.parse_args(arguments)
        text = read_given_text("--list", options.list, _LIST_BYTES_MAX, "a list of files in JSON")
        listed = read_list(text, str(options.list))
        packed = pack(options.folder, [_read(name, path) for name, path in listed.items()])
        options.out.write_bytes(packed)
    except OSError as exc:
        return fail(f"{exc.filename}: {exc.strerror}")
    except NexusError as exc:
        return fail(exc)
    return 0


def _read(name: str, path: str) -> Entry:
    return Entry(name, Path(path).read_bytes(), is_executable=os.access(path, os.X_OK))


if __name__ == "__main__":
    run_program(main)
