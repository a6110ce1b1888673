"""Rules that a node on the bus must satisfy, whichever file describes it.

One set of rules: for `[dsoftbus]` of a guest's file (nexus.config.rules), and for the `bus.toml`
of a node in Python.  Each rule yields the problems it finds; `at` is where in the file the
bus's fields are, empty or with a dot at its end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from nexus.config import defaults
from nexus.config.error import Problem, show
from nexus.config.keys import is_usable_public_key
from nexus.core.errors import did_you_mean

Problems = Iterator[Problem]


@dataclass(frozen=True, slots=True)
class BusPeer:
    """Whom a node knows: its device id and its public key."""

    id: str
    key: bytes


@dataclass(frozen=True, slots=True)
class Allowance:
    """The operations of one service that one peer may call."""

    peer: str
    service: str
    operations: tuple[str, ...]


def find_duplicates(values: Iterable[str], field: str, key: str, what: str) -> Problems:
    """Find what is there twice; `key` is the field within an element of the list."""
    seen: dict[str, int] = {}
    suffix = f".{key}" if key else ""
    for index, value in enumerate(values):
        if value in seen:
            first = f"{field}[{seen[value]}]{suffix}"
            yield Problem(
                f"{field}[{index}]{suffix}", f"{show(value)} is a duplicate {what}, see {first}"
            )
        seen.setdefault(value, index)


def find_one_of(value: str, accepted: Iterable[str], field: str, nothing: str = "none") -> Problems:
    """Find a value that is not accepted; `nothing` is said where no value would be."""
    names = list(accepted)
    if value not in names:
        listed = ", ".join(names) if names else nothing
        yield Problem(field, f"{show(value)}; expected {listed}{did_you_mean(value, names)}")


def check_identities(peers: Sequence[BusPeer], at: str) -> Problems:
    """An id and a key are one peer's, and a key is one that a handshake can prove."""
    yield from find_duplicates((peer.id for peer in peers), f"{at}peer", "id", "peer id")
    keys = (peer.key.hex() for peer in peers)
    yield from find_duplicates(keys, f"{at}peer", "public_key", "key")
    for index, peer in enumerate(peers):
        if not is_usable_public_key(peer.key):
            yield Problem(
                f"{at}peer[{index}].public_key",
                "is of small order; expected X25519 public keys",
            )


def check_own_id(peers: Sequence[BusPeer], own: str, at: str) -> Problems:
    """A node is not a peer of its own, by id."""
    for index, peer in enumerate(peers):
        if peer.id == own:
            yield Problem(f"{at}peer[{index}].id", f"{show(peer.id)} is this node's own id")


def check_own_key(peers: Sequence[BusPeer], own: bytes, at: str) -> Problems:
    """Nor by key."""
    for index, peer in enumerate(peers):
        if peer.key == own:
            yield Problem(f"{at}peer[{index}].public_key", "is this node's own key")


def check_discovery(announce: Sequence[str], interval_ms: int, ttl_ms: int, at: str) -> Problems:
    """Find services that are announced twice, and peers that expire between two announcements."""
    yield from find_duplicates(announce, f"{at}announce", "", "service")
    if ttl_ms <= interval_ms:
        yield Problem(
            f"{at}peer_ttl_ms",
            f"{ttl_ms} is not above announce_interval_ms ({interval_ms}):"
            " every peer would expire between two announces",
        )


def check_allowed(allowed: Sequence[Allowance], peers: Sequence[BusPeer], at: str) -> Problems:
    """Permitted is what there is, of a peer that there is, and each only once."""
    permissions = (
        f"{each.peer} {each.service} {operation}"
        for each in allowed
        for operation in each.operations
    )
    yield from find_duplicates(permissions, f"{at}allow", "", "permission")
    known = [peer.id for peer in peers]
    for index, each in enumerate(allowed):
        field = f"{at}allow[{index}]"
        yield from find_one_of(each.peer, known, f"{field}.peer", "none: no peer is configured")
        if each.service not in defaults.GATEWAY:
            yield from find_one_of(each.service, defaults.GATEWAY, f"{field}.service")
            continue
        _, operations = defaults.GATEWAY[each.service]
        for position, operation in enumerate(each.operations):
            yield from find_one_of(operation, operations, f"{field}.operations[{position}]")
