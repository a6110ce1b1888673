"""A node's `bus.toml`: who it is, whom it knows, and what they may ask.

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
from typing import Annotated, Final

from pydantic import AfterValidator

from nexus.config import defaults
from nexus.config.error import ConfigError, Problem
from nexus.config.fields import U16, DeviceId, KeyHex, Line, Many, Model, ServiceName, Within
from nexus.config.load import load_model
from nexus.core.errors import did_you_mean
from nexus.dsoftbus.io.keyfile import read_key
from nexus.dsoftbus.io.settings import PeerSettings, Settings
from nexus.dsoftbus.policy import Rule
from nexus.dsoftbus.rate import Limit
from nexus.wire.announce import PORT, SERVICES_MAX

# As many as a guest's configuration may have.
PEERS_MAX: Final = 8


def _check_address(value: str) -> str:
    try:
        address = IPv4Address(value)
    except AddressValueError as exc:
        raise ValueError("accepted is an IPv4 address, such as 10.42.0.1 or 127.0.0.1") from exc
    if address.is_multicast or address.is_unspecified or address.packed[0] >= 240:
        raise ValueError("accepted is the address of one host")
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
    problems = list(_find_problems(config))
    if problems:
        raise ConfigError(str(source), problems)
    key = read_key(source.parent / config.key_file)
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
    )


def _peer(peer: PeerTable) -> PeerSettings:
    return PeerSettings(
        device_id=peer.id,
        public_key=bytes.fromhex(peer.public_key),
        address=peer.address,
        discovery_port=peer.discovery_port,
        is_deduplicating=peer.deduplicates,
    )


def _rules(config: BusConfig) -> Iterator[Rule]:
    for allow in config.allow:
        number, operations = defaults.GATEWAY[allow.service]
        for operation in allow.operations:
            yield Rule(allow.peer, number, operations[operation])


def _find_problems(config: BusConfig) -> Iterator[Problem]:
    """Find what is wrong between values."""
    known = [peer.id for peer in config.peer]
    if len(known) > PEERS_MAX:
        yield Problem("peer", f"{len(known)} peers; accepted are up to {PEERS_MAX}")
    if len(config.announce) > SERVICES_MAX:
        yield Problem("announce", f"{len(config.announce)}; accepted are up to {SERVICES_MAX}")
    for index, peer in enumerate(known):
        if peer in known[:index]:
            yield Problem(f"peer[{index}].id", f"{peer!r} is there twice")
    for index, allow in enumerate(config.allow):
        field = f"allow[{index}]"
        if allow.peer not in known:
            yield _one_of(f"{field}.peer", allow.peer, known)
        if allow.service not in defaults.GATEWAY:
            yield _one_of(f"{field}.service", allow.service, list(defaults.GATEWAY))
            continue
        _, operations = defaults.GATEWAY[allow.service]
        for position, operation in enumerate(allow.operations):
            if operation not in operations:
                yield _one_of(f"{field}.operations[{position}]", operation, list(operations))


def _one_of(field: str, value: str, accepted: list[str]) -> Problem:
    listed = ", ".join(accepted) or "none: no peer is configured"
    return Problem(field, f"{value!r}; accepted are {listed}{did_you_mean(value, accepted)}")
