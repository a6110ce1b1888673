"""`nexus pkg cp`: a file of a peer, to a file here.

The file appears when it is complete: until then its bytes are in a file of another name beside it.
If the bundle lists the file, what came must have the listed SHA-256.
"""

from __future__ import annotations

import hashlib
import os
from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from nexus.cli.pkg.program import command_line, run
from nexus.core.errors import UsageError
from nexus.entry.program import run_program
from nexus.remotefs.package.io.client import CHUNK_BYTES, AsyncPackageClient
from nexus.remotefs.package.path import SCHEMES, PackageError, check_name
from nexus.remotefs.package.replies import CONTENTS
from nexus.wire.packagefs import Status


def main(arguments: Sequence[str]) -> int:
    """Copy one file."""
    parser = command_line(
        "cp",
        "Copy a peer's package file. It is compared with the SHA-256 that its bundle lists.",
        "node-b pkg:/system/build.prop build.prop",
    )
    parser.add_argument("name", help="a file, such as pkg:/bundle/file")
    parser.add_argument("target", type=Path, help="a file, or the folder to put it into")
    return run(parser, arguments, _copy)


def _place(target: Path, name: str) -> Path:
    """Return the path of the copy, which `target` names unless that is a folder."""
    path = target / name.rpartition("/")[2] if os.path.isdir(target) else target
    if not os.path.isdir(path.parent):
        raise UsageError(f"target {str(path)!r}: there is no folder {str(path.parent)!r}")
    return path


async def _copy(client: AsyncPackageClient, options: Namespace) -> None:
    name = check_name(options.name)
    target = _place(options.target, name)
    listed = await _listed(client, name)
    partial = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with partial.open("xb") as out:
            digest = await _fetch(client, name, out.write)
        if listed is not None and digest != listed:
            raise PackageError(
                Status.IO, f"{name}: its SHA-256 is {digest}; its bundle lists {listed}"
            )
        partial.replace(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


async def _fetch(client: AsyncPackageClient, name: str, write: Callable[[bytes], object]) -> str:
    """Write the file; return its SHA-256."""
    digest = hashlib.sha256()
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    console = Console(stderr=True)
    async with await client.open(name) as file:
        with Progress(
            *columns, TransferSpeedColumn(), console=console, disable=not console.is_terminal
        ) as progress:
            task = progress.add_task("copy", total=file.size)
            while data := await file.read(CHUNK_BYTES):
                write(data)
                digest.update(data)
                progress.advance(task, len(data))
    return digest.hexdigest()


async def _listed(client: AsyncPackageClient, name: str) -> str | None:
    """Ask the bundle's listing for the file's hash; None if it says nothing of it."""
    scheme = next(scheme for scheme in SCHEMES if name.startswith(scheme))
    bundle, _, path = name.removeprefix(scheme).partition("/")
    if path == CONTENTS:
        return None
    try:
        listing = await client.contents(scheme + bundle)
    except PackageError as exc:
        if exc.status is Status.NOT_FOUND:
            return None  # The bundle was packed without one; the file itself is asked for next.
        raise
    return next((file.sha256 for file in listing if file.path == path), None)


if __name__ == "__main__":
    run_program(main)
