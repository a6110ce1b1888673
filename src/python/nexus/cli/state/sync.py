"""`nexus state sync`: wait until a peer's changes survive a power cut."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from nexus.cli.state.program import Answer, run, state_command_line
from nexus.entry.program import run_program
from nexus.remotefs.state.io.client import StateClient


def main(arguments: Sequence[str]) -> int:
    """Wait for the peer's disk."""
    parser = state_command_line(
        "sync",
        "Return when every change that was answered before survives a power cut of the peer.",
        "node-b",
    )
    return run(parser, arguments, _sync)


async def _sync(client: StateClient, options: Namespace) -> Answer:
    await client.sync()
    return Answer(fields={"peer": options.peer})


if __name__ == "__main__":
    run_program(main)
