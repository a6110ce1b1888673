"""A worker's plan for its leases, as values: no calls, no processes, no clock.

The server says at each update which leases it holds this worker to.  What is there and not yet
running is begun; what runs and is not there any more is ended, since it was given to another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum


class State(Enum):
    """Of one lease, here."""

    RUNNING = "running"
    # It ended, and the server has not said that it knows.
    ENDED = "ended"


@dataclass(frozen=True)
class Told:
    """One lease in an answer of the server."""

    name: str
    cancelled: bool
    payload: bytes = b""


@dataclass
class Plan:
    """The steps that an answer asks for."""

    begin: list[Told] = field(default_factory=list)
    end: list[str] = field(default_factory=list)
    forget: list[str] = field(default_factory=list)


def plan(here: Mapping[str, State], told: Iterable[Told]) -> Plan:
    """Compare what is here with what the server says."""
    asked = Plan()
    named = {lease.name: lease for lease in told}
    for lease in named.values():
        if lease.name not in here and not lease.cancelled:
            asked.begin.append(lease)
    for name, state in here.items():
        still = named.get(name)
        if still is not None and not still.cancelled:
            continue
        (asked.forget if state is State.ENDED else asked.end).append(name)
    return asked
