"""Oracle: a segment that was lost is sent again (RFC 9293, 3.8.1).

Seen from outside: the first copy of a segment with data did not arrive.  Then its first byte is
sent again within a bound, unless the connection or its sender has ended meanwhile.  The guests'
timer is measured by the handshake and some hundred milliseconds then, except for what was lost
before; a connection whose handshake was repeated is left out, since it begins with two seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from nexus.campaign.judging import Violation
from nexus.campaign.observation import Observation, WireFrame
from nexus.campaign.oracle_discovery import ARRIVING
from nexus.harness.report.packet import FIN, RST, SYN, Packet, decode

# Timers of 200 ms (round_trip.zig), three times backed off; a handshake that stalls is given up
# after two seconds, and then no side asks any more.
BOUND_NS: Final = 1_700_000_000

_WRAP: Final = 1 << 32
_HALF: Final = 1 << 31
# Faults that stop a sender, or let its timer back off further than this bound.
_STOPPING: Final = (
    "pause",
    "stall",
    "slow",
    "crash",
    "power-cut",
    "clock-rate",
    "service-kill",
    "service-slow",
    "one-way",
    "partition",
    "link-down",
    "delay",
)

_Way = tuple[str, int, str, int]


@dataclass(slots=True)
class _Sent:
    """One way of a connection: what was lost of it, and how far it has come."""

    highest: int | None = None
    openings: int = 0  # How often its SYN was sent.
    lost: list[tuple[int, int, str]] = field(default_factory=list)  # Sequence, instant, sender.


def check(observation: Observation) -> Iterator[Violation]:
    """Yield segments that were lost and never came again."""
    if any(fault.kind in _STOPPING for fault in observation.requested):
        return
    ways: dict[_Way, _Sent] = {}
    seen: set[int] = set()
    for frame in observation.frames:
        if frame.number in seen:
            continue  # Flooded: another way of the same frame.
        seen.add(frame.number)
        packet = decode(frame.data)
        if packet.protocol != "TCP" or packet.flaw:
            continue
        way = (packet.source, packet.source_port, packet.target, packet.target_port)
        back = (packet.target, packet.target_port, packet.source, packet.source_port)
        if packet.flags & (RST | FIN):
            # It ends; what was lost lately is not missed any more.
            for each in (way, back):
                yield from _overdue(ways.pop(each, _Sent()), frame.sent_ns)
            continue
        here, there = ways.setdefault(way, _Sent()), ways.setdefault(back, _Sent())
        if packet.flags & SYN:
            here.openings += 1
        elif max(here.openings, there.openings) == 1:
            yield from _take(here, frame, packet)
    for sent in ways.values():
        yield from _overdue(sent, observation.end_ns)


def _overdue(sent: _Sent, now_ns: int) -> Iterator[Violation]:
    """Yield what should have been sent again by now, each once."""
    late = [each for each in sent.lost if now_ns - each[1] > BOUND_NS]
    sent.lost = [each for each in sent.lost if each not in late]
    for _, lost_ns, sender in late:
        text = (
            f"a segment with data was lost at {lost_ns / 1e6:.3f} ms, and was not sent again "
            f"within {BOUND_NS // 1_000_000} ms"
        )
        yield Violation("no-retransmission", sender, lost_ns + BOUND_NS, text)


def _take(sent: _Sent, frame: WireFrame, packet: Packet) -> Iterator[Violation]:
    yield from _overdue(sent, frame.sent_ns)
    if not packet.payload:
        return
    length = len(packet.payload)
    sent.lost = [each for each in sent.lost if not (each[0] - packet.sequence) % _WRAP < length]
    end = (packet.sequence + length) % _WRAP
    is_new = sent.highest is None or 0 < (end - sent.highest) % _WRAP < _HALF
    if not is_new:
        return
    sent.highest = end
    if not set(frame.fates) <= ARRIVING:
        sent.lost.append((packet.sequence, frame.sent_ns, frame.source))
