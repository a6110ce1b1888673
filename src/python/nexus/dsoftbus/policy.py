"""Who may call what: the allowlist of (peer, service, operation).  Deny by default."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Service:
    """A local service that the gateway can forward to, and how its frames begin."""

    number: int
    name: str
    magic: bytes
    version_max: int

    def opcode_of(self, payload: bytes) -> int | None:
        """Return the operation of a frame of this service; None if it is none."""
        if len(payload) < 4 or payload[:2] != self.magic:
            return None
        return payload[3] if 1 <= payload[2] <= self.version_max else None


SERVICES: Final[Mapping[int, Service]] = {
    1: Service(1, "samgrd", b"SM", 1),
    2: Service(2, "bundlemgrd", b"BN", 1),
    3: Service(3, "packagefsd", b"PK", 1),
    4: Service(4, "statefsd", b"SF", 2),
    5: Service(5, "logd", b"LO", 2),
}


# Operations whose second execution would not be the same as the first: what changes something.
MUTATIONS: Final[Mapping[int, frozenset[int]]] = {
    1: frozenset({1}),  # register
    4: frozenset({1, 3}),  # put, delete
    5: frozenset({1}),  # append
}


def is_mutation(service: int, payload: bytes) -> bool:
    """Say whether a call changes something; what is unknown is taken to."""
    known = SERVICES.get(service)
    opcode = known.opcode_of(payload) if known is not None else None
    return opcode is None or opcode in MUTATIONS.get(service, frozenset())


@dataclass(frozen=True, slots=True)
class Rule:
    """One permitted operation of one peer."""

    peer: str
    service: int
    opcode: int


class Policy:
    """A set of rules.  What no rule permits is denied; an empty policy denies everything."""

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        """Take the rules; they do not change afterwards."""
        # Tuples: one is made and hashed for every call.
        self._rules = frozenset((rule.peer, rule.service, rule.opcode) for rule in rules)

    def allows(self, peer: str, service: int, opcode: int) -> bool:
        """Say whether a rule permits exactly this."""
        return (peer, service, opcode) in self._rules
