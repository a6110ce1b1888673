"""`nexus pkg ls`: what is in a bundle of a peer?"""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence

from nexus.cli.pkg.program import command_line, run
from nexus.core.text import mask
from nexus.entry.program import run_program
from nexus.remotefs.package.io.client import AsyncPackageClient


def main(arguments: Sequence[str]) -> int:
    """List a bundle by its `contents.txt`."""
    parser = command_line(
        "ls",
        "List the files of a peer's bundle: SHA-256, size and path. Which bundles there are"
        " cannot be asked.",
        "node-b pkg:/system",
    )
    parser.add_argument("bundle", help="a folder, such as pkg:/bundle or pkg:/bundle@version")
    return run(parser, arguments, _list)


async def _list(client: AsyncPackageClient, options: Namespace) -> None:
    for file in await client.contents(options.bundle):
        # A name from elsewhere must not reach a terminal as it is.
        line = f"{file.sha256}  {file.size:>10}  {mask(file.path)}\n"
        sys.stdout.buffer.write(line.encode())  # UTF-8 whatever the locale says.
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    run_program(main)
