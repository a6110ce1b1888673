"""`nexus pkg serve`: be a node whose packages permitted peers may read."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from nexus.cli.bus.program import CONFIG, EXITS, Outcome, read_settings
from nexus.cli.bus.serving import Printer, serve_until_stopped
from nexus.cli.pkg.program import outcome_of
from nexus.core.commandline import CommandLine, fail
from nexus.core.errors import NexusError
from nexus.dsoftbus import log
from nexus.dsoftbus.io.log import NodeLog
from nexus.dsoftbus.io.node import Node
from nexus.dsoftbus.io.settings import Handler
from nexus.entry.options import file_name
from nexus.entry.program import Text, run_program
from nexus.image.error import ImageError
from nexus.image.package_file import load_image
from nexus.remotefs.package.backend import ImageBackend
from nexus.remotefs.package.io.service import PackageService
from nexus.remotefs.package.replies import SERVICE
from nexus.wire.package_stream import STREAM


def main(arguments: Sequence[str]) -> int:
    """Serve until interrupted."""
    parser = CommandLine(
        "nexus pkg serve",
        "Announce this node and let the peers that its configuration permits read a package"
        " image, and the log of its decisions. Each decision is printed, too. The command ends with"
        " SIGINT or SIGTERM."
        " Example: nexus pkg serve packages.img",
    )
    parser.epilog = EXITS
    parser.add_argument("image", type=Path, help="a package image; it is verified first")
    parser.add_argument(
        "--config",
        type=file_name,
        default=CONFIG,
        metavar="FILE",
        help=f"this node's file (default {CONFIG})",
    )
    try:
        asyncio.run(_serve(parser.parse_args(list(arguments))))
    except (NexusError, OSError) as exc:
        is_input = isinstance(exc, ImageError)
        return fail(exc, (Outcome.BAD_CONFIGURATION if is_input else outcome_of(exc)).value)
    return Outcome.OK.value


async def _serve(options: Namespace) -> None:
    packages = PackageService(ImageBackend(load_image(options.image)))
    printer = Printer()
    node_log = NodeLog()
    handlers: dict[int, Handler] = {SERVICE: packages, log.SERVICE: node_log}
    sink = node_log.keeping(printer.record)
    settings = read_settings(options, is_listening=True)
    streams = {STREAM: packages.read_stream}
    node = Node(settings, handlers, sink, streams, packages.session_ended)
    await serve_until_stopped(node, printer)


if __name__ == "__main__":
    run_program(main, Text.REPORT)
