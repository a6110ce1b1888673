"""`nexus state ls`: keys of a peer."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence

from nexus.cli.bus.program import whole
from nexus.cli.state.program import Answer, run, state_command_line
from nexus.dsoftbus.audit import printable
from nexus.remotefs.state.acl import LIST_MAX, NAMESPACE
from nexus.remotefs.state.io.client import StateClient


def main(arguments: Sequence[str]) -> int:
    """List keys by their beginning."""
    parser = state_command_line(
        "ls",
        "List the first keys that begin with a prefix. One answer has room for some ten to"
        f" {LIST_MAX}; that there may be more is told on the error stream, and a longer prefix"
        " shows them.",
        "node-b /state/shared/",
    )
    parser.add_argument("prefix", nargs="?", default=NAMESPACE, help=f"default {NAMESPACE}")
    parser.add_argument(
        "--limit",
        type=whole(1, LIST_MAX),
        default=LIST_MAX,
        metavar="N",
        help=f"at most so many (default {LIST_MAX})",
    )
    return run(parser, arguments, _list)


async def _list(client: StateClient, options: Namespace) -> Answer:
    listing = await client.list(options.prefix, options.limit)
    if not listing.is_complete and not options.json:
        sys.stderr.write("note: there may be more keys\n")
    # A name from elsewhere must not reach a terminal as it is.
    lines = "".join(f"{printable(key)}\n" for key in listing.keys)
    fields = {"keys": list(listing.keys), "complete": listing.is_complete}
    return Answer(lines.encode(), fields)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
