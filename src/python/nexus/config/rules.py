"""What must hold between the values of a node's file.

Each rule is one function that yields the problems it finds; `RULES` is the list of them.  All
rules run, so that one pass shows every mistake.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches
from ipaddress import IPv4Address, IPv4Network
from typing import Final

from nexus.config import defaults
from nexus.config.bounds import ALLOW_MAX
from nexus.config.error import Problem, show, show_key
from nexus.config.keys import FileKey, is_usable_public_key
from nexus.config.node import Bundles, DSoftBus, NodeConfig, Peer, Policy, Selftest
from nexus.core.errors import did_you_mean

Problems = Iterator[Problem]

# Of two names: a letter too many, too few or wrong, and not another word.
_NEAR: Final = 0.8


def _duplicates(values: Iterable[str], field: str, key: str, what: str) -> Problems:
    seen: dict[str, int] = {}
    suffix = f".{key}" if key else ""
    for index, value in enumerate(values):
        if value in seen:
            first = f"{field}[{seen[value]}]{suffix}"
            yield Problem(
                f"{field}[{index}]{suffix}", f"{show(value)} is a duplicate {what}, see {first}"
            )
        seen.setdefault(value, index)


def _start(node: NodeConfig) -> Problems:
    start = node.node.start  # Empty for a guest that has no services of this kind.
    yield from _duplicates(start, "node.start", "", "service")
    if "netstackd" in start and node.network is None:
        yield Problem("network", "is missing; node.start has 'netstackd', which needs an address")
    if "dsoftbusd" in start and "netstackd" not in start:
        yield Problem("node.start", "has 'dsoftbusd' without 'netstackd', which it needs")


def _network(node: NodeConfig) -> Problems:
    if node.network is None or node.network.gateway is None:
        return
    interface = node.network.interface
    gateway = node.network.gateway
    if not _is_host(interface.network, gateway):
        yield Problem("network.gateway", f"{show(gateway)} is not a host of {interface.network}")
    elif gateway == str(interface.ip):
        yield Problem("network.gateway", f"{show(gateway)} is this node's own address")


def _is_host(network: IPv4Network, address: str) -> bool:
    ip = IPv4Address(address)
    return ip in network and ip not in (network.network_address, network.broadcast_address)


def _peers(node: NodeConfig) -> Problems:
    bus = node.dsoftbus
    if bus is None:
        return
    yield from _duplicates((p.id for p in bus.peer), "dsoftbus.peer", "id", "peer id")
    yield from _duplicates((p.address for p in bus.peer), "dsoftbus.peer", "address", "address")
    keys = (p.key.hex() for p in bus.peer)
    yield from _duplicates(keys, "dsoftbus.peer", "public_key", "key")
    for index, peer in enumerate(bus.peer):
        for problem in _peer(node, peer):
            yield Problem(f"dsoftbus.peer[{index}].{problem.field}", problem.text)


def _peer(node: NodeConfig, peer: Peer) -> Problems:
    if peer.id == node.node.id:
        yield Problem("id", f"{show(peer.id)} is this node's own id")
    if node.network is not None:
        interface = node.network.interface
        if peer.ip == interface.ip:
            yield Problem("address", f"{show(peer.address)} is this node's own address")
        elif node.network.gateway is None and not _is_host(interface.network, peer.address):
            yield Problem(
                "address",
                f"{show(peer.address)} is not a host of {interface.network};"
                " without network.gateway it cannot be reached",
            )
    if not is_usable_public_key(peer.key):
        yield Problem("public_key", "is of small order; accepted are X25519 public keys")


def _own_key(node: NodeConfig) -> Problems:
    bus = node.dsoftbus
    if bus is None or (isinstance(bus.static_key, FileKey) and not bus.static_key.is_read):
        return
    own = bus.static_key.public()
    for index, peer in enumerate(bus.peer):
        if peer.key == own:
            yield Problem(f"dsoftbus.peer[{index}].public_key", "is this node's own key")


def _discovery(node: NodeConfig) -> Problems:
    bus = node.dsoftbus
    if bus is None:
        return
    yield from _duplicates(bus.announce, "dsoftbus.announce", "", "service")
    if bus.peer_ttl_ms <= bus.announce_interval_ms:
        yield Problem(
            "dsoftbus.peer_ttl_ms",
            f"{bus.peer_ttl_ms} is not above announce_interval_ms ({bus.announce_interval_ms}):"
            " every peer would expire between two announces",
        )


def _allow(node: NodeConfig) -> Problems:
    bus = node.dsoftbus
    if bus is None:
        return
    triples = sum(len(allow.operations) for allow in bus.allow)
    if triples > ALLOW_MAX:
        yield Problem("dsoftbus.allow", f"{triples} operations; accepted are at most {ALLOW_MAX}")
    yield from _duplicates(_permissions(bus), "dsoftbus.allow", "", "permission")
    known = [peer.id for peer in bus.peer]
    for index, allow in enumerate(bus.allow):
        field = f"dsoftbus.allow[{index}]"
        yield from _one_of(allow.peer, known, f"{field}.peer")
        _, operations = defaults.GATEWAY[allow.service]
        for position, operation in enumerate(allow.operations):
            yield from _one_of(operation, operations, f"{field}.operations[{position}]")


def _permissions(bus: DSoftBus) -> list[str]:
    return [
        f"{allow.peer} {allow.service} {operation}"
        for allow in bus.allow
        for operation in allow.operations
    ]


def _one_of(value: str, accepted: Iterable[str], field: str) -> Problems:
    names = list(accepted)
    if value not in names:
        listed = ", ".join(names) if names else "none"
        yield Problem(field, f"{show(value)}; accepted are {listed}{did_you_mean(value, names)}")


def _policy(node: NodeConfig) -> Problems:
    grants = node.policy.grant
    pairs = (f"{grant.service} {grant.capability}" for grant in grants)
    yield from _duplicates(pairs, "policy.grant", "", "grant")


def _selftest(node: NodeConfig) -> Problems:
    mode, peer = node.selftest.mode, node.selftest.peer
    if mode != "client":
        if peer is not None:
            yield Problem("selftest.peer", f"{show(peer)}; accepted only with mode 'client'")
        if node.selftest.prove:
            yield Problem("selftest.prove", "accepted only with mode 'client'")
        return
    yield from _duplicates(node.selftest.prove, "selftest.prove", "", "proof")
    peers = [p.id for p in node.dsoftbus.peer if p.dial] if node.dsoftbus else []
    if peer is None:
        yield Problem("selftest.peer", "is missing; mode 'client' needs the peer it calls")
    else:
        yield from _one_of(peer, peers, "selftest.peer")


def _drives(node: NodeConfig) -> Problems:
    readers = {"packages": "packagefsd", "state": "statefsd"}
    for table, service in readers.items():
        if getattr(node, table) is not None:
            yield from _started(node, table, service)
    if node.state is not None and (node.state.disk_kib is None) == (node.state.disk is None):
        yield Problem("state", "accepted is exactly one of disk_kib and disk")


def _routes(node: NodeConfig) -> Problems:
    started = node.node.start
    yield from _duplicates((f"{r.client}>{r.server}" for r in node.route), "route", "", "route")
    for index, route in enumerate(node.route):
        yield from _one_of(route.client, started, f"route[{index}].from")
        yield from _one_of(route.server, started, f"route[{index}].to")
        if route.client == route.server:
            yield Problem(f"route[{index}].to", f"{show(route.server)} is the same as from")


def _services(node: NodeConfig) -> Problems:
    for name in node.service:
        yield from _started(node, f"service.{show_key(name)}", name)


def _started(node: NodeConfig, table: str, service: str) -> Problems:
    """Refuse a table that nobody reads: its author believes that it has an effect."""
    started = node.node.start
    if service not in started:
        text = f"is for {show(service)}, which is not started: add it to node.start"
        yield Problem(table, text + did_you_mean(service, started))


def _tables(node: NodeConfig) -> Problems:
    """Hold the tables with models to what is started; a guest of another kind starts nothing."""
    if not node.node.start:
        return
    selftest, policy = node.selftest, node.policy
    given = {
        "network": ("netstackd", node.network is not None),
        "dsoftbus": ("dsoftbusd", node.dsoftbus is not None),
        "policy": ("policyd", policy != Policy()),
        "selftest": ("selftest-client", selftest != Selftest()),
        "bundlemgrd": ("bundlemgrd", node.bundlemgrd != Bundles()),
    }
    for table, (service, is_given) in given.items():
        if is_given:
            yield from _started(node, table, service)


def _spelling(node: NodeConfig) -> Problems:
    """Refuse what is nearly the name of a service; one of the guest's own has a table."""
    for index, name in enumerate(node.node.start):
        near = get_close_matches(name, defaults.START, n=1, cutoff=_NEAR)
        if near and name not in defaults.START and name not in node.service:
            yield Problem(
                f"node.start[{index}]",
                f"{show(name)} is not a service that is known; did you mean {show(near[0])}?"
                f" A service that is called so has a table [service.{show_key(name)}]",
            )


RULES: Final[tuple[Callable[[NodeConfig], Problems], ...]] = (
    _start,
    _network,
    _peers,
    _own_key,
    _discovery,
    _allow,
    _policy,
    _selftest,
    _drives,
    _routes,
    _services,
    _tables,
    _spelling,
)


def find_problems(node: NodeConfig) -> list[Problem]:
    """Run every rule."""
    return [problem for rule in RULES for problem in rule(node)]
