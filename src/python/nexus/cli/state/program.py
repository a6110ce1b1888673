"""The common part of commands that use a peer's state: one way to end, one way to print.

Exit codes are those of `nexus bus`: 0 ok; 20 bad configuration, key or value; 21 fault of this
host; 70 no such key; 71 refused by the peer; 72 the peer's store failed; 73 deadline passed; 74 no
session; 130 interrupted.  With `--json` a command prints one JSON object, errors too.
"""

from __future__ import annotations

import asyncio
import sys
from argparse import Namespace
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from nexus.cli.bus.program import (
    Outcome,
    add_peer,
    command_line,
    emit,
    fail,
    outcome_of,
    read_settings,
)
from nexus.core.commandline import CommandLine
from nexus.core.errors import NexusError
from nexus.dsoftbus.io.node import Node
from nexus.remotefs.state.error import StateError
from nexus.remotefs.state.io.client import StateClient
from nexus.wire.state import Status

_BY_STATUS: Final[Mapping[Status, Outcome]] = {
    Status.NOT_FOUND: Outcome.NOT_FOUND,
    Status.ACCESS_DENIED: Outcome.REFUSED,
    Status.INVALID_KEY: Outcome.BAD_CONFIGURATION,
    Status.KEY_TOO_LONG: Outcome.BAD_CONFIGURATION,
    Status.VALUE_TOO_LARGE: Outcome.BAD_CONFIGURATION,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """The output of a command: bytes for the standard output, or fields of its JSON object."""

    output: bytes = b""
    fields: Mapping[str, object] = field(default_factory=dict)


Action = Callable[[StateClient, Namespace], Awaitable[Answer]]


def state_command_line(name: str, text: str, example: str) -> CommandLine:
    """Make the parser of a command that uses a peer."""
    parser = command_line(name, text, example, group="state")
    add_peer(parser)
    return parser


def run(parser: CommandLine, arguments: Sequence[str], action: Action) -> int:
    """Be a node for as long as one command takes; return its exit code."""
    is_json = "--json" in arguments
    try:
        answer = asyncio.run(_run(parser.parse_args(list(arguments)), action))
    except KeyboardInterrupt:
        return fail(Outcome.INTERRUPTED, "interrupted", is_json=is_json)
    except (NexusError, OSError) as exc:
        return fail(state_outcome_of(exc), str(exc), is_json=is_json)
    if is_json:
        emit({"outcome": Outcome.OK.label, **answer.fields})
    else:
        sys.stdout.buffer.write(answer.output)
        sys.stdout.buffer.flush()
    return Outcome.OK.value


def state_outcome_of(exc: Exception) -> Outcome:
    """Name the outcome that an error stands for."""
    if isinstance(exc, StateError):
        return _BY_STATUS.get(exc.status, Outcome.FAILED)
    return outcome_of(exc)


async def _run(options: Namespace, action: Action) -> Answer:
    async with Node(read_settings(options)) as node:
        peer = await node.connect(options.peer, options.timeout)
        return await action(StateClient(peer, options.timeout), options)
