"""The command line of `ci:remote_cache -- --worker`, read and held together."""

from __future__ import annotations

import argparse
import re
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from nexus.core.commandline import CommandLine, bounded
from nexus.core.errors import UsageError
from nexus.remotecache import settings
from nexus.remotecache.connection import parse_address
from nexus.remotecache.joining import PROPERTIES_MAX, own_capacity, own_properties
from nexus.remotecache.settings import JOBS_MAX, hold_quota

DESCRIPTION: Final = "A machine that executes for a server, until it is told to stop."

DRAIN_SECONDS_MAX: Final = 7 * 24 * 3600
BYTES_MAX: Final = 1 << 60
PROPERTY: Final = re.compile(r"[A-Za-z0-9._-]{1,64}=[A-Za-z0-9._+-]{1,128}")

# With less room than this a process could fail for want of it, and so none is taken.
FREE_BYTES_MIN: Final = 256 * 1024 * 1024


def parser() -> CommandLine:
    """Make the parser."""
    made = CommandLine("remote_cache --worker", DESCRIPTION)
    add = made.add_argument
    add("--server", required=True, metavar="HOST:PORT")
    add(
        "--authority",
        type=Path,
        required=True,
        metavar="FILE",
        help="the authority behind the server's certificate; a file such as a runner's settings",
    )
    add("--token", type=Path, required=True, metavar="FILE", help="a token with the scope work")
    add("--folder", type=Path, required=True, help="the folder of the local store")
    add("--id", default=socket.gethostname(), help="the worker's name; default: the host's name")
    text = "processes at once; default: by cores and memory"
    add("--jobs", metavar="N", help=text)
    add(
        "--property",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help=f"what this machine is; requests match by {', '.join(settings.MATCHED_PROPERTIES)}",
    )
    add(
        "--mount",
        type=Path,
        action="append",
        default=[],
        help="a folder that processes may read, besides the system's",
    )
    add("--quota", default="10G", help="size of the local store")
    add(
        "--free",
        default=str(FREE_BYTES_MIN),
        metavar="BYTES",
        help=f"room to keep on its disk; default {FREE_BYTES_MIN}",
    )
    text = "how long running processes may take to end; default 3600"
    add("--drain-seconds", default="3600", metavar="SECONDS", help=text)
    return made


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Read the command line.

    Raises:
        UsageError: a value is not one.
    """
    given = parser().parse_args(argv)
    given.host, given.port = parse_address("--server", given.server)
    given.jobs = bounded("--jobs", given.jobs, 1, JOBS_MAX) or own_capacity()
    given.free = bounded("--free", given.free, 0, BYTES_MAX)
    given.drain_seconds = bounded("--drain-seconds", given.drain_seconds, 0, DRAIN_SECONDS_MAX)
    hold_quota(given.quota)
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", given.id):
        raise UsageError(f"--id: {given.id!r} is not 1 to 64 letters, digits, '.', '_' or '-'")
    for item in given.property:
        if PROPERTY.fullmatch(item) is None:
            raise UsageError(f"--property: {item!r} is not NAME=VALUE, such as pool=big")
        if item.partition("=")[0] not in settings.MATCHED_PROPERTIES:
            raise UsageError(
                f"--property: {item.partition('=')[0]!r} is unknown; expected "
                f"{', '.join(settings.MATCHED_PROPERTIES)}"
            )
    given.properties = own_properties([tuple(item.split("=", 1)) for item in given.property])
    if len(given.properties) > PROPERTIES_MAX:
        raise UsageError(f"--property: more than {PROPERTIES_MAX - 3} are given")
    return given
