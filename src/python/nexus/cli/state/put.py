"""`nexus state put`: set a value of a peer."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from nexus.cli.state.program import Answer, run, state_command_line
from nexus.core.errors import UsageError
from nexus.entry.options import file_name
from nexus.entry.program import run_program
from nexus.entry.reading import read_bounded, read_descriptor
from nexus.remotefs.state.acl import TRANSFER_BYTES_MAX
from nexus.remotefs.state.io.client import StateClient

STANDARD_INPUT: Final = "-"

# The program that writes into the pipe may ask its user for a password first, as `ssh` does.
_INPUT_QUIET_SECONDS_MAX: Final = 300.0


def main(arguments: Sequence[str]) -> int:
    """Set one value."""
    parser = state_command_line(
        "put",
        f"Set a value of 1 to {TRANSFER_BYTES_MAX} bytes. When the command returns, the value"
        " outlives the peer's program. On a Python node it also survives a power cut; on a guest"
        " it does after `nexus state sync`.",
        "node-b /state/shared/colour green",
    )
    parser.add_argument("key", help="a key, such as /state/shared/colour")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("value", nargs="?", help="the value, as UTF-8")
    source.add_argument(
        "--file", type=file_name, metavar="FILE", help="take the value from a file; - is stdin"
    )
    return run(parser, arguments, _put)


async def _put(client: StateClient, options: Namespace) -> Answer:
    value = _read(options)
    await client.put(options.key, value)
    return Answer(fields={"key": options.key, "bytes": len(value)})


def _read(options: Namespace) -> bytes:
    """Read the value, and no more of a file than shows that it is too long."""
    if options.file is None:
        return os.fsencode(options.value)
    if options.file == STANDARD_INPUT:
        value = _read_input()
    else:
        value = read_bounded(Path(options.file), TRANSFER_BYTES_MAX)
    if not 1 <= len(value) <= TRANSFER_BYTES_MAX:
        size = f"more than {TRANSFER_BYTES_MAX}" if value else "0"
        raise UsageError(f"{options.file}: {size} bytes; expected 1..{TRANSFER_BYTES_MAX}")
    return value


def _read_input() -> bytes:
    """A person who types a value takes as long as it takes; a pipe does not."""
    if sys.stdin.isatty():
        return sys.stdin.buffer.read(TRANSFER_BYTES_MAX + 1)
    try:
        return read_descriptor(sys.stdin.fileno(), TRANSFER_BYTES_MAX, _INPUT_QUIET_SECONDS_MAX)
    except OSError as exc:
        raise UsageError(f"{STANDARD_INPUT}: {exc.strerror}") from exc


if __name__ == "__main__":
    run_program(main)
