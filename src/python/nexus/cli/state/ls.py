"""`nexus state ls`: keys of a peer."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence

from nexus.cli.state.program import Answer, run, state_command_line
from nexus.core.text import show
from nexus.entry.options import whole
from nexus.entry.program import run_program
from nexus.remotefs.state.acl import NAMESPACE
from nexus.remotefs.state.io.client import StateClient
from nexus.remotefs.state.listing import KEYS_MAX


def main(arguments: Sequence[str]) -> int:
    """List keys by their beginning."""
    parser = state_command_line(
        "ls",
        "List the keys that begin with a prefix, in order, one a line. Controls in a key are"
        " shown as escapes. If --limit leaves keys out, a note on the error stream says so.",
        "node-b /state/shared/",
    )
    parser.add_argument("prefix", nargs="?", default=NAMESPACE, help=f"default {NAMESPACE}")
    parser.add_argument(
        "--limit",
        type=whole(1, KEYS_MAX),
        metavar="N",
        help="list at most so many keys (default: all)",
    )
    return run(parser, arguments, _list)


async def _list(client: StateClient, options: Namespace) -> Answer:
    keys: list[str] = []
    is_complete = True
    async for key in client.list_all(options.prefix):
        if len(keys) == options.limit:
            is_complete = False
            break
        keys.append(key)
    if not is_complete and not options.json:
        sys.stderr.write("note: there may be more keys\n")
    lines = "".join(f"{show(key)}\n" for key in keys)
    return Answer(lines.encode(), {"keys": keys, "complete": is_complete})


if __name__ == "__main__":
    run_program(main)
