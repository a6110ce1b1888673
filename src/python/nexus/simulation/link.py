"""One directed path of the simulated Ethernet: delay, injected faults, and a bounded queue.

A link takes frames with the virtual instant they were sent at, and hands each out at the instant
it arrives.  It knows nothing of machines, switches or sockets.

Rules of this file
------------------
1. No clock and no hidden chance: time is an argument, every decision is a draw keyed by
   (seed, fault, link name, frame number).  Switching one fault off changes no other decision.
2. The delay is never zero: a frame must not arrive in the instant that sent it, or the order in
   which the world visits machines would matter.
3. The queue is bounded.  Overflow is a fault like the others: recorded, never silent.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from nexus.core.randomness import NEVER, KeyedRandom, Ratio
from nexus.simulation.faults.fault import Chance
from nexus.simulation.faults.frames import befall, flip_bit
from nexus.simulation.machine import TICK_NS

# A switched network of one building: long enough that a quantum is worth its overhead (50 000
# instructions at 10 ns), short enough that a handshake of a few round trips takes milliseconds.
DELAY_NS_DEFAULT: Final = 500_000

# 256 full frames are 380 KiB in flight, several TCP windows; a peer that stopped reading shows
# up as overflow within one test.
QUEUE_FRAMES_DEFAULT: Final = 256

# A delay beyond a minute is a mistake in the unit, not a network.
DELAY_NS_MAX: Final = 60_000_000_000


class Fault(Enum):
    """The faults of a frame.  The values are written into traces: never reuse one."""

    LOSS = "loss"
    DUPLICATE = "duplicate"
    CORRUPT = "corrupt"
    OVERFLOW = "overflow"
    PARTITION = "partition"
    REORDER = "reorder"
    DELAY = "delay"
    ONE_WAY = "one-way"
    LINK_DOWN = "link-down"
    MTU = "mtu"


@dataclass(frozen=True, slots=True)
class FaultEvent:
    """One fault that happened: the evidence that a run asking for faults had some."""

    link: str
    frame_number: int
    fault: Fault


@dataclass(frozen=True, slots=True)
class Cut:
    """A partition: frames sent in [start, end) are lost."""

    start_ns: int
    end_ns: int

    def __post_init__(self) -> None:
        if not 0 <= self.start_ns < self.end_ns:
            raise ValueError(f"cut: need 0 <= start < end, got {self.start_ns}..{self.end_ns}")


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkOptions:
    """The behaviour of a link.  The default has a delay and no faults."""

    delay_ns: int = DELAY_NS_DEFAULT
    jitter_ns: int = 0  # Added to the delay, drawn per frame: this is what reorders frames.
    loss: Ratio = NEVER
    duplicate: Ratio = NEVER
    corrupt: Ratio = NEVER
    cuts: tuple[Cut, ...] = ()
    queue_frames_max: int = QUEUE_FRAMES_DEFAULT

    def __post_init__(self) -> None:
        for name, value, low in (("delay_ns", self.delay_ns, 1), ("jitter_ns", self.jitter_ns, 0)):
            if not low <= value <= DELAY_NS_MAX or value % TICK_NS:
                raise ValueError(
                    f"{name}: {value} is not a multiple of {TICK_NS} in {low}..{DELAY_NS_MAX}"
                )
        if self.queue_frames_max < 1:
            raise ValueError(f"queue_frames_max: {self.queue_frames_max} is not at least 1")

    @property
    def is_faultless(self) -> bool:
        """Whether every frame arrives once, whole and in order."""
        ratios = (self.loss, self.duplicate, self.corrupt)
        return not (self.cuts or self.jitter_ns or any(ratio.numerator for ratio in ratios))


class Link:
    """A one-way link: `offer()` frames in, `collect()` each at its instant of arrival."""

    def __init__(
        self,
        name: str,
        options: LinkOptions,
        random: KeyedRandom,
        chances: Sequence[Chance] = (),
    ) -> None:
        """Create an idle link; `name` is part of every random key and unique in its world.

        `chances` are the faults of a fault world, beside those of the options.
        """
        self.name = name
        self._chances = tuple(chances)
        self.faults: list[FaultEvent] = []
        self._options = options
        self._random = random
        self._frames_offered = 0
        self._queue: list[tuple[int, int, int, bytes]] = []  # (arrival, frame, copy, bytes)

    def offer(self, frame: bytes, sent_ns: int) -> tuple[Fault, ...]:
        """Take one frame sent at `sent_ns`; return what happened to it on the way in."""
        number = self._frames_offered
        self._frames_offered += 1
        happened: list[Fault] = []
        if any(cut.start_ns <= sent_ns < cut.end_ns for cut in self._options.cuts):
            return self._record(number, [Fault.PARTITION])
        if self._drawn(Fault.LOSS, self._options.loss, number):
            return self._record(number, [Fault.LOSS])
        if self._drawn(Fault.CORRUPT, self._options.corrupt, number):
            happened.append(Fault.CORRUPT)
            bit = self._random.below(len(frame) * 8, "bit", self.name, number)
            frame = flip_bit(frame, bit)
        copies = [(0, frame)]
        if self._chances:
            fate = befall(self._chances, frame, number, sent_ns)
            happened.extend(Fault(kind) for kind in fate.kinds)
            copies = list(fate.copies)
        if copies and self._drawn(Fault.DUPLICATE, self._options.duplicate, number):
            happened.append(Fault.DUPLICATE)
            copies.append(copies[0])
        for copy, (late_ns, content) in enumerate(copies):
            if len(self._queue) == self._options.queue_frames_max:
                happened.append(Fault.OVERFLOW)
                break
            arrival_ns = sent_ns + self._delay_ns(number, copy) + late_ns
            heapq.heappush(self._queue, (arrival_ns, number, copy, content))
        return self._record(number, happened)

    def collect(self, now_ns: int) -> bytes | None:
        """Take the oldest frame that has arrived by `now_ns`, if there is one."""
        if self._queue and self._queue[0][0] <= now_ns:
            return heapq.heappop(self._queue)[3]
        return None

    def next_arrival_ns(self) -> int | None:
        """The instant of the next arrival; lets the world skip idle time."""
        return self._queue[0][0] if self._queue else None

    def _drawn(self, fault: Fault, ratio: Ratio, number: int) -> bool:
        return self._random.chance(ratio, fault.value, self.name, number)

    def _delay_ns(self, number: int, copy: int) -> int:
        jitter = self._options.jitter_ns // TICK_NS
        if jitter == 0:
            return self._options.delay_ns
        extra = self._random.below(jitter + 1, "delay", self.name, number, copy)
        return self._options.delay_ns + extra * TICK_NS

    def _record(self, number: int, happened: list[Fault]) -> tuple[Fault, ...]:
        self.faults.extend(FaultEvent(self.name, number, fault) for fault in happened)
        return tuple(happened)
