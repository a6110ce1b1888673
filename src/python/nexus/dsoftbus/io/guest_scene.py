"""A guest on QEMU that a Python node meets over QEMU's user network, for programs of tests.

Run in a network namespace of its own, where the fixed ports of discovery are free and the only
network is a loopback.  The guest reaches this host as 10.0.2.2; its ports are forwarded to it.
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
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

from nexus.config.compile import compile_node
from nexus.config.keys import derive_test_secret, public_key_of
from nexus.config.load import load_node
from nexus.dsoftbus.io.settings import PeerSettings

NO_NAMESPACE: Final = 77
GUEST_DISCOVERY_PORT: Final = 37021
GUEST_PORT: Final = 34568
HOST_PORT: Final = 34567
# QEMU refuses files for the board's fw_cfg before this; the guest looks into the flash too.
FW_CFG_SINCE: Final = 8
FLASH_BASE: Final = 0x2000_0000

_GUEST: Final = """
[node]
id = "node-g"
mac = "52:54:00:12:34:0c"
[network]
address = "10.0.2.15/24"
gateway = "10.0.2.2"
[dsoftbus]
static_key = {{ test_seed = "node-g" }}
port = {port}
rpc = "{rpc}"
[[dsoftbus.peer]]
id = "host-1"
address = "10.0.2.2"
port = {host_port}
public_key = {{ test_seed = "host-1" }}
dial = {dials}
{more}
"""

# A program that meets the guest: it gets the guest's console, and its result is printed as JSON.
Meeting = Callable[[Path], Awaitable[dict[str, object]]]


def run_with_guest(
    arguments: Sequence[str], more: str, meet: Meeting, *, dials: bool, rpc: str = "frames"
) -> int:
    """Boot a guest and meet it.

    Args:
        arguments: IMAGE FOLDER QEMU VERSION.
        more: The rest of the guest's node file.
        meet: What is done with it.
        dials: Whether the guest dials this host.
        rpc: How the guest calls, and may be called, as its configuration says it.
    """
    image, folder, program, version = arguments
    if not _enter_namespace():
        return NO_NAMESPACE
    config = _write_config(Path(folder), more, dials=dials, rpc=rpc)
    uart = Path(folder) / "uart.log"
    command = _command(program, version, image, config, Path(folder) / "state.img")
    with uart.open("wb") as log:  # noqa: SIM117 - the file is closed after the guest
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log) as guest:
            try:
                result = asyncio.run(_within_time(meet, uart))
            finally:
                guest.kill()
    sys.stdout.write(json.dumps(result))
    return 0


def guest_peer(*, is_deduplicating: bool = False) -> PeerSettings:
    """Describe the guest as this host's peer."""
    return PeerSettings(
        device_id="node-g",
        public_key=public_key_of(derive_test_secret("node-g")),
        address="127.0.0.1",
        discovery_port=GUEST_DISCOVERY_PORT,
        is_deduplicating=is_deduplicating,
    )


def host_secret() -> bytes:
    """Return the key that the guest pins for this host."""
    return derive_test_secret("host-1")


async def _within_time(meet: Meeting, uart: Path) -> dict[str, object]:
    async with asyncio.timeout(60):
        return await meet(uart)


def _write_config(folder: Path, more: str, *, dials: bool, rpc: str) -> Path:
    is_dialling = str(dials).lower()
    text = _GUEST.format(
        port=GUEST_PORT, host_port=HOST_PORT, dials=is_dialling, more=more, rpc=rpc
    )
    (folder / "guest.toml").write_text(text)
    blob = folder / "guest.nxcf"
    blob.write_bytes(compile_node(load_node(folder / "guest.toml")))
    return blob


def _command(program: str, version: str, image: str, config: Path, disk: Path) -> list[str]:
    if int(version.partition(".")[0]) >= FW_CFG_SINCE:
        blob = ["-fw_cfg", f"name=opt/org.nexus/node,file={config}"]
    else:
        blob = ["-device", f"loader,file={config},addr={FLASH_BASE:#x},force-raw=on"]
    drive = []
    if disk.exists():
        drive = [
            "-drive",
            f"if=none,id=state,format=raw,file={disk}",
            "-device",
            "virtio-blk-device,drive=state,bus=virtio-mmio-bus.2",
        ]
    packages = disk.with_name("packages.img")
    if packages.exists():
        drive += [
            "-drive",
            f"if=none,id=packages,format=raw,readonly=on,file={packages}",
            "-device",
            "virtio-blk-device,drive=packages,bus=virtio-mmio-bus.3",
        ]
    forward = (
        f"hostfwd=udp:127.0.0.1:{GUEST_DISCOVERY_PORT}-:37020,"
        f"hostfwd=tcp:127.0.0.1:{GUEST_PORT}-:{GUEST_PORT}"
    )
    return [
        program,
        "-M",
        "virt",
        "-smp",
        "1",
        "-m",
        "64M",
        "-bios",
        "none",
        "-kernel",
        image,
        "-nodefaults",
        "-no-user-config",
        "-no-reboot",
        "-display",
        "none",
        "-monitor",
        "none",
        "-serial",
        "stdio",
        "-global",
        "virtio-mmio.force-legacy=false",
        *blob,
        *drive,
        "-netdev",
        f"user,id=n0,{forward}",
        "-device",
        "virtio-net-device,netdev=n0,mac=52:54:00:12:34:0c,bus=virtio-mmio-bus.0",
        "-device",
        "virtio-rng-device,bus=virtio-mmio-bus.1",
    ]


def _enter_namespace() -> bool:
    new_user, new_network = 0x1000_0000, 0x4000_0000
    if ctypes.CDLL(None, use_errno=True).unshare(new_user | new_network):
        return False
    set_flags, is_up = 0x8914, 1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, set_flags, struct.pack("16sh14x", b"lo", is_up))
    return True
