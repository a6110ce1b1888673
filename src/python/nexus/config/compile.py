"""Turn a node's configuration into the blob that the guest reads (docs/spec/node-config.md).

A pure function: the same file gives the same bytes.  Sections are made only for services that
the node starts, so that no section is without a reader.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from ipaddress import IPv4Address

from nexus.config import defaults, records
from nexus.config.checked import CheckedNode
from nexus.config.error import ConfigError, Problem
from nexus.config.node import DSoftBus, NodeConfig
from nexus.contract.node import (
    BundleTag,
    BusTag,
    InitTag,
    NetstackTag,
    PolicyTag,
    SelftestTag,
    StateTag,
)
from nexus.contract.rpc import Mode as RpcMode
from nexus.core.identity import service_id

Section = list[tuple[int, bytes]]

# Operations of the store with which a peer sets keys.
_SETS = frozenset(("put", "txn-commit"))


def compile_node(node: CheckedNode) -> bytes:
    """Build the blob.

    Raises:
        ConfigError: the result is larger than the guest takes.
    """
    sections = {service_id(name): section for name, section in _sections(node)}
    try:
        return records.pack(sections)
    except records.BlobError as exc:
        raise ConfigError(node.node.id, [Problem("", str(exc))]) from exc


def list_routes(node: NodeConfig) -> list[tuple[str, str]]:
    """List every permitted (client, server) whose both ends the node starts."""
    started = set(node.node.start)
    routes = [
        (client, server)
        for client, servers in defaults.ROUTES.items()
        for server in servers
        if client in started and server in started
    ]
    extra = ((route.client, route.server) for route in node.route)
    return routes + [route for route in extra if route not in routes]


def list_grants(node: NodeConfig) -> list[tuple[str, str]]:
    """List every (service, capability)."""
    grants = list(defaults.GRANTS) if node.policy.defaults else []
    extra = ((grant.service, grant.capability) for grant in node.policy.grant)
    return grants + [grant for grant in extra if grant not in grants]


def list_writers(node: NodeConfig) -> list[str]:
    """List the peers that may set keys of this node's store."""
    rules = node.dsoftbus.allow if node.dsoftbus else ()
    writers = (
        rule.peer
        for rule in rules
        if rule.service == "statefsd" and _SETS.intersection(rule.operations)
    )
    return list(dict.fromkeys(writers))


def _statefsd(node: CheckedNode) -> Section:
    shares = node.statefsd
    return [
        (StateTag.SHARE, struct.pack("<HI", shares.peer_keys, shares.peer_kib << 10)),
        (StateTag.RESERVE, struct.pack("<HI", shares.reserve_keys, shares.reserve_kib << 10)),
        (StateTag.PEERS, bytes([len(list_writers(node))])),
    ]


def _sections(node: CheckedNode) -> Iterator[tuple[str, Section]]:
    start = node.node.start
    yield "init", _init(node)
    if node.network is not None and "netstackd" in start:
        yield "netstackd", _netstackd(node)
    if "dsoftbusd" in start:
        # An empty section: a node without an identity and without peers, which refuses everything.
        yield "dsoftbusd", _dsoftbusd(node, node.dsoftbus) if node.dsoftbus else []
    if "policyd" in start:
        yield "policyd", _policyd(node)
    if "selftest-client" in start:
        yield "selftest-client", _selftest(node)
    if "statefsd" in start and list_writers(node):
        # Without a peer that may set keys there is nothing to share.
        yield "statefsd", _statefsd(node)
    if "bundlemgrd" in start:
        yield "bundlemgrd", [(BundleTag.BUILD, node.bundlemgrd.build.encode())]
    for name in sorted(node.service):
        yield name, _free(node.service[name])


def _init(node: CheckedNode) -> Section:
    started: Section = [(InitTag.START, name.encode()) for name in node.node.start]
    routes = (f"{client}>{server}".encode() for client, server in list_routes(node))
    return started + [(InitTag.ROUTE, route) for route in routes]


def _netstackd(node: CheckedNode) -> Section:
    assert node.network is not None
    interface = node.network.interface
    prefix = bytes([interface.network.prefixlen])
    out: Section = [(NetstackTag.ADDRESS, interface.ip.packed + prefix)]
    if node.network.gateway is not None:
        out.append((NetstackTag.GATEWAY, IPv4Address(node.network.gateway).packed))
    return out


def _dsoftbusd(node: CheckedNode, bus: DSoftBus) -> Section:
    out: Section = [
        (BusTag.DEVICE_ID, node.node.id.encode()),
        (BusTag.STATIC_SECRET, bus.static_key.secret()),
        (BusTag.LISTEN_PORT, struct.pack("<H", bus.port)),
    ]
    out += [(BusTag.ANNOUNCED, name.encode()) for name in bus.announce]
    for peer in bus.peer:
        head = struct.pack("<B4sH32s", int(peer.dial), peer.ip.packed, peer.port, peer.key)
        out.append((BusTag.PEER, head + peer.id.encode()))
    for allow in bus.allow:
        gateway_id, opcodes = defaults.GATEWAY[allow.service]
        out += [
            (BusTag.ALLOW, bytes([gateway_id, opcodes[operation]]) + allow.peer.encode())
            for operation in allow.operations
        ]
    out.append((BusTag.RATE, struct.pack("<HH", bus.rate.burst, bus.rate.per_second)))
    out.append((BusTag.ANNOUNCE_INTERVAL, struct.pack("<I", bus.announce_interval_ms)))
    out.append((BusTag.PEER_TTL, struct.pack("<I", bus.peer_ttl_ms)))
    if node.selftest.streams:
        out.append((BusTag.STREAMS, b"\1"))
    mode = defaults.RPC_MODES[bus.rpc]
    if mode is not RpcMode.FRAMES:  # A guest without the record says frames too.
        out.append((BusTag.RPC, bytes([mode])))
    return out


def _policyd(node: CheckedNode) -> Section:
    return [
        (PolicyTag.GRANT, struct.pack("<Q", service_id(service)) + capability.encode())
        for service, capability in list_grants(node)
    ]


def _selftest(node: CheckedNode) -> Section:
    out: Section = [(SelftestTag.MODE, bytes([defaults.MODES[node.selftest.mode]]))]
    if node.selftest.peer is not None:
        out.append((SelftestTag.PEER, node.selftest.peer.encode()))
    proofs = (bytes([defaults.PROOFS[proof]]) for proof in node.selftest.prove)
    return out + [(SelftestTag.PROOF, proof) for proof in proofs]


def _free(tags: dict[str, tuple[str, ...]]) -> Section:
    return [
        (int(tag), bytes.fromhex(value)) for tag in sorted(tags, key=int) for value in tags[tag]
    ]
