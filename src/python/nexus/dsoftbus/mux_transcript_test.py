"""The streams that the guest's tests keep frame for frame, replayed from the host's side."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from nexus.dsoftbus.mux import Mux
from nexus.dsoftbus.mux_events import Arrived, Event, HalfClosed, Opened, Settled, WasReset
from nexus.dsoftbus.mux_transitions import ResetReason
from nexus.dsoftbus.noise import Role

SOURCE = Path(__file__).parents[4] / "src/guest/lib/dsoftbus/mux_transcript_test.zig"
LINES = [
    (side, bytes.fromhex(frame))
    for side, frame in re.findall(r"\.\{ \.(guest|host), \"([0-9a-f]+)\" \}", SOURCE.read_text())
]


def answer(host: Mux, event: Event | None) -> None:
    """Do what the host does when the guest has said this."""
    match event:
        case Opened(stream, "gateway" | "ä"):
            host.accept(stream)
        case Arrived(1, data):
            assert data == b"ask"
            assert host.send(1, b"answer") == 6
        case Arrived(2, data):
            assert data == b"done"
            number = host.open("unknown", 7)
            assert host.send(number, b"late") == 4
        case WasReset(4, reason):
            assert reason == ResetReason.UNKNOWN_STREAM.value
            host.close(2)
        case HalfClosed(1):
            host.close(1)
        case _:
            pass


def ask(host: Mux) -> None:
    """Open the host's own gateway stream, and ask."""
    number = host.open("gateway", 0)
    assert host.send(number, b"more") == 4


def open_and_give_up(host: Mux) -> None:
    host.open("ä", 3)


# The host's own deeds, before it sends the line of this number.
OWN: dict[int, Callable[[Mux], None]] = {
    6: ask,
    17: open_and_give_up,
    19: lambda host: host.reset(6),
}


def hear(host: Mux, frame: bytes) -> list[object]:
    event = host.receive(frame)
    answer(host, event)
    return [event]


def say(host: Mux, index: int, frame: bytes) -> list[object]:
    if index in OWN:
        OWN[index](host)
    assert host.next_frame() == frame, f"line {index}"
    return []


def test_the_host_says_and_understands_every_line() -> None:
    host = Mux(Role.RESPONDER)
    host.start()
    heard: list[object] = []
    for index, (side, frame) in enumerate(LINES):
        heard += hear(host, frame) if side == "guest" else say(host, index, frame)
    assert any(isinstance(event, Settled) for event in heard)
    assert not host.has_output
    assert host.stream_count == 0


def test_the_recording_is_whole() -> None:
    assert len(LINES) == 20
