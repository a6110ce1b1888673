"""The tables of a guest on QEMU, read by URL, as a program of its own.

    python -m nexus.remotefs.package.tables.guest_tables_support \\
        IMAGE FOLDER QEMU VERSION READER WHEEL

The folder has packages.img.  Prints what was read as JSON; exits with 77 where this system gives
no network namespace.
"""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from pathlib import Path
from typing import Final

from nexus.config.keys import derive_test_secret, public_key_of
from nexus.dsoftbus.io.guest_scene import (
    GUEST_DISCOVERY_PORT,
    HOST_PORT,
    host_secret,
    run_with_guest,
)
from nexus.dsoftbus.io.keyfile import NodeKey, write_key
from nexus.remotefs.package.tables.reading_support import read_tables

GUEST: Final = """
[[dsoftbus.allow]]
peer = "host-1"
service = "packagefsd"
operations = ["stat", "open", "read", "close"]
[dsoftbus.rate]
burst = 65535
per_second = 65535
[selftest]
mode = "server"
[packages]
image = "packages"
"""

_CONFIG: Final = """key_file = "host.key"
port = {port}
[[peer]]
id = "node-g"
address = "127.0.0.1"
discovery_port = {discovery_port}
public_key = "{public_key}"
"""


def main(arguments: list[str]) -> int:
    """Boot the guest and read."""
    *guest, reader, wheel = arguments
    meet = partial(_meet, Path(reader), Path(wheel))
    return run_with_guest(guest, GUEST, meet, dials=False)


async def _meet(reader: Path, wheel: Path, uart: Path) -> dict[str, object]:
    folder = uart.parent
    write_key(folder / "host.key", NodeKey("host-1", host_secret()))
    public_key = public_key_of(derive_test_secret("node-g")).hex()
    config = folder / "bus.toml"
    config.write_text(
        _CONFIG.format(port=HOST_PORT, discovery_port=GUEST_DISCOVERY_PORT, public_key=public_key)
    )
    root = "nexus-pkg://node-g/tables"
    return await asyncio.to_thread(read_tables, root, config, reader, wheel)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
