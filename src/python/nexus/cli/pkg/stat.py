"""`nexus pkg stat`: how large is a file of a peer?"""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence

from nexus.cli.pkg.program import command_line, run
from nexus.entry.program import run_program
from nexus.remotefs.package.io.client import AsyncPackageClient


def main(arguments: Sequence[str]) -> int:
    """Print the size of each file."""
    parser = command_line(
        "stat", "Print the size of a peer's package files.", "node-b pkg:/system/build.prop"
    )
    parser.add_argument(
        "name", nargs="+", help="a file, such as pkg:/bundle/file, /packages/bundle@1/file"
    )
    return run(parser, arguments, _stat)


async def _stat(client: AsyncPackageClient, options: Namespace) -> None:
    for name in options.name:
        sys.stdout.write(f"{await client.stat(name):>10}  {name}\n")


if __name__ == "__main__":
    run_program(main)
