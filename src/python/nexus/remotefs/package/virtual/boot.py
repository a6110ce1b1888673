"""A guest with packages and a Python node, on one virtual switch."""

from __future__ import annotations

from ipaddress import IPv4Address
from pathlib import Path
from typing import Final

from nexus.config.compile import compile_node
from nexus.config.keys import derive_test_secret, public_key_of
from nexus.config.load import load_node
from nexus.contract.node import FIRMWARE_FILE
from nexus.core.randomness import KeyedRandom
from nexus.emulator.board import AttachedDrive
from nexus.emulator.device.virtio_blk import MemoryDrive
from nexus.emulator.machine import Machine, MachineOptions
from nexus.netstack.library import Library
from nexus.remotefs.package.virtual.node import VirtualNode
from nexus.remotefs.package.virtual.switch_node import Place
from nexus.simulation.entropy import EntropyStream
from nexus.simulation.link import LinkOptions
from nexus.simulation.world import World

_SEED: Final = 1
_CONFIG_FILE: Final = FIRMWARE_FILE
_PACKAGES_SLOT: Final = 3
_MAC_A: Final = bytes.fromhex("52540012340a")


def boot(
    config: Path,
    kernel: bytes,
    packages: bytes,
    library: Library,
    options: LinkOptions,
    native_blob: bytes | None = None,
) -> VirtualNode:
    """Boot the guest of a configuration, whose one peer is the node that is returned.

    The native engine is used if its code is given; both do the same.
    """
    settings = load_node(config)
    bus = settings.dsoftbus
    assert settings.network is not None, "the guest needs a network"
    assert bus is not None, "the guest needs a bus"
    random = KeyedRandom(_SEED)
    guest = Machine(
        MachineOptions(
            kernel=kernel,
            ram_bytes=settings.node.ram_mib << 20,
            fw_cfg={_CONFIG_FILE: compile_node(settings)},
            drives=[AttachedDrive(_PACKAGES_SLOT, MemoryDrive(packages), True)],
            mac=settings.node.mac_bytes,
            entropy=EntropyStream(random, "B"),
            engine="reference" if native_blob is None else "native",
            native_blob=native_blob,
        )
    )
    secret = derive_test_secret(bus.peer[0].id)
    own = Place(
        device_id=bus.peer[0].id,
        mac=_MAC_A,
        ip=IPv4Address(bus.peer[0].address),
        port=bus.peer[0].port,
        public=public_key_of(secret),
    )
    peer = Place(
        device_id=settings.node.id,
        mac=settings.node.mac_bytes,
        ip=settings.network.interface.ip,
        port=bus.port,
        public=public_key_of(bus.static_key.secret()),
    )
    node = VirtualNode(library, own, secret, peer)
    node.world = World({"A": node.host, "B": guest}, options, random, driven=["A"])
    return node
