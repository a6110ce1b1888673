"""A disk that remembers everything done to it, and what a cut could have left of that.

Between two flushes the disk may have written any of the sectors, in any order, and the one it was
at only in part.  `images_after` lists the images that a cut after one sector write could leave.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from nexus.core.randomness import KeyedRandom
from nexus.remotefs.state.block import SECTOR_BYTES, BlockDevice, DeviceError, MemoryDevice
from nexus.remotefs.state.fsck import Verdict, check, repair
from nexus.remotefs.state.journal import OpenJournal
from nexus.remotefs.state.record import Op
from nexus.remotefs.state.store import Store

# All subsets of this many pending writes are tried; of more, a family of them.
EXHAUSTIVE_WRITES_MAX: Final = 4
RANDOM_SUBSETS: Final = 3
# Where a sector is torn: within magic, header, checksum of short records, and near the end.
TEARS: Final = (1, 3, 4, 11, 20, 100, 256, 500, 511)
# After every so many different images it is also tried to go on.
GOES_ON_EVERY: Final = 10


@dataclass(frozen=True, slots=True)
class Write:
    """One sector written; None for data is a flush that returned."""

    sector: int
    data: bytes | None


class RecordingDevice(MemoryDevice):
    """A disk that keeps a journal of its own."""

    def __init__(self, content: bytes) -> None:
        """Start with this content, durable."""
        super().__init__(content)
        self.before = bytes(content)
        self.events: list[Write] = []
        # The durable sectors after so many events, and the others: most cuts follow each other.
        self._cut_at = 0
        self._durable = bytearray(content)
        self._pending: list[Write] = []

    def write(self, sector: int, data: bytes) -> None:
        """Write, sector by sector."""
        super().write(sector, data)
        for offset in range(0, len(data), SECTOR_BYTES):
            piece = data[offset : offset + SECTOR_BYTES]
            self.events.append(Write(sector + offset // SECTOR_BYTES, piece))

    def flush(self) -> None:
        """Make everything durable."""
        self.events.append(Write(0, None))

    def after(self, count: int) -> tuple[bytes, list[Write]]:
        """Give what was durable after the first `count` events, and the writes that were not."""
        if count < self._cut_at:
            self._cut_at, self._durable, self._pending = 0, bytearray(self.before), []
        for event in self.events[self._cut_at : count]:
            if event.data is None:
                for write in self._pending:
                    _apply(self._durable, write)
                self._pending.clear()
            else:
                self._pending.append(event)
        self._cut_at = count
        return bytes(self._durable), list(self._pending)


class DirectJournal(OpenJournal):
    """A journal whose records do not wait."""

    def append(self, op: Op, key: bytes, value: bytes, size: int) -> None:
        super().append(op, key, value, size)
        self.write_out()


class DirectStore(Store):
    """A store whose records do not wait: the order of writes that the guest's engine has."""

    def __init__(self, device: BlockDevice) -> None:
        super().__init__(device)
        self._journal = DirectJournal(device, self.damage, self._contents, self._writer)


def images_after(device: RecordingDevice, count: int) -> Iterator[bytes]:
    """Give every image tried for a cut after the first `count` events."""
    durable, pending = device.after(count)
    for chosen in _subsets(pending, count):
        image = bytearray(durable)
        for write in chosen:
            _apply(image, write)
        yield bytes(image)
    for tear in TEARS if pending else ():
        # The last write in part: before and after the others reached the disk.
        for others in {(), tuple(pending[:-1])}:
            image = bytearray(durable)
            for write in others:
                _apply(image, write)
            last = pending[-1]
            assert last.data is not None
            start = last.sector * SECTOR_BYTES
            image[start : start + tear] = last.data[:tear]
            yield bytes(image)


def _subsets(pending: list[Write], count: int) -> Iterator[list[Write]]:
    total = len(pending)
    if total <= EXHAUSTIVE_WRITES_MAX:
        for mask in range(1 << total):
            yield [write for index, write in enumerate(pending) if mask >> index & 1]
        return
    yield pending
    yield []
    yield pending[-1:]
    yield pending[total // 2 :]
    yield pending[:-1]
    yield pending[1:]
    random = KeyedRandom(total)
    for number in range(RANDOM_SUBSETS):
        yield [w for i, w in enumerate(pending) if random.below(2, "keep", count, number, i)]


def _apply(image: bytearray, write: Write) -> None:
    assert write.data is not None
    start = write.sector * SECTOR_BYTES
    image[start : start + SECTOR_BYTES] = write.data


@dataclass
class Workload:
    """The model that disks are compared with: operations in order, and when each was durable."""

    device: RecordingDevice
    states: list[dict[str, bytes]] = field(default_factory=lambda: [{}])
    # After how many events operation n was issued, and how many operations were synced when.
    begun_at: list[int] = field(default_factory=lambda: [0])
    synced_at: list[tuple[int, int]] = field(default_factory=lambda: [(0, 0)])

    def do(self, change: Callable[[], object], state: dict[str, bytes]) -> None:
        """Issue one operation that leads to this state."""
        self.begun_at.append(len(self.device.events))
        self.states.append(state)
        change()

    def did_sync(self) -> None:
        """Note that everything issued so far is durable."""
        self.synced_at.append((len(self.device.events), len(self.states) - 1))

    def acceptable(self, count: int) -> list[dict[str, bytes]]:
        """Return the states that a cut after `count` events may leave."""
        low = max(done for events, done in self.synced_at if events <= count)
        high = max(n for n, events in enumerate(self.begun_at) if events <= count)
        return self.states[low : high + 1]


class Survivors:
    """Opens what cuts left; the same image is opened once."""

    def __init__(self) -> None:
        """Nothing seen yet."""
        self.seen: dict[bytes, dict[str, bytes]] = {}
        self.cuts = 0

    def judge(self, image: bytes, states: list[dict[str, bytes]]) -> None:
        """Demand that an image holds one of these states and is sound."""
        self.cuts += 1
        if image not in self.seen:
            # Sound for fsck as well, which asks the same mount; `go_on` asks fsck itself.
            store = Store(MemoryDevice(image))
            assert store.damage is None, store.damage
            self.seen[image] = store.snapshot()
            if len(self.seen) % GOES_ON_EVERY == 0:
                go_on(image)
        assert self.seen[image] in states


def go_on(image: bytes) -> None:
    """Repair changes no entry, and the disk is one to write to."""
    device = MemoryDevice(image)
    found = check(device)
    assert found.verdict is not Verdict.UNRECOVERABLE, found.lines
    left = Store(device).snapshot()
    assert repair(device).verdict is not Verdict.UNRECOVERABLE
    assert check(device).verdict is Verdict.CLEAN
    again = Store(device)
    assert again.snapshot() == left
    again.put("/state/after", b"the cut")
    again.sync()
    assert Store(device).snapshot() == {**left, "/state/after": b"the cut"}


def write_points(device: RecordingDevice) -> list[int]:
    return [n for n, event in enumerate(device.events, 1) if event.data is not None]


class BreakingDevice(MemoryDevice):
    """A disk of which one operation fails, once or from then on."""

    def __init__(self, content: bytes, number: int, *, is_lasting: bool) -> None:
        """Fail at operation `number` of reads, writes and flushes, counted from 0."""
        super().__init__(content)
        self.left = number
        self.is_lasting = is_lasting
        self.has_failed = False

    def read(self, sector: int, count: int) -> bytes:
        """Read or fail."""
        self._count("read")
        return super().read(sector, count)

    def write(self, sector: int, data: bytes) -> None:
        """Write, or write the first half and fail."""
        try:
            self._count("write")
        except DeviceError:
            half = len(data) // SECTOR_BYTES // 2 * SECTOR_BYTES
            super().write(sector, data[:half])
            raise
        super().write(sector, data)

    def flush(self) -> None:
        """Flush or fail."""
        self._count("flush")

    def _count(self, what: str) -> None:
        self.left -= 1
        if self.left == -1 or (self.is_lasting and self.left < 0):
            self.has_failed = True
            raise DeviceError(what)
