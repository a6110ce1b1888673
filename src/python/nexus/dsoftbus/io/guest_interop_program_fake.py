"""A Python node and a guest on QEMU that meet over QEMU's user network, as a program of its own.

    python -m nexus.dsoftbus.io.guest_interop_program_fake MODE IMAGE FOLDER QEMU VERSION

MODE is host-dials or guest-dials.

Run in a network namespace of its own, where the fixed ports of discovery are free and the only
network is a loopback.  The guest reaches this host as 10.0.2.2; its ports are forwarded to it.
Prints what happened as JSON.  It exits with 77 where this system gives no namespace.
"""

from __future__ import annotations

import asyncio
import ctypes
import fcntl
import json
import socket
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from nexus.config.compile import compile_node
from nexus.config.keys import derive_test_secret, public_key_of
from nexus.config.load import load_node
from nexus.dsoftbus.io.node import Node
from nexus.dsoftbus.io.settings import Call, PeerSettings, RefusedError, Settings
from nexus.dsoftbus.policy import Rule
from nexus.wire import bundle, samgr

NO_NAMESPACE: Final = 77
GUEST_DISCOVERY_PORT: Final = 37021
GUEST_PORT: Final = 34568
HOST_PORT: Final = 34567
# QEMU refuses files for the board's fw_cfg before this; the guest looks into the flash too.
FW_CFG_SINCE: Final = 8
FLASH_BASE: Final = 0x2000_0000

GUEST: Final = """
[node]
id = "node-g"
mac = "52:54:00:12:34:0c"
[network]
address = "10.0.2.15/24"
gateway = "10.0.2.2"
[dsoftbus]
static_key = {{ test_seed = "node-g" }}
port = {port}
[[dsoftbus.peer]]
id = "host-1"
address = "10.0.2.2"
port = {host_port}
public_key = {{ test_seed = "host-1" }}
dial = {dials}
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


def main(arguments: list[str]) -> int:
    """Play one direction."""
    mode, image, folder, program, version = arguments
    if not _enter_namespace():
        return NO_NAMESPACE
    config = _write_config(Path(folder), dials=mode == "guest-dials")
    uart = Path(folder) / "uart.log"
    with uart.open("wb") as log:
        command = _command(program, version, image, config)
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log) as guest:
            try:
                result = asyncio.run(_meet(mode, uart))
            finally:
                guest.kill()
    sys.stdout.write(json.dumps(result))
    return 0


async def _meet(mode: str, uart: Path) -> dict[str, Any]:
    served: list[int] = []

    def registry(call: Call) -> bytes:
        served.append(call.service)
        return samgr.SlotReply(samgr.Op.RESOLVE_STATUS, samgr.Status.OK).encode()

    def manager(call: Call) -> bytes:
        served.append(call.service)
        return bundle.ListReply(bundle.Status.OK, 1).encode()

    async with asyncio.timeout(60), Node(_settings(), {1: registry, 2: manager}) as node:
        if mode == "host-dials":
            return await _call_guest(node)
        while "SELFTEST: remote query ok" not in uart.read_text(errors="replace"):
            await asyncio.sleep(0.02)
        return {"served": served, "sessions": node.session_count}


async def _call_guest(node: Node) -> dict[str, Any]:
    peer = await node.connect("node-g", 50)
    result: dict[str, Any] = {
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
    return result


def _settings() -> Settings:
    guest = PeerSettings(
        device_id="node-g",
        public_key=public_key_of(derive_test_secret("node-g")),
        address="127.0.0.1",
        discovery_port=GUEST_DISCOVERY_PORT,
    )
    return Settings(
        device_id="host-1",
        secret=derive_test_secret("host-1"),
        port=HOST_PORT,
        announce=("samgrd", "bundlemgrd"),
        peers=(guest,),
        rules=(Rule("node-g", 1, 6), Rule("node-g", 2, 1)),
    )


def _write_config(folder: Path, *, dials: bool) -> Path:
    text = GUEST.format(port=GUEST_PORT, host_port=HOST_PORT, dials=str(dials).lower())
    text += 'mode = "client"\npeer = "host-1"\n' if dials else 'mode = "server"\n'
    (folder / "guest.toml").write_text(text)
    blob = folder / "guest.nxcf"
    blob.write_bytes(compile_node(load_node(folder / "guest.toml")))
    return blob


def _command(program: str, version: str, image: str, config: Path) -> list[str]:
    if int(version.partition(".")[0]) >= FW_CFG_SINCE:
        blob = ["-fw_cfg", f"name=opt/org.nexus/node,file={config}"]
    else:
        blob = ["-device", f"loader,file={config},addr={FLASH_BASE:#x},force-raw=on"]
    forward = (
        f"hostfwd=udp:127.0.0.1:{GUEST_DISCOVERY_PORT}-:37020,"
        f"hostfwd=tcp:127.0.0.1:{GUEST_PORT}-:{GUEST_PORT}"
    )
    return [
        *(program, "-M", "virt", "-smp", "1", "-m", "64M", "-bios", "none", "-kernel", image),
        *("-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"),
        *("-monitor", "none", "-serial", "stdio", "-global", "virtio-mmio.force-legacy=false"),
        *blob,
        *("-netdev", f"user,id=n0,{forward}"),
        *("-device", "virtio-net-device,netdev=n0,mac=52:54:00:12:34:0c,bus=virtio-mmio-bus.0"),
        *("-device", "virtio-rng-device,bus=virtio-mmio-bus.1"),
    ]


def _enter_namespace() -> bool:
    new_user, new_network = 0x1000_0000, 0x4000_0000
    if ctypes.CDLL(None, use_errno=True).unshare(new_user | new_network):
        return False
    set_flags, is_up = 0x8914, 1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, set_flags, struct.pack("16sh14x", b"lo", is_up))
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
