"""A scripted machine: it does at given instants what a test says, and nothing else.

It keeps the contract of `Machine`, idle time and all, without an instruction set.  An action is
"at this instant, print", "send" or "switch off"; a rule is "when a frame with this payload
arrives, do these actions so much later".
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from nexus.simulation.machine import TICK_NS

_BROADCAST: Final = b"\xff" * 6
_EXPERIMENTAL_ETHERTYPE: Final = b"\x88\xb5"
_HEADER_BYTES: Final = 14


class Stop(Enum):
    """The reason why `run` returned; the same names as the emulator's."""

    REACHED = "reached"
    FINISHED = "finished"
    IDLE = "idle"
    RESET = "reset"


@dataclass(frozen=True, slots=True)
class Say:
    """Print these bytes."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Send:
    """Send a frame with this payload to `target`."""

    payload: bytes
    target: bytes = _BROADCAST


@dataclass(frozen=True, slots=True)
class PowerOff:
    """Switch the board off with a code."""

    exit_code: int = 0


@dataclass(frozen=True, slots=True)
class Reset:
    """Reset the board."""


@dataclass(frozen=True, slots=True)
class Spin:
    """Never be idle again."""


Action = Say | Send | PowerOff | Reset | Spin


@dataclass(frozen=True, slots=True)
class When:
    """A rule: each time a frame starting with `payload` arrives, act `delay_ns` later."""

    payload: bytes
    actions: tuple[Action, ...]
    delay_ns: int = 1_000


def mac(number: int) -> bytes:
    """A locally administered address for the fake machine of this number."""
    return bytes([0x52, 0x54, 0x00, 0x00, 0x00, number])


class FakeMachine:
    """Plays `script`, a list of (instant, action), and `rules`."""

    def __init__(
        self,
        script: Sequence[tuple[int, Action]] = (),
        rules: Sequence[When] = (),
        address: bytes = mac(1),
    ) -> None:
        self.exit_code: int | None = None
        self.received: list[tuple[int, bytes]] = []
        self._now_ns = 0
        self._rules = list(rules)
        self._address = address
        self._order = 0
        self._agenda: list[tuple[int, int, Action]] = []
        self._console = bytearray()
        self._frames: list[tuple[int, bytes]] = []
        self._is_spinning = False
        self._busy_ns = 0
        for at_ns, action in script:
            self._plan(at_ns, action)

    @property
    def now_ns(self) -> int:
        return self._now_ns

    @property
    def instructions(self) -> int:
        return self._busy_ns // TICK_NS

    def run(self, until_ns: int) -> Stop:
        assert until_ns >= self._now_ns
        assert until_ns % TICK_NS == 0, f"{until_ns} ns is between two instructions"
        while self._agenda and self._agenda[0][0] < until_ns:
            at_ns, _, action = heapq.heappop(self._agenda)
            self._advance(max(at_ns, self._now_ns))
            stop = self._act(action)
            if stop is not None:
                return stop
        self._advance(until_ns)
        return Stop.REACHED if self._is_spinning else Stop.IDLE

    def next_event_ns(self) -> int | None:
        if self._is_spinning:
            return self._now_ns
        return max(self._agenda[0][0], self._now_ns) if self._agenda else None

    def take_console(self) -> bytes:
        data = bytes(self._console)
        self._console.clear()
        return data

    def take_frames(self) -> list[tuple[int, bytes]]:
        frames, self._frames = self._frames, []
        return frames

    def deliver(self, frame: bytes) -> bool:
        self.received.append((self._now_ns, frame))
        for rule in self._rules:
            if frame[_HEADER_BYTES:].startswith(rule.payload):
                for action in rule.actions:
                    self._plan(self._now_ns + rule.delay_ns, action)
        return True

    def _plan(self, at_ns: int, action: Action) -> None:
        assert at_ns % TICK_NS == 0, f"{at_ns} ns is between two instructions"
        heapq.heappush(self._agenda, (at_ns, self._order, action))
        self._order += 1

    def _advance(self, to_ns: int) -> None:
        if self._is_spinning:
            self._busy_ns += to_ns - self._now_ns
        self._now_ns = to_ns

    def _act(self, action: Action) -> Stop | None:
        match action:
            case Say(data):
                self._console += data
            case Send(payload, target):
                frame = target + self._address + _EXPERIMENTAL_ETHERTYPE + payload
                self._frames.append((self._now_ns, frame))
            case PowerOff(code):
                self.exit_code = code
                return Stop.FINISHED
            case Reset():
                return Stop.RESET
            case Spin():
                self._is_spinning = True
        return None
