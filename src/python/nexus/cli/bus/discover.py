"""`nexus bus discover`: which nodes announce themselves?"""

from __future__ import annotations

import asyncio
from argparse import Namespace
from collections.abc import Sequence

from nexus.cli.bus.program import Outcome, Result, command_line, read_settings, run
from nexus.dsoftbus.audit import printable
from nexus.dsoftbus.discovery import Entry
from nexus.dsoftbus.io.node import Node
from nexus.entry.options import whole
from nexus.entry.program import run_program


def main(arguments: Sequence[str]) -> int:
    """List the nodes that are heard."""
    parser = command_line(
        "discover",
        "Announce this node, listen, and list the nodes that were heard. What they say proves"
        " nothing: only those marked as pinned can become peers, after a handshake.",
        "--seconds 2",
    )
    parser.add_argument(
        "--seconds",
        type=whole(1, 60),
        default=2,
        metavar="S",
        help="how long to listen (default 2)",
    )
    return run(parser, arguments, _discover)


async def _discover(options: Namespace) -> Result:
    async with Node(read_settings(options)) as node:
        await asyncio.sleep(options.seconds)
        entries = node.live()
        mismatches = node.discovery.mismatch_count
    lines = [_describe(entry) for entry in entries] or ["no node was heard"]
    if mismatches:
        lines.append(f"{mismatches} announces of a configured peer had another key: ignored")
    fields: dict[str, object] = {
        "key_mismatches": mismatches,
        "nodes": [_fields(entry) for entry in entries],
    }
    return Outcome.OK if entries else Outcome.NOT_FOUND, "\n".join(lines), fields


def _describe(entry: Entry) -> str:
    mark = "pinned" if entry.is_configured else "stranger"
    # Names of unknown origin must not reach a terminal as they are.
    services = ", ".join(printable(service) for service in entry.services) or "nothing"
    where = f"{entry.address}:{entry.port}"
    return f"{printable(entry.device_id)}  {where}  {mark}  offers {services}"


def _fields(entry: Entry) -> dict[str, object]:
    return {
        "address": entry.address,
        "device_id": entry.device_id,
        "pinned": entry.is_configured,
        "port": entry.port,
        "public_key": entry.public_key.hex(),
        "services": list(entry.services),
    }


if __name__ == "__main__":
    run_program(main)
