"""`nexus bus ping`: round trips over an authenticated session."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from nexus.cli.bus.program import Outcome, Result, add_peer, call_peer, command_line, run
from nexus.dsoftbus.io.peer import Peer
from nexus.entry.options import whole
from nexus.entry.program import run_program

COUNT_MAX = 1000


def main(arguments: Sequence[str]) -> int:
    """Ping a peer."""
    parser = command_line(
        "ping",
        "Open a session with a peer (announce, handshake, identity binding) and measure"
        " round trips over it. Needs no permission of the peer beyond being known to it.",
        "node-b --count 5",
    )
    add_peer(parser)
    parser.add_argument(
        "--count",
        type=whole(1, COUNT_MAX),
        default=3,
        metavar="N",
        help="how many pings (default 3)",
    )
    return run(parser, arguments, _ping)


async def _ping(options: Namespace) -> Result:
    async def call(peer: Peer) -> Result:
        trips = [await peer.ping(options.timeout) * 1000 for _ in range(options.count)]
        low, high = min(trips), max(trips)
        text = f"{peer.device_id}: {len(trips)} round trips, {low:.3f}..{high:.3f} ms"
        fields = {"peer": peer.device_id, "round_trip_ms": [round(trip, 3) for trip in trips]}
        return Outcome.OK, text, fields

    return await call_peer(options, call)


if __name__ == "__main__":
    run_program(main)
