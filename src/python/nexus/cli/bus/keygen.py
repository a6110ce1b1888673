"""`nexus bus keygen`: make a node's key file."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from nexus.cli.bus.program import Outcome, Result, command_line, run
from nexus.dsoftbus.io.keyfile import make_key, write_key
from nexus.entry.program import run_program


def main(arguments: Sequence[str]) -> int:
    """Make a key."""
    parser = command_line(
        "keygen",
        "Make a new key file, readable by you alone, and show the public key that peers pin.",
        "host-1 host.key",
        has_config=False,
    )
    parser.add_argument("id", help="the device id of the node")
    parser.add_argument("file", type=Path, help="where to write; never replaced")
    return run(parser, arguments, _keygen)


async def _keygen(options: Namespace) -> Result:
    key = make_key(options.id)
    write_key(options.file, key)
    text = f"{options.file}: {key.device_id}\npublic_key = {key.public.hex()}"
    fields = {
        "device_id": key.device_id,
        "file": str(options.file),
        "public_key": key.public.hex(),
    }
    return Outcome.OK, text, fields


if __name__ == "__main__":
    run_program(main)
