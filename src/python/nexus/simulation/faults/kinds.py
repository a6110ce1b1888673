"""The faults that a world can have: one table, from which drawing, checks and documents follow.

A fault of a ratio happens to single frames, reads or writes.  A fault of a window has an instant
at which it begins and, except for instants such as a jump of a clock, one at which it is healed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final


class Place(Enum):
    """The kinds of places that a fault happens at, and the form of each kind's name."""

    PATH = "path"  # A>B: what A sends to B.
    GROUP = "group"  # A+C: these machines, and all others.
    MACHINE = "machine"  # A
    DISK = "disk"  # A/2: the disk of A in slot 2.


class Shape(Enum):
    """When a fault happens."""

    RATIO = "ratio"  # To the first one in its time, and to each later one by chance.
    WINDOW = "window"  # From its beginning to its end.
    INSTANT = "instant"  # Once.


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of fault.

    `unit` is what `amount` counts ("" without one), in `amount_low..amount_high`.
    """

    name: str
    place: Place
    shape: Shape
    text: str
    unit: str = ""
    amount_low: int = 0
    amount_high: int = 0


_PATH, _GROUP, _MACHINE, _DISK = Place.PATH, Place.GROUP, Place.MACHINE, Place.DISK
_RATIO, _WINDOW, _INSTANT = Shape.RATIO, Shape.WINDOW, Shape.INSTANT

KINDS: Final = {
    kind.name: kind
    for kind in (
        Kind("loss", _PATH, _RATIO, "a frame is lost"),
        Kind("duplicate", _PATH, _RATIO, "a frame arrives twice"),
        Kind("corrupt", _PATH, _RATIO, "one bit of a frame is another"),
        Kind("reorder", _PATH, _RATIO, "a frame is late, so others overtake it", "us", 10, 200_000),
        Kind("delay", _PATH, _WINDOW, "every frame is late", "us", 10, 5_000_000),
        Kind("one-way", _PATH, _WINDOW, "what one machine sends another is lost"),
        Kind("partition", _GROUP, _WINDOW, "a group of machines and the others are apart"),
        Kind("link-down", _MACHINE, _WINDOW, "the cable of a machine is unplugged"),
        Kind("mtu", _MACHINE, _WINDOW, "longer frames do not pass a cable", "bytes", 60, 1514),
        Kind("crash", _MACHINE, _WINDOW, "a machine is reset; its disks keep what was written"),
        Kind("power-cut", _MACHINE, _WINDOW, "power fails; its disks keep what was flushed"),
        Kind("pause", _MACHINE, _WINDOW, "a machine stands still, and so does its clock"),
        Kind("stall", _MACHINE, _WINDOW, "a machine stands still, and its clock goes on"),
        Kind("slow", _MACHINE, _WINDOW, "a machine gets one part of its time", "parts", 2, 64),
        Kind("clock-rate", _MACHINE, _WINDOW, "a clock is fast", "ppm", 1, 100_000),
        Kind("clock-jump", _MACHINE, _INSTANT, "a clock jumps ahead", "us", 1, 60_000_000),
        Kind("entropy-dry", _MACHINE, _WINDOW, "the entropy device has nothing to give"),
        Kind("service-kill", _MACHINE, _INSTANT, "the running service loses its place in its code"),
        Kind(
            "service-slow", _MACHINE, _WINDOW, "a service gets a part of its time", "parts", 2, 64
        ),
        Kind("read-error", _DISK, _RATIO, "a read fails"),
        Kind("write-error", _DISK, _RATIO, "a write fails, and nothing is written"),
        Kind("disk-full", _DISK, _WINDOW, "every write fails"),
        Kind("torn-write", _DISK, _RATIO, "a sector that was not flushed outlives a power cut"),
        Kind("lost-write", _DISK, _RATIO, "a write is acknowledged and not done"),
        Kind("misdirected-write", _DISK, _RATIO, "a write goes to another sector"),
        Kind("latent", _DISK, _RATIO, "a sector rots: one bit of it is another for good"),
    )
}

# With these a disk breaks its promises, so no file system can keep its own.
LYING: Final = frozenset({"lost-write", "misdirected-write", "latent"})
