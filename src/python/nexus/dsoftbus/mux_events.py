"""Events on the streams of a session, as its owner learns them."""

from __future__ import annotations

from dataclasses import dataclass

from nexus.wire import mux as wire


@dataclass(frozen=True, slots=True)
class Settled:
    """The peer speaks streams; ours may be opened."""

    settings: wire.Settings


@dataclass(frozen=True, slots=True)
class Opened:
    """The peer opened a stream: `accept` it or `reset` it."""

    stream: int
    name: str
    priority: int


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The peer uses a stream of ours."""

    stream: int


@dataclass(frozen=True, slots=True)
class Arrived:
    """Bytes of a stream; `grant` their room when they have been dealt with."""

    stream: int
    data: bytes


@dataclass(frozen=True, slots=True)
class HalfClosed:
    """The peer sends no more on this stream."""

    stream: int


@dataclass(frozen=True, slots=True)
class WasReset:
    """The peer gave the stream up."""

    stream: int
    reason: int


Event = Settled | Opened | Acknowledged | Arrived | HalfClosed | WasReset
