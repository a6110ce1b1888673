"""The real guest at work on its state disk, and every cut of that disk's power, judged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from nexus.remotefs.state.block import SECTOR_BYTES, MemoryDevice
from nexus.remotefs.state.fsck import Verdict, check
from nexus.remotefs.state.guest_disk_scene import Image, RecordingDrive
from nexus.remotefs.state.power_cut_fake import RecordingDevice, images_after
from nexus.remotefs.state.store import Store

EMPTY: Final = bytes(128 * SECTOR_BYTES)
STEP_NS: Final = 10_000  # How exactly it is known when a SYNC was acknowledged.


@dataclass(frozen=True)
class Run:
    """A guest's writes to its disk, and the numbers of events after which it reported a SYNC."""

    device: RecordingDevice
    told: list[tuple[int, int]]  # (events, states)
    console: bytes


@dataclass
class States:
    """The contents of the store after each operation of a workload; the first is empty."""

    after: list[dict[str, bytes]] = field(default_factory=lambda: [{}])
    synced: dict[int, int] = field(default_factory=dict)  # Operations before the SYNC of a round.

    def put(self, values: dict[str, bytes]) -> None:
        """One operation that gives these keys these values."""
        self.after.append({**self.after[-1], **values})

    def delete(self, key: str) -> None:
        """One operation that takes this key away."""
        self.after.append({name: kept for name, kept in self.after[-1].items() if name != key})

    def sync(self, number: int) -> None:
        """Expect all operations so far to be durable once the guest reports this round."""
        self.synced[number] = len(self.after) - 1


@dataclass(frozen=True)
class Workload:
    """A guest that works through a table which the test knows."""

    image: Image
    states: States

    def run(self, content: bytes) -> Run:
        """Boot from this disk and run until its work is done."""
        drive = RecordingDrive(content)
        told = [(0, 0)]

        def look(console: bytes) -> None:
            for number, count in self.states.synced.items():
                is_told = b"workload: synced %d\n" % number in console
                if is_told and count > told[-1][1]:
                    told.append((len(drive.device.events), count))

        console = self.image.boot(drive, b"workload: end\n", STEP_NS, look=look)
        assert Store(MemoryDevice(bytes(drive.device.content))).snapshot() == self.states.after[-1]
        return Run(drive.device, told, console)


@dataclass
class Cuts:
    """The number of cuts that were tried, by their kind."""

    points: int
    images: int = 0
    left_open: int = 0  # Images with a transaction that has no end.
    boots: int = 0


def cut_everywhere(
    workload: Workload, run: Run, boots: int, choose: Callable[[list[bytes], int], bytes]
) -> Cuts:
    """Hold every image of a cut after every sector write to what was acknowledged before it.

    It must hold the state after some whole number of operations; none from before the last
    acknowledged SYNC may be missing.  The host's engine and fsck judge that.  At about `boots` of
    the points the guest mounts one of the images, which `choose` selects, and repeats all its work.
    """
    events = run.device.events
    points = [count for count, event in enumerate(events, 1) if event.data is not None]
    every = -(-len(points) // boots)
    cuts = Cuts(len(points))
    for place, count in enumerate(points):
        durable = max(states for told, states in run.told if told <= count)
        images = list(images_after(run.device, count))
        cuts.images += len(images)
        for image in images:
            store = Store(MemoryDevice(image))
            assert store.damage is None, f"cut after event {count}"
            assert store.snapshot() in workload.states.after[durable:], f"cut after event {count}"
            verdict = check(MemoryDevice(image)).verdict
            assert verdict is not Verdict.UNRECOVERABLE, f"cut after event {count}"
            cuts.left_open += bool(store.open_transactions)
        if place % every == 0:
            cuts.boots += 1
            again = workload.run(choose(images, cuts.boots))
            assert b"statefsd: journal v2 mounted (2PC)\n" in again.console
    return cuts
