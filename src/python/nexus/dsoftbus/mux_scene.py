"""Two sides of one session's streams, for tests: frames go across when `cross` is called."""

from __future__ import annotations

from nexus.dsoftbus.mux import MODEL, Mux
from nexus.dsoftbus.mux_events import Arrived, Event
from nexus.dsoftbus.noise import Role
from nexus.wire import mux as wire

SMALL = wire.Settings(streams_max=3, message_bytes_max=512, initial_credit=100)


class MuxPair:
    """A dialler's mux (`a`) and a responder's (`b`)."""

    def __init__(self, own_a: wire.Settings = MODEL, own_b: wire.Settings = MODEL) -> None:
        """Start both; SETTINGS have not crossed."""
        self.a = Mux(Role.INITIATOR, own_a)
        self.b = Mux(Role.RESPONDER, own_b)
        self.a.start()
        self.b.start()

    def settle(self) -> MuxPair:
        """Exchange SETTINGS."""
        self.cross()
        return self

    def cross(self) -> tuple[list[Event], list[Event]]:
        """Carry frames until both are silent; return what happened at a and at b."""
        at_a: list[Event] = []
        at_b: list[Event] = []
        while self.a.has_output or self.b.has_output:
            at_b += move(self.a, self.b)
            at_a += move(self.b, self.a)
        return at_a, at_b


def move(source: Mux, target: Mux) -> list[Event]:
    """Carry everything one side has to say."""
    events: list[Event] = []
    while (frame := source.next_frame()) is not None:
        event = target.receive(frame)
        if event is not None:
            events.append(event)
    return events


def data_of(events: list[Event], stream: int) -> bytes:
    """Join what arrived on one stream."""
    return b"".join(e.data for e in events if isinstance(e, Arrived) and e.stream == stream)
