"""The rights of peers: the allowlist of (peer, service, operation).  Deny by default."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from nexus.contract import services

Service = services.Service

SERVICES: Final[Mapping[int, Service]] = {row.number: row for row in services.SERVICES}


# Operations whose second execution would not be the same as the first: what changes something.
MUTATIONS: Final[Mapping[int, frozenset[int]]] = {
    row.number: row.changes for row in services.SERVICES if row.changes
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
