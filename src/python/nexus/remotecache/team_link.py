"""A cable between two hosts that takes its time (`core.line`), in a process of its own.

Not every kernel has `netem`, so frames go through here: each end of a cable is a TAP device, and
what comes out of one is written into the other when it is due.  Towards the switch a frame is
passed on at once and towards the host it is delayed, so a frame between two hosts is delayed once.
"""

from __future__ import annotations

import fcntl
import os
import select
import struct
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from nexus.core.line import Line

DEVICE: Final = "/dev/net/tun"

# As many frames as `netem` keeps unless it is told otherwise; what is more is lost, as on a cable
# whose switch is full.
FRAMES_MAX: Final = 1000

# A segment of TCP before it is cut, and the header that says where to cut it.
FRAME_BYTES_MAX: Final = 65536 + 64

# From <linux/if_tun.h>: a TAP device without a protocol's header and with that of a segment.
TUNSETIFF: Final = 0x400454CA
TUNSETOFFLOAD: Final = 0x400454D0
IFF_TAP: Final = 0x0002
IFF_NO_PI: Final = 0x1000
IFF_VNET_HDR: Final = 0x4000
OFFLOAD_CHECKSUMS_AND_SEGMENTS: Final = 0x01 | 0x02 | 0x04

# With nothing on the way the relay looks this often whether the processes that started it are still
# there.
IDLE_SECONDS: Final = 1.0


@dataclass
class Frames:
    """Frames on the way in one direction, first in, first out.  Pure: the time is given."""

    line: Line
    waiting: deque[tuple[float, bytes]] = field(default_factory=deque)

    def put(self, frame: bytes, now: float) -> bool:
        """Take a frame, unless too many are on the way; say whether it was taken."""
        if len(self.waiting) >= FRAMES_MAX:
            return False
        self.waiting.append((self.line.due(len(frame), now), frame))
        return True

    def due(self, now: float) -> list[bytes]:
        """Take out the frames that have arrived by now."""
        found = []
        while self.waiting and self.waiting[0][0] <= now:
            found.append(self.waiting.popleft()[1])
        return found

    def next_at(self) -> float | None:
        """When the next one arrives."""
        return self.waiting[0][0] if self.waiting else None


def open_end(name: str) -> int:
    """Make one end of a cable: a network interface of that name, as a descriptor.

    Raises:
        OSError: this machine does not allow it.
    """
    descriptor = os.open(DEVICE, os.O_RDWR | os.O_NONBLOCK)
    try:
        flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR
        fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH22x", name.encode("ascii"), flags))
        fcntl.ioctl(descriptor, TUNSETOFFLOAD, OFFLOAD_CHECKSUMS_AND_SEGMENTS)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def open_cable(switch_name: str, host_name: str) -> tuple[int, int]:
    """Make both ends of a cable, or none.

    Raises:
        OSError: this machine does not allow it.
    """
    at_switch = open_end(switch_name)
    try:
        return at_switch, open_end(host_name)
    except OSError:
        os.close(at_switch)
        raise


def start(at_switch: int, at_host: int) -> subprocess.Popen[bytes]:
    """Pass frames between two ends in a process of its own, and let go of them here."""
    code = (
        f"import sys; sys.path[:] = {sys.path!r}; from nexus.remotecache.team_link import relay; "
        f"relay({at_switch}, {at_host}, {os.getpid()})"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.DEVNULL, pass_fds=(at_switch, at_host)
    )
    os.close(at_switch)
    os.close(at_host)
    return process


def relay(at_switch: int, at_host: int, parent: int) -> None:
    """Pass frames on until the process that started this one is gone."""
    ways = {at_switch: (Frames(Line()), at_host), at_host: (Frames(Line(delay=0.0)), at_switch)}
    while os.getppid() == parent:
        pass_on(ways.values())
        waiting = [at for frames, _ in ways.values() if (at := frames.next_at()) is not None]
        pause = max(0.0, min(waiting) - time.monotonic()) if waiting else IDLE_SECONDS
        for end in select.select(list(ways), [], [], pause)[0]:
            frames, _ = ways[end]
            for frame in arrived(end):
                frames.put(frame, time.monotonic())


def pass_on(ways: Iterable[tuple[Frames, int]]) -> None:
    """Write what is due; an end that is down takes nothing, as a cable that is cut."""
    for frames, end in ways:
        for frame in frames.due(time.monotonic()):
            try:
                os.write(end, frame)
            except OSError:
                continue


def arrived(end: int) -> Sequence[bytes]:
    """The frames that have come out of one end, at most as many as a line holds."""
    frames: list[bytes] = []
    while len(frames) < FRAMES_MAX:
        try:
            frames.append(os.read(end, FRAME_BYTES_MAX))
        except OSError:
            break
    return frames
