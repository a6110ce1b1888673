"""Transactions of peers: whose they are, how they end, and that all of one is done or nothing."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from nexus.remotefs.state.acl import NAMESPACE, ChangeRecord
from nexus.remotefs.state.block import SECTOR_BYTES, DeviceError, MemoryDevice
from nexus.remotefs.state.call import Call
from nexus.remotefs.state.error import StateError
from nexus.remotefs.state.power_cut_fake import RecordingDevice, images_after
from nexus.remotefs.state.remote import RemoteState
from nexus.remotefs.state.share import Share
from nexus.remotefs.state.store import Store
from nexus.remotefs.state.transactions import LONGEST_NS, SILENCE_NS
from nexus.wire.state import Op, Reply, Request, Status, decode_reply

A, B = NAMESPACE + "a", NAMESPACE + "b"
SECTORS = 2048


def disk_of(sectors: int) -> MemoryDevice:
    return MemoryDevice(bytes(sectors * SECTOR_BYTES))


def copy_of(device: MemoryDevice) -> MemoryDevice:
    return MemoryDevice(device.read(0, device.sectors))


@dataclass
class Scene:
    """A store, what serves it, and the records so far."""

    device: MemoryDevice = field(default_factory=lambda: disk_of(SECTORS))
    share: Share = field(default_factory=Share)
    records: list[ChangeRecord] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = Store(self.device)
        self.remote = RemoteState(self.store, self.share)

    def ask(
        self,
        request: Request,
        session: int = 1,
        peer: str = "node-a",
        identity: int = 0,
        now_ns: int = 0,
    ) -> Reply:
        frame = request.encode()
        reply, record = self.remote.handle(peer, frame, identity, session, now_ns)
        if record is not None:
            self.records.append(record)
        return decode_reply(reply)

    def begin(self, session: int = 1, peer: str = "node-a", now_ns: int = 0) -> int:
        reply = self.ask(Request(Op.TXN_BEGIN), session, peer, now_ns=now_ns)
        assert reply.status is Status.OK
        return reply.txn

    def put(self, txn: int, key: str, value: bytes, session: int = 1, now_ns: int = 0) -> Status:
        request = Request(Op.TXN_PUT, key, value, txn=txn)
        return self.ask(request, session, now_ns=now_ns).status

    def commit(self, txn: int, session: int = 1, identity: int = 0) -> Status:
        return self.ask(Request(Op.TXN_COMMIT, txn=txn), session, identity=identity).status

    def abort(self, txn: int, session: int = 1) -> Status:
        return self.ask(Request(Op.TXN_ABORT, txn=txn), session).status


def test_all_keys_are_set_at_once_and_survive_a_cut() -> None:
    scene = Scene()
    txn = scene.begin()
    assert scene.put(txn, A, b"one") is Status.OK
    assert scene.put(txn, A, b" and more") is Status.OK
    assert scene.put(txn, B, b"two") is Status.OK
    assert scene.store.get(A) is None
    assert scene.commit(txn) is Status.OK
    expected = {A: b"one and more", B: b"two"}
    assert scene.store.snapshot() == expected
    assert Store(copy_of(scene.device)).snapshot() == expected
    assert [record.verb for record in scene.records] == ["txn-put"] * 3 + ["txn-commit"]
    assert {record.ending for record in scene.records} == {"allow"}
    assert scene.commit(txn) is Status.NOT_FOUND


def test_an_abort_leaves_nothing() -> None:
    scene = Scene()
    txn = scene.begin()
    scene.put(txn, A, b"one")
    assert scene.abort(txn) is Status.OK
    assert scene.commit(txn) is Status.NOT_FOUND
    assert scene.store.snapshot() == {}
    assert scene.begin() != txn


def test_a_transaction_is_its_sessions_alone() -> None:
    scene = Scene()
    txn = scene.begin(session=1)
    for session in (2, 3):
        assert scene.put(txn, A, b"x", session) is Status.NOT_FOUND
        assert scene.commit(txn, session) is Status.NOT_FOUND
        assert scene.abort(txn, session) is Status.NOT_FOUND
    assert scene.ask(Request(Op.TXN_BEGIN), session=1).status is Status.TXN_LIMIT
    assert scene.put(txn, A, b"mine") is Status.OK
    assert scene.commit(txn) is Status.OK


def test_it_ends_with_its_session_and_that_is_recorded() -> None:
    scene = Scene()
    txn = scene.begin()
    scene.put(txn, A, b"x")
    record = scene.remote.end_session(1)
    assert record is not None
    assert record.message == "audit remote statefs txn-abort allow peer=node-a key=-"
    assert scene.remote.end_session(1) is None
    assert scene.commit(txn) is Status.NOT_FOUND


@pytest.mark.parametrize(
    ("used_ns", "now_ns", "is_over"),
    [
        (0, SILENCE_NS - 1, False),
        (0, SILENCE_NS, True),
        (LONGEST_NS - 2, LONGEST_NS - 1, False),
        (LONGEST_NS - 1, LONGEST_NS, True),
    ],
)
def test_it_ends_when_its_time_is_over(used_ns: int, now_ns: int, is_over: bool) -> None:
    scene = Scene()
    txn = scene.begin()
    scene.put(txn, A, b"x", now_ns=used_ns)
    assert len(scene.remote.end_late(now_ns)) == is_over
    assert (scene.commit(txn) is Status.NOT_FOUND) is is_over


def test_eight_sessions_have_one_each_and_a_ninth_none() -> None:
    scene = Scene()
    for session in range(8):
        scene.begin(session)
    assert scene.ask(Request(Op.TXN_BEGIN), session=8).status is Status.TXN_LIMIT
    scene.remote.end_session(3)
    scene.begin(8)


def test_keys_and_bytes_are_bounded() -> None:
    scene = Scene()
    txn = scene.begin()
    for number in range(32):
        assert scene.put(txn, f"{NAMESPACE}{number}", b"v") is Status.OK
    assert scene.put(txn, f"{NAMESPACE}32", b"v") is Status.TXN_LIMIT
    for _ in range(65_535 // 128):
        assert scene.put(txn, f"{NAMESPACE}0", bytes(128)) is Status.OK
    assert scene.put(txn, f"{NAMESPACE}0", bytes(128)) is Status.VALUE_TOO_LARGE
    assert scene.commit(txn) is Status.OK
    assert len(scene.store.snapshot()) == 32


def test_a_chunk_beyond_share_and_limit_is_beyond_the_share_as_on_a_guest() -> None:
    scene = Scene(share=Share(peer_keys=32))
    txn = scene.begin()
    for number in range(32):
        assert scene.put(txn, f"{NAMESPACE}{number}", b"v") is Status.OK
    assert scene.put(txn, f"{NAMESPACE}32", b"v") is Status.OVER_SHARE
    assert scene.commit(txn) is Status.OK


def test_a_share_holds_for_all_keys_of_a_transaction_also_at_its_commit() -> None:
    scene = Scene(share=Share(peer_keys=3))
    txn = scene.begin()
    for key in ("a", "b", "c"):
        assert scene.put(txn, NAMESPACE + key, b"v") is Status.OK
    assert scene.put(txn, NAMESPACE + "d", b"v") is Status.OVER_SHARE
    assert scene.ask(Request(Op.PUT, NAMESPACE + "other", b"v")).status is Status.OK
    assert scene.commit(txn) is Status.OVER_SHARE
    assert scene.store.snapshot() == {NAMESPACE + "other": b"v"}
    # It is open still: with room it goes through.
    assert scene.ask(Request(Op.DELETE, NAMESPACE + "other")).status is Status.OK
    assert scene.commit(txn) is Status.OK


def test_a_commit_that_is_asked_again_is_not_made_again() -> None:
    scene = Scene()
    identity = 7 << 32 | 1
    txn = scene.begin()
    scene.put(txn, A, b"first")
    frame = Request(Op.TXN_COMMIT, txn=txn).encode()
    assert scene.commit(txn, identity=identity) is Status.OK
    scene.ask(Request(Op.PUT, A, b"later"))
    for store in (scene.store, Store(copy_of(scene.device))):
        known = RemoteState(store).repeat("node-a", frame, identity)
        assert isinstance(known, bytes)
        assert decode_reply(known).status is Status.OK
    assert scene.store.get(A) == b"later"


def test_a_disk_that_does_not_take_it_leaves_what_was_there() -> None:
    class Failing(MemoryDevice):
        fails = False

        def write(self, sector: int, data: bytes) -> None:
            if self.fails:
                raise DeviceError("the disk takes nothing")
            super().write(sector, data)

    device = Failing(bytes(SECTORS * SECTOR_BYTES))
    scene = Scene(device)
    scene.ask(Request(Op.PUT, A, b"old"))
    txn = scene.begin()
    scene.put(txn, A, b"new")
    scene.put(txn, B, b"new")
    device.fails = True
    assert scene.commit(txn) is Status.IO_ERROR
    assert scene.store.snapshot() == {A: b"old"}
    device.fails = False
    assert Store(copy_of(device)).snapshot() == {A: b"old"}


def test_a_store_without_room_for_it_is_as_it_was() -> None:
    device = disk_of(9)
    store = Store(device)
    values = {f"{NAMESPACE}{number}": bytes(500) for number in range(8)}
    with pytest.raises(StateError) as caught:
        store.set_all_durably(values, Call("node-a"))
    assert caught.value.status is Status.IO_ERROR
    assert store.snapshot() == {}
    assert store.open_transactions == ()
    store.set_all_durably({A: b"fits"}, Call("node-a"))
    assert store.snapshot() == {A: b"fits"}


def test_what_a_cut_left_open_does_not_keep_the_journal_from_being_compacted() -> None:
    device = RecordingDevice(bytes(72 * SECTOR_BYTES))
    values = {f"{NAMESPACE}{number}": bytes(400) for number in range(8)}
    Store(device).set_all_durably(values, Call("node-a"))
    counts = range(len(device.events) + 1)
    images = [image for count in counts for image in images_after(device, count)]
    cut = next(image for image in images if Store(MemoryDevice(image)).open_transactions)
    scene = Scene(MemoryDevice(cut))
    assert scene.store.open_transactions == ()
    # Many times what the disk holds.
    for number in range(500):
        assert scene.ask(Request(Op.PUT, A, bytes([number % 250]) * 128)).status is Status.OK
    assert scene.store.snapshot() == {A: bytes([499 % 250]) * 128}


def test_the_journal_is_compacted_for_a_transaction_that_has_room_then() -> None:
    store = Store(disk_of(1 + 2 * (90 * 1024 // SECTOR_BYTES)))
    for number in range(20):
        store.set_durably(A, bytes([number]) * 8000, Call("node-a"))
    for number in range(20):
        value = bytes([number]) * 15_000
        store.set_all_durably({A: value, B: value}, Call("node-a"))
        assert store.snapshot() == {A: value, B: value}
