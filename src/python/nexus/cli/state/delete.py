"""`nexus state del`: remove a key of a peer."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from nexus.cli.state.program import Answer, run, state_command_line
from nexus.entry.program import run_program
from nexus.remotefs.state.io.client import StateClient


def main(arguments: Sequence[str]) -> int:
    """Remove one key."""
    parser = state_command_line(
        "del",
        "Remove a key. A key that is missing has an exit code of its own.",
        "node-b /state/shared/colour",
    )
    parser.add_argument("key", help="a key, such as /state/shared/colour")
    return run(parser, arguments, _delete)


async def _delete(client: StateClient, options: Namespace) -> Answer:
    await client.delete(options.key)
    return Answer(fields={"key": options.key})


if __name__ == "__main__":
    run_program(main)
