"""A guest with packages and a Python node, on one virtual switch."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from nexus.config.keys import derive_test_secret
from nexus.config.load import load_node
from nexus.core.randomness import KeyedRandom
from nexus.emulator.board import AttachedDrive
from nexus.emulator.device.virtio_blk import MemoryDrive
from nexus.emulator.machine import Machine
from nexus.netstack.library import Library
from nexus.scene.engine import engine_with
from nexus.scene.guest import PACKAGES_SLOT, guest_of
from nexus.scene.machine import options_of
from nexus.scene.package_node import VirtualNode
from nexus.scene.place import place_of_guest, place_of_peer
from nexus.simulation.entropy import EntropyStream
from nexus.simulation.link import LinkOptions
from nexus.simulation.world import World

_SEED: Final = 1
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
    place = place_of_guest(settings)
    random = KeyedRandom(_SEED)
    guest = Machine(
        options_of(
            guest_of(settings, kernel),
            [AttachedDrive(PACKAGES_SLOT, MemoryDrive(packages), True)],
            EntropyStream(random, "B"),
            engine_with(native_blob),
        )
    )
    assert settings.dsoftbus is not None, "it has a place on the bus"
    (peer,) = settings.dsoftbus.peer
    own = place_of_peer(peer, _MAC_A)
    node = VirtualNode(library, own, derive_test_secret(peer.id), place)
    node.world = World({"A": node.host, "B": guest}, options, random, driven=["A"])
    return node
