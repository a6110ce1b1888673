"""Two carriers of one session, for tests: frames go across when `carry` is called."""

from __future__ import annotations

from nexus.dsoftbus.carrier import Carrier, Event


def carry(source: Carrier, target: Carrier) -> list[Event]:
    """Carry everything one side has to say; return what happened at the other."""
    events: list[Event] = []
    while (frame := source.next_frame()) is not None:
        events += target.receive(frame)
    return events
