"""`nexus state get`: a value of a peer, to the standard output."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from nexus.cli.state.program import Answer, run, state_command_line
from nexus.entry.program import run_program
from nexus.remotefs.state.io.client import StateClient


def main(arguments: Sequence[str]) -> int:
    """Write a value's bytes, and nothing else."""
    parser = state_command_line(
        "get",
        "Write a peer's value to the standard output as it is; with --json in hexadecimal.",
        "node-b /state/shared/colour",
    )
    parser.add_argument("key", help="a key, such as /state/shared/colour")
    return run(parser, arguments, _get)


async def _get(client: StateClient, options: Namespace) -> Answer:
    value = await client.get(options.key)
    return Answer(value, {"key": options.key, "value": value.hex()})


if __name__ == "__main__":
    run_program(main)
