"""`nexus bus serve`: run a node that permitted peers may call.

It has a service registry and a bundle manager, as a guest has: what is registered and how many
bundles there are is given on the command line.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping, Sequence
from typing import Final

from nexus.cli.bus.program import Outcome, Result, command_line, read_settings, run
from nexus.cli.bus.serving import Printer, serve_until_stopped
from nexus.dsoftbus.io.log import NodeLog
from nexus.dsoftbus.io.node import Node
from nexus.dsoftbus.io.settings import Call, Handler
from nexus.dsoftbus.log import SERVICE
from nexus.entry.options import whole
from nexus.entry.program import Text, run_program
from nexus.wire import bundle, samgr
from nexus.wire.error import RemoteProtocolError

BUNDLES_MAX: Final = 65_535


def main(arguments: Sequence[str]) -> int:
    """Serve until interrupted."""
    parser = command_line(
        "serve",
        "Announce this node and serve the calls that its configuration permits: a service"
        " registry, a bundle manager, and the log of its decisions. Each decision is printed, too."
        " The command ends with SIGINT or SIGTERM.",
        "--register samgrd bundlemgrd --bundles 3",
    )
    parser.add_argument(
        "--register", nargs="*", default=[], metavar="NAME", help="names that resolve"
    )
    parser.add_argument(
        "--bundles",
        type=whole(0, BUNDLES_MAX),
        default=0,
        metavar="N",
        help="how many bundles this node reports (default 0)",
    )
    return run(parser, arguments, _serve)


def make_handlers(names: Sequence[str], bundles: int) -> Mapping[int, Handler]:
    """Make the services, by number."""
    registered = frozenset(names)

    def registry(call: Call) -> bytes | None:
        op = samgr.Op.RESOLVE_STATUS
        try:
            request = samgr.decode_request(call.payload)
        except RemoteProtocolError:
            return samgr.SlotReply(op, samgr.Status.MALFORMED).encode()
        is_there = request.name in registered
        status = samgr.Status.OK if is_there else samgr.Status.NOT_FOUND
        return samgr.SlotReply(op, status).encode()

    def manager(call: Call) -> bytes | None:
        try:
            bundle.decode_request(call.payload)
        except RemoteProtocolError:
            return bundle.ListReply(bundle.Status.MALFORMED).encode()
        return bundle.ListReply(bundle.Status.OK, bundles).encode()

    return {1: registry, 2: manager}


async def _serve(options: Namespace) -> Result:
    printer = Printer(options.json)
    log = NodeLog()
    handlers: dict[int, Handler] = dict(make_handlers(options.register, options.bundles))
    handlers[SERVICE] = log
    node = Node(read_settings(options, is_listening=True), handlers, log.keeping(printer.record))
    await serve_until_stopped(node, printer)
    return Outcome.OK, "ended", {}


if __name__ == "__main__":
    run_program(main, Text.REPORT)
