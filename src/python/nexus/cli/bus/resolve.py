"""`nexus bus resolve`: is a service registered at a peer?"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from nexus.cli.bus.program import Outcome, Result, add_peer, call_peer, command_line, run
from nexus.core.errors import UsageError
from nexus.dsoftbus.io.peer import Peer
from nexus.entry.program import run_program
from nexus.wire.samgr import RESOLVE_NAME_BYTES_MAX


def main(arguments: Sequence[str]) -> int:
    """Resolve a name."""
    parser = command_line(
        "resolve",
        "Ask a peer's service registry whether a service is registered. The peer must permit"
        " samgrd resolve-status to this node.",
        "node-b bundlemgrd",
    )
    add_peer(parser)
    parser.add_argument("name", help="the service's name")
    return run(parser, arguments, _resolve)


async def _resolve(options: Namespace) -> Result:
    length = len(options.name.encode())
    if not 1 <= length <= RESOLVE_NAME_BYTES_MAX:
        raise UsageError(f"name: {length} bytes; expected 1..{RESOLVE_NAME_BYTES_MAX}")

    async def call(peer: Peer) -> Result:
        is_there = await peer.resolve(options.name, options.timeout)
        fields = {"name": options.name, "peer": peer.device_id, "registered": is_there}
        verb = "is" if is_there else "is not"
        text = f"{options.name} {verb} registered at {peer.device_id}"
        return Outcome.OK if is_there else Outcome.NOT_FOUND, text, fields

    return await call_peer(options, call)


if __name__ == "__main__":
    run_program(main)
