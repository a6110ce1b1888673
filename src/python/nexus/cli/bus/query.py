"""`nexus bus query`: how many bundles has a peer?"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from nexus.cli.bus.program import Outcome, Result, add_peer, call_peer, command_line, run
from nexus.dsoftbus.io.peer import Peer
from nexus.entry.program import run_program


def main(arguments: Sequence[str]) -> int:
    """Query the bundles."""
    parser = command_line(
        "query",
        "Ask a peer's bundle manager how many bundles it has. The peer must permit bundlemgrd"
        " list to this node.",
        "node-b",
    )
    add_peer(parser)
    return run(parser, arguments, _query)


async def _query(options: Namespace) -> Result:
    async def call(peer: Peer) -> Result:
        count = await peer.bundle_count(options.timeout)
        text = f"{peer.device_id} has {count} bundle{'' if count == 1 else 's'}"
        return Outcome.OK, text, {"bundles": count, "peer": peer.device_id}

    return await call_peer(options, call)


if __name__ == "__main__":
    run_program(main)
