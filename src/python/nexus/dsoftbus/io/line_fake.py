"""A line over stand-ins: a session, a carrier and a transport that do as a test says, and keep what
they are asked for."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any, cast  # Any: stand-ins for a session and a carrier.

from nexus.dsoftbus.carrier import Mode
from nexus.dsoftbus.io.counters import Counters
from nexus.dsoftbus.io.hand_clock_fake import HandClock
from nexus.dsoftbus.io.line import Line
from nexus.dsoftbus.io.link_owner import Cause
from nexus.dsoftbus.session_events import Proven, Ready, Received, Refused


class FakeTransport:
    """Takes bytes; with `most` it asks its line to wait beyond so many."""

    def __init__(self, line: Line, most: int | None = None, **info: object) -> None:
        """Know of a connection what `info` says."""
        self.line = line
        self.most = most
        self.info = info
        self.written: list[bytes] = []
        self.asked: list[str] = []
        self.limits: tuple[int | None, int | None] = (None, None)
        self.is_closed = False
        self._is_reading = True

    def get_extra_info(self, name: str, default: object = None) -> object:
        """Say what is known."""
        return self.info.get(name, default)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Keep the limits."""
        self.limits = (high, low)

    def write(self, data: bytes | memoryview) -> None:
        """Take bytes."""
        self.written.append(bytes(data))
        if self.most is not None and sum(map(len, self.written)) > self.most:
            self.line.pause_writing()

    def is_closing(self) -> bool:
        """Say whether it was closed."""
        return self.is_closed

    def is_reading(self) -> bool:
        """Say whether data is wanted."""
        return self._is_reading

    def pause_reading(self) -> None:
        """Want none."""
        self.asked.append("pause")
        self._is_reading = False

    def resume_reading(self) -> None:
        """Want some."""
        self.asked.append("resume")
        self._is_reading = True

    def close(self) -> None:
        """Close when all is written."""
        self.asked.append("close")
        self.is_closed = True

    def abort(self) -> None:
        """Close at once."""
        self.asked.append("abort")
        self.is_closed = True


@dataclass
class FakeSession:
    """Seals nothing: what is sent is what waits."""

    due_ns: int | None = None
    fed: list[bytes] = field(default_factory=list)
    excused: list[int] = field(default_factory=list)
    ticked: list[int] = field(default_factory=list)
    events: list[Any] = field(default_factory=list)
    waiting: list[bytes] = field(default_factory=list)

    @property
    def output_bytes(self) -> int:
        """The number of bytes that wait."""
        return sum(map(len, self.waiting))

    def take_pieces(self) -> list[bytes]:
        """Give what waits, as one piece."""
        taken, self.waiting = self.waiting, []
        return [b"".join(taken)] if taken else []

    def send_plaintext(self, frame: bytes) -> None:
        """Take a frame."""
        self.waiting.append(frame)

    def feed(self, data: memoryview, now_ns: int) -> None:
        """Take what was read."""
        self.fed.append(bytes(data))

    def deadline_ns(self) -> int | None:
        """Give the instant that a test says."""
        return self.due_ns

    def excuse(self, now_ns: int) -> None:
        """Keep when."""
        self.excused.append(now_ns)

    def tick(self, now_ns: int) -> list[Any]:
        """Keep when, and give the events that a test says."""
        self.ticked.append(now_ns)
        self.due_ns = None
        return self.events


@dataclass
class FakeCarrier:
    """Frames that wait to be sealed."""

    mode: Mode = Mode.STREAMS
    frames: deque[bytes] = field(default_factory=deque)

    def next_frame(self) -> bytes | None:
        """Give the next one."""
        return self.frames.popleft() if self.frames else None


class FakeLine(Line):
    """A line whose layer above keeps what it hears."""

    def __init__(self) -> None:
        """Wait for a transport."""
        self.clock, self.counters, self.fake = HandClock(), Counters(), FakeSession()
        self.heard: list[object] = []
        self.failing = ""  # The call above that has a defect.
        super().__init__(cast("Any", self.fake), bytearray(100), self.clock, self.counters)

    def connect(self, most: int | None = None, **info: object) -> FakeTransport:
        """Begin on a transport."""
        made = FakeTransport(self, most, **info)
        self.connection_made(cast("Any", made))
        return made

    def carry(self, *frames: bytes, mode: Mode = Mode.STREAMS) -> FakeCarrier:
        """Be a session, with frames that wait."""
        made = FakeCarrier(mode, deque(frames))
        self.carrier = cast("Any", made)
        return made

    def _hear(self, name: str, *what: object) -> None:
        self.heard.append((name, *what) if what else name)
        if self.failing == name:
            raise RuntimeError(name)

    def _begun(self, source: str) -> None:
        self._hear("begun", source)

    def _turn(self) -> None:
        self._hear("turn")

    def _dispatch(self, event: Proven | Ready | Received | Refused) -> None:
        self._hear("event", event)

    def _sealed(self) -> None:
        self._hear("sealed")

    def _fail(self, exc: Exception) -> None:
        self._hear("failed", str(exc))

    def _end(self, cause: Cause) -> None:
        self._hear("end", cause)
        self._is_ended = True

    def _forgotten(self) -> None:
        self._hear("forgotten")
