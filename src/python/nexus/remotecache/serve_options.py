"""The command line of `ci:remote_cache`, read and held together."""

from __future__ import annotations

import argparse
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nexus.core.commandline import CommandLine, bounded
from nexus.core.errors import UsageError
from nexus.core.text import quote
from nexus.remotecache.access import NAME, NAME_FORM, AccessError, parse_scopes
from nexus.remotecache.certificates import CertificateError, parse_names
from nexus.remotecache.credentials import CERTIFIED_NAME_CHARACTERS_MAX, LOCAL_NAME, ServerFiles
from nexus.remotecache.joining import own_capacity
from nexus.remotecache.settings import JOBS_MAX, WORKER_SECONDS_MAX, WORKER_SECONDS_MIN, hold_quota

PORT_MAX: Final = 65535
DAYS_MAX: Final = 3650

DESCRIPTION: Final = """A shared cache, and a scheduler for workers, until it is told to stop.
With `--worker` (see `--worker --help`) a machine that executes for such a server.
With `--grant`, `--revoke` or `--grants`, the tokens of a folder's server, which may run."""


@dataclass(frozen=True)
class Files:
    """A team's own certificate, all of it or nothing."""

    authority: Path | None
    certificate: Path | None
    key: Path | None

    def given(self) -> ServerFiles | None:
        """The files, if they are given.

        Raises:
            UsageError: only some are.
        """
        options = {
            "--authority": self.authority,
            "--certificate": self.certificate,
            "--key": self.key,
        }
        missing = [name for name, path in options.items() if path is None]
        if len(missing) == len(options):
            return None
        if missing:
            raise UsageError(
                f"{missing[0]}: is missing; --authority, --certificate and --key belong together"
            )
        authority, certificate, key = (path or Path() for path in options.values())
        return ServerFiles(authority, certificate, key)


def parser() -> CommandLine:
    """Make the parser."""
    made = CommandLine("remote_cache", DESCRIPTION)
    add = made.add_argument
    add("--folder", type=Path, help="keep everything here; default: keep nothing")
    add("--listen", metavar="ADDRESS", default="127.0.0.1", help="default: this machine only")
    add(
        "--name",
        metavar="HOST[,HOST]",
        help="names and addresses of this machine, for its "
        "certificate; runners get the first; default: localhost",
    )
    add("--port", type=port_number, default=0, help="default: one that is free")
    add(
        "--certificates-port",
        type=port_number,
        default=0,
        metavar="PORT",
        help="also listen for clients that prove who they are by a certificate",
    )
    add(
        "--metrics-port",
        type=port_number,
        default=0,
        metavar="PORT",
        help="answer /health and /metrics there, without TLS",
    )
    add_files(made)
    add_scheduling(made)
    add_tokens(made)
    return made


def add_files(made: CommandLine) -> None:
    """Add options of what the server keeps, and where."""
    add = made.add_argument
    add(
        "--authority",
        type=Path,
        metavar="FILE",
        help="the team's authority; goes with --certificate and --key",
    )
    add(
        "--certificate",
        type=Path,
        metavar="FILE",
        help="certificate of the server; default: one is made",
    )
    add("--key", type=Path, metavar="FILE", help="private key of that certificate")
    add("--quota", default="10G", help="size of the store, such as 500M or 10G")
    add("--days", default="30", metavar="N", help="how long keys and tokens are valid; default 30")
    add("--settings", type=Path, metavar="FILE", help="also write the settings of a runner there")
    add(
        "--runner-folder",
        type=Path,
        default=Path("/etc/nexus-cache"),
        metavar="FOLDER",
        help="where runners keep that file and their token",
    )
    add("--verbose", action="store_true", help="a line in the log for each call")


def add_scheduling(made: CommandLine) -> None:
    """Add options of the scheduler, and of a worker beside it."""
    add = made.add_argument
    add("--schedule", action="store_true", help="take processes for workers")
    add(
        "--database",
        metavar="URL",
        help="database of the scheduler: postgresql://...; default: SQLite in the folder",
    )
    add(
        "--worker-seconds",
        default=str(WORKER_SECONDS_MAX),
        metavar="SECONDS",
        help="a worker that is silent for so long is gone, and others run what it ran",
    )
    add("--execute", action="store_true", help="schedule, and be a worker as well, in bubblewrap")
    text = "with --execute: processes at once; default: by cores and memory"
    add("--jobs", metavar="N", help=text)
    add(
        "--mount",
        type=Path,
        action="append",
        default=[],
        help="a folder that the worker's processes may read, besides the system's",
    )


def add_tokens(made: CommandLine) -> None:
    """Add options that manage the tokens of a folder's server."""
    add = made.add_argument
    add("--grant", metavar="NAME", help="make a token of that name")
    add("--scopes", metavar="SCOPE[,SCOPE]", help="read, write, execute, work, admin")
    add(
        "--with-certificate",
        action="store_true",
        help="with --grant: also make a client's certificate",
    )
    add("--revoke", metavar="NAME", help="revoke the tokens of that name")
    add("--grants", action="store_true", help="list the tokens and when they expire")


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Read the command line.

    Raises:
        UsageError: a value is not one, or options do not go together.
    """
    given = parser().parse_args(argv)
    given.days = bounded("--days", given.days, 1, DAYS_MAX)
    given.worker_seconds = bounded(
        "--worker-seconds", given.worker_seconds, WORKER_SECONDS_MIN, 3600
    )
    given.jobs = bounded("--jobs", given.jobs, 1, JOBS_MAX) or own_capacity()
    hold_quota(given.quota)
    try:
        address = ipaddress.ip_address(given.listen)
    except ValueError as exc:
        raise UsageError(
            f"--listen: {given.listen!r} is not an address; expected one like 0.0.0.0, :: or "
            "10.0.0.5 (names go into --name)"
        ) from exc
    given.listen = str(address)
    if given.name is None and not address.is_loopback:
        raise UsageError("--name: is missing; say by which names other machines find this one")
    try:
        given.names = parse_names(LOCAL_NAME if given.name is None else given.name)
        if given.scopes is not None:
            given.scopes = parse_scopes(given.scopes)
    except CertificateError as exc:
        raise UsageError(str(exc)) from exc
    except AccessError as exc:
        raise UsageError(f"--scopes: {exc}") from exc
    given.files = Files(given.authority, given.certificate, given.key).given()
    given.schedule = given.schedule or given.execute or given.database is not None
    hold_ports(given)
    hold_management(given)
    return given


def hold_ports(given: argparse.Namespace) -> None:
    """Hold ports apart, and certificates to the authority that signs them."""
    ports = [port for port in (given.port, given.certificates_port, given.metrics_port) if port]
    if len(ports) != len(set(ports)):
        raise UsageError("--port, --certificates-port and --metrics-port: must differ")


def hold_management(given: argparse.Namespace) -> None:
    """Hold together what concerns tokens."""
    asked = [given.grant is not None, given.revoke is not None, given.grants]
    if sum(asked) > 1:
        raise UsageError("--grant, --revoke, --grants: one at a time")
    if any(asked) and given.folder is None:
        raise UsageError("--folder: is missing; say whose tokens")
    if given.grant is not None and not given.scopes:
        raise UsageError("--scopes: is missing; say what the token is for, such as read,write")
    for option, name in (("--grant", given.grant), ("--revoke", given.revoke)):
        if name is not None and NAME.fullmatch(name) is None:
            raise UsageError(f"{option}: {name!r} is not a name; expected {NAME_FORM}")
    if given.with_certificate and len(given.grant or "") > CERTIFIED_NAME_CHARACTERS_MAX:
        raise UsageError(
            f"--grant: {given.grant!r} is too long for a certificate; expected at most "
            f"{CERTIFIED_NAME_CHARACTERS_MAX} characters"
        )
    if given.grant is None and (given.scopes or given.with_certificate):
        raise UsageError("--scopes and --with-certificate: go with --grant NAME")


def port_number(text: str) -> int:
    """A port, or 0 for one that is free."""
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(PORT_MAX))
    if not is_number or int(text) > PORT_MAX:
        raise argparse.ArgumentTypeError(f"{quote(text)} is not a port; expected 0 to {PORT_MAX}")
    return int(text)
