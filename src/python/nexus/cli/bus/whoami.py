"""`nexus bus whoami`: a node's id, and the key that peers pin."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from nexus.cli.bus.program import Outcome, Result, command_line, read_settings, run
from nexus.dsoftbus.io.keyfile import NodeKey
from nexus.entry.program import run_program


def main(arguments: Sequence[str]) -> int:
    """Show who we are."""
    parser = command_line(
        "whoami",
        "Show this node's device id and public key, as a peer's configuration has them.",
        "--config bus.toml",
    )
    return run(parser, arguments, _whoami)


async def _whoami(options: Namespace) -> Result:
    settings = read_settings(options)
    public = NodeKey(settings.device_id, settings.secret).public.hex()
    peers = [peer.device_id for peer in settings.peers]
    text = (
        f'[[peer]]\nid = "{settings.device_id}"\naddress = "{settings.address}"\n'
        f'public_key = "{public}"'
    )
    fields = {
        "address": settings.address,
        "device_id": settings.device_id,
        "peers": peers,
        "public_key": public,
    }
    return Outcome.OK, text, fields


if __name__ == "__main__":
    run_program(main)
