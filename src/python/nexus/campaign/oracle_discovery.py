"""Oracle: no session with a peer that was not heard within its time to live.

A node binds an identity only while the peer's announcement is fresh (docs/spec/session.md), so
before each `session ok` of a peer that was dialled there is an announcement that has reached it.
The dialler's own marker comes up to a handshake's time after it has looked, and is not asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from nexus.campaign.judging import Violation
from nexus.campaign.observation import Line, Observation
from nexus.campaign.oracle_wire import is_genuine
from nexus.config.node import DSoftBus
from nexus.contract import marker
from nexus.harness.report.packet import decode
from nexus.wire.announce import PORT
from nexus.wire.line import pattern_of

_SESSION: Final = pattern_of(marker.SESSION_OK)
_NS_PER_MS: Final = 1_000_000
_NS_PER_US: Final = 1_000

# The default of a node's file; the file of no fault world has another.
TTL_NS: Final = int(DSoftBus.model_fields["peer_ttl_ms"].default) * _NS_PER_MS

# A turn of the peer's loop, and the step in which its line is seen.
_SLACK_NS: Final = 20 * _NS_PER_MS

# Fates of a frame that arrives, late or twice, or with a bit that is never read; any other keeps
# it from being heard.
ARRIVING: Final = frozenset({"duplicate", "reorder", "delay", "corrupt"})


def check(observation: Observation) -> Iterator[Violation]:
    """Yield sessions with peers that were silent for too long."""
    identities = observation.secrets.identities
    labels = {each.device_id: label for label, each in identities.items() if is_genuine(each)}
    allowed_ns = TTL_NS + _SLACK_NS + _lateness(observation)
    for line in observation.lines:
        found = _SESSION.fullmatch(line.text)
        peer = labels.get(found[1]) if found is not None else None
        if peer is None or not _was_dialled(observation, line, peer):
            continue
        heard_ns = _heard(observation, line, peer)
        if heard_ns is None or line.ns - heard_ns > allowed_ns:
            when = "never" if heard_ns is None else f"{(line.ns - heard_ns) // _NS_PER_MS} ms ago"
            text = f"{line.text!r}, but the last announcement of {peer} reached it {when}"
            yield Violation("stale-discovery", line.machine, line.ns, text)


def _was_dialled(observation: Observation, line: Line, peer: str) -> bool:
    """Whether the newest handshake between both was begun by the peer."""
    newest = None
    for event in observation.events:
        ends = {event.machine, event.values.get("to")}
        if event.kind == "session" and event.ns <= line.ns and ends == {line.machine, peer}:
            newest = event
    return newest is not None and newest.machine == peer


def _heard(observation: Observation, line: Line, peer: str) -> int | None:
    """When the newest announcement was sent that reached this machine."""
    newest = None
    for frame in observation.frames:
        if frame.source != peer or frame.destination != line.machine or frame.sent_ns > line.ns:
            continue
        if set(frame.fates) <= ARRIVING:
            packet = decode(frame.data)
            if packet.protocol == "UDP" and packet.target_port == PORT and not packet.flaw:
                newest = frame.sent_ns
    return newest


def _lateness(observation: Observation) -> int:
    """Return how much later than it was sent an announcement may count as heard, in ns."""
    late_ns = 0
    for fault in observation.requested:
        if fault.kind in ("delay", "reorder"):
            late_ns += fault.amount * _NS_PER_US
        elif fault.kind in ("pause", "stall", "slow", "service-slow"):
            late_ns += fault.end_ns - fault.start_ns
    return late_ns
