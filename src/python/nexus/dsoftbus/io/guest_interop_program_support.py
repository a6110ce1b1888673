"""A Python node and a guest on QEMU that meet, either one dialling, as a program of its own.

It takes MODE HOST GUEST IMAGE FOLDER QEMU VERSION.  MODE is host-dials or guest-dials, HOST and
GUEST are what each says of `rpc`.  Prints what happened as JSON; exits with 77 where this system
gives no network namespace.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Final

from nexus.config.defaults import RPC_MODES
from nexus.dsoftbus.io.guest_scene import HOST_PORT, guest_peer, host_secret, run_with_guest
from nexus.dsoftbus.io.node import Node
from nexus.dsoftbus.io.settings import Call, RefusedError, Settings
from nexus.dsoftbus.io.waiting_support import until
from nexus.dsoftbus.policy import Rule
from nexus.wire import bundle, samgr
from nexus.wire.rpc import Mode

GUEST: Final = """
[[dsoftbus.allow]]
peer = "host-1"
service = "samgrd"
operations = ["resolve-status"]
[[dsoftbus.allow]]
peer = "host-1"
service = "bundlemgrd"
operations = ["list"]
[selftest]
"""


# The guest's last line, and the longest time that it takes on a busy host.
SAID = "SELFTEST: remote query ok"
MEETING_S = 60.0


def main(arguments: list[str]) -> int:
    """Play one direction."""
    mode, host, guest, *rest = arguments
    dials = mode == "guest-dials"
    more = GUEST + ('mode = "client"\npeer = "host-1"\n' if dials else 'mode = "server"\n')
    meet = partial(_meet, mode, RPC_MODES[host])
    return run_with_guest(rest, more, meet, dials=dials, rpc=guest)


async def _meet(mode: str, rpc_mode: Mode, uart: Path) -> dict[str, object]:
    served: list[int] = []

    def registry(call: Call) -> bytes:
        served.append(call.service)
        return samgr.SlotReply(samgr.Op.RESOLVE_STATUS, samgr.Status.OK).encode()

    def manager(call: Call) -> bytes:
        served.append(call.service)
        return bundle.ListReply(bundle.Status.OK, 1).encode()

    async with Node(_settings(rpc_mode), {1: registry, 2: manager}) as node:
        if mode == "host-dials":
            return await _call_guest(node)
        await until(lambda: SAID in uart.read_text(errors="replace"), MEETING_S)
        return {"served": served, "sessions": node.session_count}


async def _call_guest(node: Node) -> dict[str, object]:
    peer = await node.connect("node-g", 50)
    result: dict[str, object] = {
        "registered": [await peer.resolve(name) for name in ("bundlemgrd", "nothing")],
        "bundles": await peer.bundle_count(),
    }
    await peer.ping()
    try:
        await peer.call(3, b"PK\x01\x01\x00\x00")
    except RefusedError:
        result["refused"] = True
    assert peer.link is not None, "no session"
    assert peer.link.carrier is not None, "no session"
    result["mode"] = peer.link.carrier.mode.value
    result["messages"] = peer.link.carrier.offer.value
    return result


def _settings(rpc_mode: Mode) -> Settings:
    return Settings(
        device_id="host-1",
        secret=host_secret(),
        port=HOST_PORT,
        announce=("samgrd", "bundlemgrd"),
        peers=(guest_peer(),),
        rules=(Rule("node-g", 1, 6), Rule("node-g", 2, 1)),
        rpc_mode=rpc_mode,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
