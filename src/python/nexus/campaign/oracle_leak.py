"""Oracle: after quiet, services hold no more than when the client of their machine began.

The client prints what they say of themselves, first and last (docs/spec/kernel-abi.md, *What a
service holds*).  A service that was started again in between is not compared.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from nexus.campaign.judging import Violation
from nexus.campaign.observation import Line, Observation
from nexus.campaign.workload_history import history_of
from nexus.contract import marker
from nexus.wire.line import pattern_of

_USAGE: Final = re.compile(r"workload: usage (\S+)((?: [0-9]+)+)")
_RESTART: Final = pattern_of(marker.INIT_RESTART)

# Routes that a service asks for when it first needs them, and answers that are under way.
_CAPABILITIES_MORE: Final = 6
# netstackd has for each socket a watcher and a reader.
_CAPABILITIES_A_SOCKET: Final = 2
# Sockets of dsoftbusd itself: for announcements, and for peers that dial.
_SOCKETS: Final = 2
# Streams of one session: requests and answers both ways, and values.
_STREAMS_A_SESSION: Final = 6
# A peer that was lost and dials anew has two connections until the old one is given up.
_CONNECTIONS_MORE: Final = 1


@dataclass(frozen=True, slots=True)
class _Report:
    line: Line
    capabilities: int
    own: tuple[int, ...]

    def number(self, index: int) -> int:
        """One of the service's own numbers; 0 if it has fewer."""
        return self.own[index] if index < len(self.own) else 0


def check(observation: Observation) -> Iterator[Violation]:
    """Yield services that hold what they should not."""
    boots = history_of(observation).boots
    for machine in observation.machines:
        since_ns = max((line.ns for line in boots if line.machine == machine), default=0)
        lines = [each for each in observation.lines_of(machine) if each.ns >= since_ns]
        if lines:
            yield from _of_life(machine, lines, observation)


def _of_life(machine: str, lines: list[Line], observation: Observation) -> Iterator[Violation]:
    reports: dict[str, list[_Report]] = {}
    for line in lines:
        if found := _RESTART.match(line.text):
            reports.pop(found[1], None)
        if found := _USAGE.fullmatch(line.text):
            capabilities, *own = (int(number) for number in found[2].split())
            reports.setdefault(found[1], []).append(_Report(line, capabilities, tuple(own)))
    for service, (first, *rest) in sorted(reports.items()):
        if not rest or rest[-1].line.ns < observation.heal_ns:
            continue
        for text in _too_much(service, first, rest[-1], reports, len(observation.machines)):
            yield Violation("leak", machine, rest[-1].line.ns, f"{service} holds {text}")


def _too_much(
    service: str, first: _Report, last: _Report, reports: dict[str, list[_Report]], machines: int
) -> Iterator[str]:
    allowed = first.capabilities + _CAPABILITIES_MORE
    if service == "netstackd":
        allowed += _CAPABILITIES_A_SOCKET * max(0, last.number(0) - first.number(0))
    if last.capabilities > allowed:
        yield f"{last.capabilities} capabilities; it held {first.capabilities} at its start"
    bus = reports.get("dsoftbusd", [])
    connections_max = machines - 1 + _CONNECTIONS_MORE
    if service == "netstackd" and bus:
        sockets_max = bus[-1].number(0) + _SOCKETS + _CONNECTIONS_MORE
        if last.number(0) > sockets_max:
            yield f"{last.number(0)} sockets, for {bus[-1].number(0)} connections of dsoftbusd"
    if service == "dsoftbusd":
        if last.number(0) > connections_max:
            yield f"{last.number(0)} connections; its peers: {machines - 1}"
        if last.number(2):
            yield f"{last.number(2)} requests of its own services that no call waits for"
        if last.number(4) > _STREAMS_A_SESSION * connections_max:
            yield f"{last.number(4)} streams, in {last.number(0)} connections"
        if last.number(5) > machines:
            yield f"{last.number(5)} discovered nodes, but the world has {machines}"
