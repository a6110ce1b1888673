"""The common part of commands that read a peer's packages: options, and one way to end.

Exit codes are those of `nexus bus`: 0 ok; 20 bad configuration or name; 21 fault of this host; 70
not found; 71 refused by the peer; 72 the peer failed, or what came is not what is listed; 73
deadline passed; 74 no session; 130 interrupted.
"""

from __future__ import annotations

import asyncio
from argparse import Namespace
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from nexus.cli.bus.program import CONFIG, EXITS, Outcome, add_peer, read_settings
from nexus.cli.bus.program import outcome_of as bus_outcome_of
from nexus.core.commandline import CommandLine, fail
from nexus.core.errors import NexusError
from nexus.dsoftbus.io.node import Node
from nexus.entry.options import file_name, whole
from nexus.remotefs.package.io.client import AsyncPackageClient
from nexus.remotefs.package.path import PackageError
from nexus.remotefs.package.replies import OUTSTANDING_MAX
from nexus.wire.packagefs import Status

# A peer object has as many calls under way at most.
_OUTSTANDING_HIGHEST: Final = 128

_BY_STATUS: Final[Mapping[Status, Outcome]] = {
    Status.NOT_FOUND: Outcome.NOT_FOUND,
    Status.UNAUTHENTICATED: Outcome.REFUSED,
    Status.PATH_TRAVERSAL: Outcome.BAD_CONFIGURATION,
    Status.NON_PACKAGEFS_SCHEME: Outcome.BAD_CONFIGURATION,
    Status.OVERSIZED: Outcome.BAD_CONFIGURATION,
}

Action = Callable[[AsyncPackageClient, Namespace], Awaitable[None]]


def command_line(name: str, text: str, example: str) -> CommandLine:
    """Make a parser whose help teaches: what it does, an example, the exit codes."""
    parser = CommandLine(f"nexus pkg {name}", f"{text} Example: nexus pkg {name} {example}")
    parser.epilog = EXITS
    add_peer(parser)
    parser.add_argument(
        "--config",
        type=file_name,
        default=CONFIG,
        metavar="FILE",
        help=f"this node's file (default {CONFIG}); `nexus bus schema config` describes it",
    )
    parser.add_argument(
        "--outstanding",
        type=whole(1, _OUTSTANDING_HIGHEST),
        default=OUTSTANDING_MAX,
        metavar="N",
        help=f"requests under way at once (default {OUTSTANDING_MAX})",
    )
    return parser


def run(parser: CommandLine, arguments: Sequence[str], action: Action) -> int:
    """Be a node for as long as one command takes; return its exit code."""
    try:
        asyncio.run(_run(parser.parse_args(list(arguments)), action))
    except KeyboardInterrupt:
        return Outcome.INTERRUPTED.value
    except (NexusError, OSError) as exc:
        return fail(exc, outcome_of(exc).value)
    return Outcome.OK.value


def outcome_of(exc: Exception) -> Outcome:
    """Name the outcome that an error stands for."""
    if isinstance(exc, PackageError):
        return _BY_STATUS.get(exc.status, Outcome.FAILED)
    return bus_outcome_of(exc)


async def _run(options: Namespace, action: Action) -> None:
    async with Node(read_settings(options)) as node:
        peer = await node.connect(options.peer, options.timeout)
        await action(AsyncPackageClient(peer, options.outstanding, options.timeout), options)
