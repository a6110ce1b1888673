"""Rules between the values of a node's file.

Each rule is one function that yields the problems it finds; `RULES` is the list of them.  All
rules run, so that one pass shows every mistake.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from difflib import get_close_matches
from ipaddress import IPv4Address, IPv4Network
from typing import Final

from nexus.config import bus_rules, defaults
from nexus.config.bounds import ALLOW_MAX
from nexus.config.bus_rules import Allowance, BusPeer, find_duplicates, find_one_of
from nexus.config.error import Problem, show, show_key
from nexus.config.keys import FileKey
from nexus.config.node import Bundles, DSoftBus, NodeConfig, Peer, Policy, Selftest, StateShares
from nexus.contract.node import DeviceSlot
from nexus.core.errors import did_you_mean

Problems = Iterator[Problem]

# Likeness of two names: a letter too many, too few or wrong, and not another word.
_NEAR: Final = 0.8


def _start(node: NodeConfig) -> Problems:
    start = node.node.start  # Empty for a guest that has no services of this kind.
    yield from find_duplicates(start, "node.start", "", "service")
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
    yield from bus_rules.check_identities(_bus_peers(bus), "dsoftbus.")
    yield from bus_rules.check_own_id(_bus_peers(bus), node.node.id, "dsoftbus.")
    addresses = (peer.address for peer in bus.peer)
    yield from find_duplicates(addresses, "dsoftbus.peer", "address", "address")
    for index, peer in enumerate(bus.peer):
        for problem in _address(node, peer):
            yield Problem(f"dsoftbus.peer[{index}].{problem.field}", problem.text)


def _bus_peers(bus: DSoftBus) -> list[BusPeer]:
    return [BusPeer(peer.id, peer.key) for peer in bus.peer]


def _address(node: NodeConfig, peer: Peer) -> Problems:
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


def _own_key(node: NodeConfig) -> Problems:
    bus = node.dsoftbus
    if bus is None or (isinstance(bus.static_key, FileKey) and not bus.static_key.is_read):
        return
    yield from bus_rules.check_own_key(_bus_peers(bus), bus.static_key.public(), "dsoftbus.")


def _discovery(node: NodeConfig) -> Problems:
    bus = node.dsoftbus
    if bus is None:
        return
    interval_ms, ttl_ms = bus.announce_interval_ms, bus.peer_ttl_ms
    yield from bus_rules.check_discovery(bus.announce, interval_ms, ttl_ms, "dsoftbus.")


def _allow(node: NodeConfig) -> Problems:
    bus = node.dsoftbus
    if bus is None:
        return
    triples = sum(len(allow.operations) for allow in bus.allow)
    if triples > ALLOW_MAX:
        yield Problem("dsoftbus.allow", f"{triples} operations; expected at most {ALLOW_MAX}")
    allowed = [Allowance(each.peer, each.service, tuple(each.operations)) for each in bus.allow]
    yield from bus_rules.check_allowed(allowed, _bus_peers(bus), "dsoftbus.")


def _policy(node: NodeConfig) -> Problems:
    grants = node.policy.grant
    pairs = (f"{grant.service} {grant.capability}" for grant in grants)
    yield from find_duplicates(pairs, "policy.grant", "", "grant")


def _selftest(node: NodeConfig) -> Problems:
    mode, peer = node.selftest.mode, node.selftest.peer
    if mode != "client":
        if peer is not None:
            yield Problem("selftest.peer", f"{show(peer)} is accepted only with mode 'client'")
        if node.selftest.prove:
            yield Problem("selftest.prove", "is accepted only with mode 'client'")
        return
    yield from find_duplicates(node.selftest.prove, "selftest.prove", "", "proof")
    peers = [p.id for p in node.dsoftbus.peer if p.dial] if node.dsoftbus else []
    if peer is None:
        yield Problem("selftest.peer", "is missing; mode 'client' needs the peer it calls")
    else:
        yield from find_one_of(peer, peers, "selftest.peer")


def _drives(node: NodeConfig) -> Problems:
    readers = {"packages": "packagefsd", "state": "statefsd"}
    for table, service in readers.items():
        if getattr(node, table) is not None:
            yield from _started(node, table, service)
    if node.state is not None and (node.state.disk_kib is None) == (node.state.disk is None):
        yield Problem("state", "expected exactly one of disk_kib and disk")


# Tables that take a slot of the board, which no other drive may have then.
_DRIVES: Final = (
    ("state", int(DeviceSlot.STATE)),
    ("packages", int(DeviceSlot.PACKAGES)),
)


def _boot(node: NodeConfig) -> Problems:
    if node.boot.kernel is not None and node.node.image != "system":
        yield Problem("boot.kernel", f"{show(node.boot.kernel)}; node.image names another one")
    for index, drive in enumerate(node.boot.drive):
        where = f"boot.drive[{index}]"
        if (drive.image is None) == (drive.disk_kib is None):
            yield Problem(where, "expected exactly one of image and disk_kib")
        for table, slot in _DRIVES:
            if getattr(node, table) is not None and drive.slot == slot:
                yield Problem(f"{where}.slot", f"{slot} is the slot of [{table}]")
    slots = (str(drive.slot) for drive in node.boot.drive)
    yield from find_duplicates(slots, "boot.drive", "slot", "slot")


def _routes(node: NodeConfig) -> Problems:
    started = node.node.start
    yield from find_duplicates((f"{r.client}>{r.server}" for r in node.route), "route", "", "route")
    for index, route in enumerate(node.route):
        yield from find_one_of(route.client, started, f"route[{index}].from")
        yield from find_one_of(route.server, started, f"route[{index}].to")
        if route.client == route.server:
            yield Problem(f"route[{index}].to", f"{show(route.server)} is the same as from")


def _services(node: NodeConfig) -> Problems:
    for name in node.service:
        yield from _started(node, f"service.{show_key(name)}", name)


def _started(node: NodeConfig, table: str, service: str) -> Problems:
    """Refuse a table that no service reads: its author believes that it has an effect."""
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
        "statefsd": ("statefsd", node.statefsd != StateShares()),
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
    _boot,
    _routes,
    _services,
    _tables,
    _spelling,
)


def find_problems(node: NodeConfig) -> list[Problem]:
    """Run every rule."""
    return [problem for rule in RULES for problem in rule(node)]
