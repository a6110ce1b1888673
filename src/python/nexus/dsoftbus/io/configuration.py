"""A node's `bus.toml`: its identity, its peers, and what they may ask.

key_file = "host.key"                  # made by `nexus bus keygen`; relative to this file
address = "10.42.0.1"                  # what is listened on and announced from
port = 34567                           # 0: the system chooses

[[peer]]
id = "node-b"
address = "10.42.0.11"                 # where announces to it are sent
public_key = "64 hexadecimal digits"   # `nexus bus whoami` shows it

[[allow]]                              # deny by default: nothing else is permitted
peer = "node-b"
service = "samgrd"
operations = ["resolve-status"]
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import AddressValueError, IPv4Address
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AfterValidator

from nexus.config import bus_rules, defaults
from nexus.config.bus_rules import Allowance, BusPeer
from nexus.config.error import ConfigError, Problem
from nexus.config.fields import U16, DeviceId, KeyHex, Line, Many, Model, ServiceName
from nexus.config.limits import Within
from nexus.config.load import load_model
from nexus.contract import bus
from nexus.dsoftbus.io.keyfile import NodeKey, read_key
from nexus.dsoftbus.io.settings import PeerSettings, Settings
from nexus.dsoftbus.policy import Rule
from nexus.dsoftbus.rate import Limit
from nexus.wire.announce import PORT, SERVICES_MAX

# As many as a guest's configuration may have.
PEERS_MAX: Final = bus.PEERS_MAX


def _check_address(value: str) -> str:
    try:
        address = IPv4Address(value)
    except AddressValueError as exc:
        raise ValueError("expected an IPv4 address, such as 10.42.0.1 or 127.0.0.1") from exc
    if address.is_multicast or address.is_unspecified or address.packed[0] >= 240:
        raise ValueError("expected the address of one host")
    return value


HostAddress = Annotated[str, AfterValidator(_check_address)]


class RateTable(Model):
    """`[rate]`: the token bucket of each peer."""

    burst: U16 = 32
    per_second: U16 = 16


class PeerTable(Model):
    """`[[peer]]`: a node that may hold a session with this one."""

    id: DeviceId
    address: HostAddress
    discovery_port: Annotated[int, Within(1, 65535)] = PORT
    # Where it listens for sessions.  With it, forged announces cannot keep this node from there.
    port: Annotated[int, Within(1, 65535)] | None = None
    public_key: KeyHex
    # The peer remembers answered mutations (docs/spec/session.md), so they may be repeated to it.
    deduplicates: bool = False


class AllowTable(Model):
    """`[[allow]]`: what one peer may ask of one service."""

    peer: DeviceId
    service: ServiceName
    operations: Many[str]


class BusConfig(Model):
    """The whole file."""

    key_file: Line
    address: HostAddress = "127.0.0.1"
    port: Annotated[int, Within(0, 65535)] = 0
    discovery_port: Annotated[int, Within(0, 65535)] = PORT
    multicast: bool = False
    announce: Many[ServiceName] = ()
    announce_interval_ms: Annotated[int, Within(10, 60_000)] = 250
    peer_ttl_ms: Annotated[int, Within(20, 600_000)] = 1500
    rate: RateTable = RateTable()
    # How this node calls, and whether it can be called by messages (docs/spec/rpc.md).
    rpc: Literal["frames", "schema", "auto"] = "auto"
    peer: Many[PeerTable] = ()
    allow: Many[AllowTable] = ()


def load_settings(path: str | Path) -> Settings:
    """Read a node's file and its key.

    Raises:
        ConfigError: with one line for every mistake.
        KeyFileError: the key file cannot be used.
    """
    source = Path(path)
    config = load_model(BusConfig, source)
    _refuse(source, _find_problems(config))
    key = read_key(source.parent / config.key_file)
    _refuse(source, _find_self(config, key))
    return Settings(
        device_id=key.device_id,
        secret=key.secret,
        address=config.address,
        port=config.port,
        discovery_port=config.discovery_port,
        is_multicast=config.multicast,
        announce=config.announce,
        announce_ms=config.announce_interval_ms,
        peer_ttl_ms=config.peer_ttl_ms,
        peers=tuple(_peer(peer) for peer in config.peer),
        rules=tuple(_rules(config)),
        rate=Limit(config.rate.burst, config.rate.per_second),
        rpc_mode=defaults.RPC_MODES[config.rpc],
    )


def _peer(peer: PeerTable) -> PeerSettings:
    return PeerSettings(
        device_id=peer.id,
        public_key=bytes.fromhex(peer.public_key),
        address=peer.address,
        discovery_port=peer.discovery_port,
        port=peer.port,
        is_deduplicating=peer.deduplicates,
    )


def _rules(config: BusConfig) -> Iterator[Rule]:
    for allow in config.allow:
        number, operations = defaults.GATEWAY[allow.service]
        for operation in allow.operations:
            yield Rule(allow.peer, number, operations[operation])


def _refuse(source: Path, found: Iterator[Problem]) -> None:
    problems = list(found)
    if problems:
        raise ConfigError(str(source), problems)


def _find_problems(config: BusConfig) -> Iterator[Problem]:
    """Find what is wrong between values; a guest's file is held to the same rules."""
    peers = _bus_peers(config)
    if len(peers) > PEERS_MAX:
        yield Problem("peer", f"{len(peers)} peers; expected up to {PEERS_MAX}")
    if len(config.announce) > SERVICES_MAX:
        yield Problem("announce", f"{len(config.announce)} services; expected up to {SERVICES_MAX}")
    yield from bus_rules.check_identities(peers, "")
    interval_ms, ttl_ms = config.announce_interval_ms, config.peer_ttl_ms
    yield from bus_rules.check_discovery(config.announce, interval_ms, ttl_ms, "")
    allowed = [Allowance(each.peer, each.service, tuple(each.operations)) for each in config.allow]
    yield from bus_rules.check_allowed(allowed, peers, "")


def _find_self(config: BusConfig, key: NodeKey) -> Iterator[Problem]:
    """Find this node among its own peers."""
    peers = _bus_peers(config)
    yield from bus_rules.check_own_id(peers, key.device_id, "")
    yield from bus_rules.check_own_key(peers, key.public, "")


def _bus_peers(config: BusConfig) -> list[BusPeer]:
    return [BusPeer(peer.id, bytes.fromhex(peer.public_key)) for peer in config.peer]
