"""Changes of peers, by frame and by stream: what was answered ok is there after any cut.

A cut is tried after every sector write of the workload, in every way that `power_cut_fake` knows,
and a disk fails at every one of its operations.  Values reach from one byte to the largest.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import pytest

from nexus.core.randomness import KeyedRandom
from nexus.dsoftbus.audit import Outcome
from nexus.dsoftbus.replay import Verdict
from nexus.remotefs.state.acl import NAMESPACE, ChangeRecord
from nexus.remotefs.state.block import SECTOR_BYTES, MemoryDevice
from nexus.remotefs.state.calls import Known
from nexus.remotefs.state.error import StateError
from nexus.remotefs.state.fsck import Verdict as Soundness
from nexus.remotefs.state.fsck import check
from nexus.remotefs.state.power_cut_fake import (
    BreakingDevice,
    RecordingDevice,
    Survivors,
    Workload,
    images_after,
    write_points,
)
from nexus.remotefs.state.remote import RemoteState
from nexus.remotefs.state.store import Store
from nexus.remotefs.state.transfer import ServedTransfer
from nexus.wire import transfer
from nexus.wire.state import Op, Request, Status, decode_reply

SECTORS = 72  # Two regions of 35: the workload compacts into both.
LONG_BYTES = 65_536


@dataclass
class OpenGate:
    """A gate that lets everything through."""

    peer: str = "node-a"

    def admit(self, service: int, opcode: int) -> bool:
        """Permit it."""
        return True

    def record(self, outcome: Outcome, service: int, opcode: int | None) -> None:
        """Keep nothing."""

    def look(self, correlation: int, service: int, payload: bytes) -> tuple[Verdict, bytes | None]:
        """Know nothing."""
        return Verdict.RUN, None

    def begin(self, correlation: int, service: int, payload: bytes) -> tuple[Verdict, bytes | None]:
        """Know nothing."""
        return Verdict.RUN, None

    def finish(self, correlation: int, reply: bytes) -> None:
        """Keep nothing."""


@dataclass
class Caller:
    """A peer that changes what it may."""

    remote: RemoteState
    changes: list[ChangeRecord] = field(default_factory=list)

    def change(self, key: str, value: bytes | None, *, by_stream: bool = False) -> Status:
        """Set a key or remove it, and return what was answered."""
        if value is not None and by_stream:
            return self._transfer(key, value)
        op = Op.DELETE if value is None else Op.PUT
        reply, _ = self.remote.handle("node-a", Request(op, key, value or b"").encode())
        return decode_reply(reply).status

    def _transfer(self, key: str, value: bytes) -> Status:
        served = ServedTransfer(self.remote, OpenGate(), self.changes.append)
        head = transfer.Request(transfer.Op.PUT, 1, key, len(value)).encode()
        assert transfer.decode_reply(served.receive(head).send).stage is transfer.Stage.GO_AHEAD
        served.receive(value)
        return transfer.decode_reply(served.end().send).status


@dataclass(frozen=True)
class Change:
    """One change of a workload."""

    key: str
    value: bytes | None
    by_stream: bool


def changes_of(seed: int, count: int, longest: int) -> list[Change]:
    """Draw changes of a few keys, half of them by stream."""
    random = KeyedRandom(seed)
    changes = []
    for number in range(count):
        key = f"{NAMESPACE}{random.below(5, 'key', number)}"
        by_stream = bool(random.below(2, "way", number))
        size = 1 + random.below(longest if by_stream else 128, "size", number)
        value = random.bytes(size, "value", number)
        is_gone = not random.below(5, "delete", number)
        changes.append(Change(key, None if is_gone else value, by_stream))
    return changes


def changed(state: dict[str, bytes], change: Change) -> dict[str, bytes]:
    """Return what a state is after a change."""
    others = {key: value for key, value in state.items() if key != change.key}
    return others if change.value is None else others | {change.key: change.value}


@pytest.mark.parametrize("seed", [1, 2])
def test_a_cut_after_every_sector_write_keeps_what_was_answered(
    seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    work = Workload(RecordingDevice(bytes(SECTORS * SECTOR_BYTES)))
    store = Store(work.device)
    caller = Caller(RemoteState(store))
    for change in changes_of(seed, 120, 1500):
        before = work.states[-1]
        state = changed(before, change)
        is_known = change.value is not None or change.key in before
        wanted = Status.OK if is_known else Status.NOT_FOUND
        said: list[Status] = []

        def ask(change: Change = change, said: list[Status] = said) -> None:
            said.append(caller.change(change.key, change.value, by_stream=change.by_stream))

        work.do(ask, state)
        assert said == [wanted]
        work.did_sync()  # The answer alone says so.
    assert store.generation >= 2, "the workload must compact into both regions"
    survivors, points = Survivors(), write_points(work.device)
    for count in range(len(work.device.events) + 1):
        states = work.acceptable(count)
        for image in images_after(work.device, count):
            survivors.judge(image, states)
    with capsys.disabled():
        print(f"\nremote changes: {survivors.cuts} power cuts at {len(points)} sector writes")
    assert survivors.cuts > 5 * len(points)


@pytest.mark.parametrize("size", [1, 128, 129, 8_192, LONG_BYTES])
def test_a_cut_within_one_whole_value(size: int) -> None:
    """All of the value or none of it while it is written; all of it once it was answered."""
    device = RecordingDevice(bytes(400 * SECTOR_BYTES))
    caller = Caller(RemoteState(Store(device)))
    key, old, new = f"{NAMESPACE}k", bytes(size), b"\xff" * size
    assert caller.change(key, old, by_stream=True) is Status.OK
    begun = len(device.events)
    assert caller.change(key, new, by_stream=True) is Status.OK
    for count in range(begun, len(device.events) + 1):
        is_answered = count == len(device.events)
        for image in images_after(device, count):
            left = Store(MemoryDevice(image))
            assert left.damage is None
            assert left.get(key) in ((new,) if is_answered else (old, new))


@pytest.mark.parametrize("is_lasting", [False, True])
def test_a_disk_that_fails_anywhere_is_never_answered_ok(is_lasting: bool) -> None:
    """Refused is not seen; answered ok is on the disk, whatever failed before or after."""
    changes = changes_of(3, 40, 1500)

    def has_failed(number: int) -> bool:
        device = BreakingDevice(bytes(SECTORS * SECTOR_BYTES), number, is_lasting=is_lasting)
        return survive(device, changes)

    places = len(list(itertools.takewhile(has_failed, itertools.count())))
    assert places > 100, "the disk failed at few places"


def survive(device: BreakingDevice, changes: list[Change]) -> bool:
    """Run the changes; False is that the disk did not come to fail."""
    try:
        store = Store(device)
    except StateError:
        return True
    caller = Caller(RemoteState(store))
    sure: dict[str, bytes] = {}
    unsure: dict[str, bytes | None] = {}  # A refused value may be there after all.
    for change in changes:
        status = caller.change(change.key, change.value, by_stream=change.by_stream)
        if status is Status.OK:
            unsure.clear()  # The journal goes on behind what is known.
            sure.pop(change.key, None)
            if change.value is not None:
                sure[change.key] = change.value
        elif status is not Status.NOT_FOUND:
            assert status is Status.IO_ERROR
            assert device.has_failed
            unsure.setdefault(change.key, change.value)
        assert store.snapshot() == sure
    device.left, device.is_lasting = -2, False
    assert check(device).verdict is not Soundness.UNRECOVERABLE
    left = Store(device).snapshot()
    for key in {*sure, *left}:
        found = left.get(key)
        assert found == sure.get(key) or found == unsure.get(key, b"")
    return device.has_failed


EPOCH = 7 << 32


def test_a_cut_leaves_a_change_and_what_is_remembered_of_it_both_or_neither() -> None:
    device = RecordingDevice(bytes(SECTORS * SECTOR_BYTES))
    remote = RemoteState(Store(device))
    frames, states, answered = [], [dict[str, bytes]()], [0]
    for number, change in enumerate(changes_of(1, 40, 128), 1):
        op = Op.DELETE if change.value is None else Op.PUT
        frame = Request(op, change.key, change.value or b"").encode()
        remote.handle("node-a", frame, EPOCH | number)
        frames.append(frame)
        states.append(changed(states[-1], change))
        answered.append(len(device.events))
    for count in range(len(device.events) + 1):
        least = sum(events <= count for events in answered) - 1
        for image in images_after(device, count):
            store = Store(MemoryDevice(image))
            left = RemoteState(store)
            known = [
                left.repeat("node-a", frame, EPOCH | number) is not Known.RUN
                for number, frame in enumerate(frames, 1)
            ]
            made = sum(known)
            assert known == [True] * made + [False] * (len(frames) - made)
            assert made >= least
            assert store.snapshot() == states[made]
