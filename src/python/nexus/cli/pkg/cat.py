"""`nexus pkg cat`: a file of a peer, to the standard output."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence

from nexus.cli.pkg.program import command_line, run
from nexus.entry.program import run_program
from nexus.remotefs.package.io.client import CHUNK_BYTES, AsyncPackageClient


def main(arguments: Sequence[str]) -> int:
    """Write a file's bytes as they come."""
    parser = command_line(
        "cat",
        "Write a peer's package file to the standard output.",
        "node-b pkg:/system/build.prop",
    )
    parser.add_argument("name", help="a file, such as pkg:/bundle/file")
    return run(parser, arguments, _cat)


async def _cat(client: AsyncPackageClient, options: Namespace) -> None:
    async with await client.open(options.name) as file:
        while data := await file.read(CHUNK_BYTES):
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    run_program(main)
