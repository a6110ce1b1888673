"""The places of a switch's nodes: the guest, and the peers that its configuration names."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address

from nexus.config.checked import CheckedNode
from nexus.config.keys import derive_test_secret, public_key_of
from nexus.config.node import Peer


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A node's identity, and its address."""

    device_id: str
    mac: bytes
    ip: IPv4Address
    port: int
    public: bytes


def place_of_guest(node: CheckedNode) -> Place:
    """Return the place of a node of a configuration; it must have a network and a bus."""
    assert node.network is not None, "the guest needs a network"
    assert node.dsoftbus is not None, "the guest needs a bus"
    return Place(
        device_id=node.node.id,
        mac=node.node.mac_bytes,
        ip=node.network.interface.ip,
        port=node.dsoftbus.port,
        public=public_key_of(node.dsoftbus.static_key.secret()),
    )


def place_of_peer(peer: Peer, mac: bytes) -> Place:
    """Return the place of a peer of the guest, which has the test key of its name."""
    return Place(
        device_id=peer.id,
        mac=mac,
        ip=IPv4Address(peer.address),
        port=peer.port,
        public=public_key_of(derive_test_secret(peer.id)),
    )
