"""The common part of the bus commands: options, one way to end, one way to print.

    0   ok              70  not found       71  refused by the peer     20  bad configuration
    130 interrupted     72  failed there    73  deadline passed         21  fault of this host
                        74  no session

With `--json` a command prints one JSON object a line; `outcome` names the exit code.
"""

from __future__ import annotations

import asyncio
import json
import sys
from argparse import ArgumentTypeError, Namespace
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from enum import Enum
from typing import Final

from nexus.config.error import ConfigError
from nexus.core.commandline import CommandLine
from nexus.core.commandline import fail as report
from nexus.core.errors import NexusError, UsageError
from nexus.dsoftbus.io.configuration import load_settings
from nexus.dsoftbus.io.keyfile import KeyFileError
from nexus.dsoftbus.io.node import Node
from nexus.dsoftbus.io.peer import Peer
from nexus.dsoftbus.io.settings import (
    DeadlineError,
    FailedError,
    RefusedError,
    Settings,
    UnavailableError,
)
from nexus.entry.options import file_name

CONFIG: Final = "bus.toml"
EXITS: Final = (
    "Exit codes: 0 ok, 20 bad configuration, 21 fault of this host, 70 not found, 71 refused by"
    " the peer, 72 its service failed, 73 deadline passed, 74 no session, 130 interrupted."
)


class Outcome(Enum):
    """The outcome of a command."""

    OK = 0
    BAD_CONFIGURATION = 20
    HOST_FAULT = 21
    NOT_FOUND = 70
    REFUSED = 71
    FAILED = 72
    DEADLINE = 73
    UNAVAILABLE = 74
    INTERRUPTED = 130

    @property
    def label(self) -> str:
        """The word of the JSON output."""
        return self.name.lower().replace("_", "-")


_ERRORS: Final[Mapping[type[Exception], Outcome]] = {
    RefusedError: Outcome.REFUSED,
    FailedError: Outcome.FAILED,
    DeadlineError: Outcome.DEADLINE,
    UnavailableError: Outcome.UNAVAILABLE,
    ConfigError: Outcome.BAD_CONFIGURATION,
    KeyFileError: Outcome.BAD_CONFIGURATION,
    UsageError: Outcome.BAD_CONFIGURATION,
    OSError: Outcome.HOST_FAULT,
}

Result = tuple[Outcome, str, Mapping[str, object]]
Action = Callable[[Namespace], Awaitable[Result]]


def command_line(
    name: str, text: str, example: str, *, has_config: bool = True, group: str = "bus"
) -> CommandLine:
    """Make a parser whose help teaches: what it does, an example, the exit codes."""
    full = " ".join(word for word in ("nexus", group, name) if word)
    parser = CommandLine(full, f"{text} Example: {full} {example}".rstrip())
    parser.epilog = EXITS
    if has_config:
        parser.add_argument(
            "--config",
            type=file_name,
            default=CONFIG,
            metavar="FILE",
            help=f"this node's file (default {CONFIG}); `nexus bus schema config` describes it",
        )
    parser.add_argument("--json", action="store_true", help="print JSON, one object a line")
    return parser


def add_peer(parser: CommandLine, timeout_s: float = 5.0) -> None:
    """Add what every command has that calls a peer."""
    parser.add_argument("peer", help="the peer's device id, as in the configuration")
    parser.add_argument(
        "--timeout",
        type=_seconds,
        default=timeout_s,
        metavar="S",
        help=f"seconds in all (default {timeout_s:g})",
    )


def run(parser: CommandLine, arguments: Sequence[str], action: Action) -> int:
    """Run a command to its outcome, print it, return its exit code."""
    is_json = "--json" in arguments
    try:
        options = parser.parse_args(list(arguments))
        outcome, text, fields = asyncio.run(_finish(action, options))
    except KeyboardInterrupt:
        outcome, text, fields = Outcome.INTERRUPTED, "interrupted", {}
    except (NexusError, OSError) as exc:
        outcome, text, fields = outcome_of(exc), str(exc), {}
    if is_json:
        emit({"outcome": outcome.label, "text": text, **fields})
    elif outcome in (Outcome.OK, Outcome.NOT_FOUND):
        sys.stdout.write(f"{text}\n")
    else:
        return fail(outcome, text, is_json=False)
    return outcome.value


def fail(outcome: Outcome, text: str, *, is_json: bool) -> int:
    """Say why a command ends; return its exit code."""
    if is_json:
        emit({"outcome": outcome.label, "text": text})
    else:
        report(text)
    return outcome.value


def outcome_of(exc: Exception) -> Outcome:
    """Name the outcome that an error stands for."""
    found = (outcome for kind, outcome in _ERRORS.items() if isinstance(exc, kind))
    return next(found, Outcome.FAILED)


def emit(record: Mapping[str, object]) -> None:
    """Print one JSON object."""
    sys.stdout.write(json.dumps(record, sort_keys=True) + "\n")
    sys.stdout.flush()


def read_settings(options: Namespace, *, is_listening: bool = False) -> Settings:
    """Read the node's file and key; a command that only calls needs no port of its own."""
    return replace(load_settings(options.config), is_listening=is_listening)


async def call_peer(options: Namespace, call: Callable[[Peer], Awaitable[Result]]) -> Result:
    """Be a node for as long as one call takes."""
    async with Node(read_settings(options)) as node:
        peer = await node.connect(options.peer, options.timeout)
        return await call(peer)


async def _finish(action: Action, options: Namespace) -> Result:
    return await action(options)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 3600:  # Not a number is not within it either.
        raise ArgumentTypeError(f"{text!r} is not a number of seconds above 0 and up to 3600")
    return value
