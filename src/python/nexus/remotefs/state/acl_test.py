"""The whole matrix of keys and operations, the order of the checks, and what is recorded."""

from __future__ import annotations

from itertools import product

import pytest

from nexus.dsoftbus.io.record import change_fields
from nexus.remotefs.state.acl import (
    NAMESPACE,
    RECORDED,
    STATUS,
    ChangeRecord,
    Reject,
    Rejection,
    judge,
    record_of,
)
from nexus.remotefs.state.block import MemoryDevice
from nexus.remotefs.state.client import StateMap
from nexus.remotefs.state.error import StateError
from nexus.remotefs.state.remote import RemoteState
from nexus.remotefs.state.store import Store
from nexus.wire.log import Level
from nexus.wire.state import Op, Reply, Request, Status, decode_reply

KEYS: dict[str, Reject | None] = {
    "/state/shared/a": None,
    "/state/shared/..a/b.": None,
    NAMESPACE + "k" * 82: None,
    NAMESPACE + "k" * 83: Reject.OVERSIZED,
    "/state/keystore/x": Reject.OUTSIDE_ACL,
    "/state/sharedx": Reject.OUTSIDE_ACL,
    "/state/shared": Reject.OUTSIDE_ACL,
    "/state/": Reject.OUTSIDE_ACL,
    "/other/x": Reject.OUTSIDE_ACL,
    "x": Reject.OUTSIDE_ACL,
    "/state/shared/../keystore/x": Reject.PREFIX_ESCAPE,
    "/state/shared//x": Reject.PREFIX_ESCAPE,
    "/state/shared/./x": Reject.PREFIX_ESCAPE,
    "/state/shared/x/..": Reject.PREFIX_ESCAPE,
    "/state/shared/x/.": Reject.PREFIX_ESCAPE,
    "/state/shared/a\\b": Reject.PREFIX_ESCAPE,
    "/state/shared/a\0": Reject.PREFIX_ESCAPE,
    "/other/../x": Reject.PREFIX_ESCAPE,
    "/other/../" + "x" * 90: Reject.OVERSIZED,
}
KEYED = (Op.PUT, Op.GET, Op.DELETE, Op.LIST)


def keyed(op: Op, key: str, nonce: int | None = None) -> bytes:
    value = b"v" if op is Op.PUT else b""
    return Request(op, key, value, int(op is Op.LIST), nonce=nonce).encode()


@pytest.mark.parametrize(("key", "op"), list(product(KEYS, KEYED)))
def test_each_key_has_one_verdict_whatever_is_asked_of_it(key: str, op: Op) -> None:
    for nonce in (None, 7):
        verdict = judge(keyed(op, key, nonce), is_authenticated=True)
        why = verdict.why if isinstance(verdict, Rejection) else None
        assert why is KEYS[key]
        denied = judge(keyed(op, key, nonce), is_authenticated=False)
        assert isinstance(denied, Rejection)
        assert denied.why is Reject.UNAUTHENTICATED


@pytest.mark.parametrize(
    ("frame", "op", "why"),
    [
        (b"", Op.SYNC, Reject.BAD_REQUEST),
        (b"SF\x09\1", Op.SYNC, Reject.BAD_REQUEST),
        (b"SF\1\6", Op.REOPEN, Reject.BAD_REQUEST),
        (b"SF\1\7\0", Op.TXN_BEGIN, Reject.BAD_REQUEST),
        (b"SF\1\x09\1", Op.TXN_COMMIT, Reject.BAD_REQUEST),
        (Request(Op.TXN_PUT, NAMESPACE + "a", txn=1).encode(), Op.TXN_PUT, Reject.OVERSIZED),
        (
            Request(Op.TXN_PUT, NAMESPACE + "a", bytes(129), txn=1).encode(),
            Op.TXN_PUT,
            Reject.OVERSIZED,
        ),
        (Request(Op.TXN_PUT, NAMESPACE, b"v", txn=1).encode(), Op.TXN_PUT, Reject.OUTSIDE_ACL),
        (Request(Op.TXN_PUT, "/state/x", b"v").encode(), Op.TXN_PUT, Reject.OUTSIDE_ACL),
        (Request(Op.READ, f"{NAMESPACE}a", length=9).encode(), Op.READ, Reject.BAD_REQUEST),
        (b"SF\1\2\0\0", Op.GET, Reject.BAD_REQUEST),
        (b"SF\1\2\1\0\xff", Op.GET, Reject.BAD_REQUEST),
        (b"SF\1\1\1", Op.PUT, Reject.BAD_REQUEST),
        (keyed(Op.LIST, ""), Op.LIST, Reject.OVERSIZED),
        (keyed(Op.GET, NAMESPACE), Op.GET, Reject.OUTSIDE_ACL),
        (keyed(Op.GET, NAMESPACE + "k" * 241), Op.GET, Reject.OVERSIZED),
        (keyed(Op.PUT, NAMESPACE), Op.PUT, Reject.OUTSIDE_ACL),
        (Request(Op.PUT, NAMESPACE + "a").encode(), Op.PUT, Reject.OVERSIZED),
        (Request(Op.PUT, NAMESPACE + "a", bytes(129)).encode(), Op.PUT, Reject.OVERSIZED),
        (Request(Op.LIST, NAMESPACE, limit=65).encode(), Op.LIST, Reject.OVERSIZED),
        # Where it is comes before how much it is.
        (Request(Op.PUT, "/state/x", bytes(129)).encode(), Op.PUT, Reject.OUTSIDE_ACL),
    ],
)
def test_what_is_refused_and_what_nothing_of_it_does(frame: bytes, op: Op, why: Reject) -> None:
    verdict = judge(frame, is_authenticated=True)
    assert isinstance(verdict, Rejection)
    assert (verdict.op, verdict.why) == (op, why)
    device = MemoryDevice(bytes(512 * 64))
    remote = RemoteState(Store(device))
    for peer, status in (("node-a", STATUS[why]), (None, Status.ACCESS_DENIED)):
        reply, record = remote.handle(peer, frame)
        assert reply == b"SF\1" + bytes([op | 0x80, status])
        assert (record is None) == (op not in RECORDED)
    assert not any(device.content)


@pytest.mark.parametrize(
    "request_",
    [
        Request(Op.PUT, NAMESPACE + "a", bytes(128)),
        Request(Op.LIST, NAMESPACE, limit=64),
        Request(Op.LIST, NAMESPACE),
        Request(Op.SYNC),
    ],
)
def test_the_largest_that_is_let_through(request_: Request) -> None:
    assert judge(request_.encode(), is_authenticated=True) == request_


@pytest.mark.parametrize(
    ("op", "outcome", "ending"),
    [
        (Op.PUT, Status.OK, "put allow"),
        (Op.DELETE, Status.NOT_FOUND, "delete reject status"),
        *((Op.PUT, why, f"put reject {why.value}") for why in Reject),
    ],
)
def test_the_record_names_peer_outcome_and_key_by_hash(
    op: Op, outcome: Reject | Status, ending: str
) -> None:
    wanted = f"audit remote statefs {ending} peer=node-a key=9f86d081884c7d65"
    record = record_of(op, outcome, "node-a", "test")
    assert record is not None
    assert record.message == wanted
    assert (record.level is Level.INFO) == (outcome is Status.OK)
    assert record_of(Op.GET, outcome, "node-a", "test") is None
    # And every ending is one that the published schema of records knows.
    shown = change_fields(
        level=record.level,
        operation=record.verb,
        outcome=record.ending,
        peer=record.peer,
        key_hash=record.key_hash,
    )
    assert shown["event"] == "state-change"
    keyless = record_of(op, outcome, "node-a", "")
    assert keyless is not None
    assert keyless.message == wanted.replace("9f86d081884c7d65", "-")


def test_a_peers_state_is_a_mapping() -> None:
    store = Store(MemoryDevice(bytes(512 * 64)))
    remote = RemoteState(store)
    records: list[ChangeRecord | None] = []

    def call(frame: bytes) -> bytes:
        reply, record = remote.handle("node-a", frame)
        records.append(record)
        return reply

    shared = StateMap(call)
    shared["b"] = b"2"
    shared["a"] = b"1"
    shared.sync()
    assert dict(shared) == {"a": b"1", "b": b"2"}
    assert store.get("/state/shared/a") == b"1"
    del shared["a"]
    assert "a" not in shared
    with pytest.raises(KeyError):
        del shared["a"]
    with pytest.raises(StateError) as caught:
        shared["../keystore/x"] = b"1"
    assert caught.value.status is Status.INVALID_KEY
    told = [record.message.split()[3:-2] for record in records if record]
    assert told == [
        ["put", "allow"],
        ["put", "allow"],
        ["delete", "allow"],
        ["delete", "reject", "status"],
        ["put", "reject", "prefix_escape"],
    ]
    assert len(shared) == 1


@pytest.mark.parametrize(
    ("length", "why"),
    [(255, Reject.BAD_REQUEST), (256, Reject.BAD_REQUEST), (257, Reject.OVERSIZED)],
)
def test_a_frame_is_too_long_before_it_is_anything_else(length: int, why: Reject) -> None:
    verdict = judge(b"x" * length, is_authenticated=True)
    assert isinstance(verdict, Rejection)
    assert verdict.why is why


def test_an_answer_to_something_else_is_none() -> None:
    shared = StateMap(lambda _: Reply(Op.GET, Status.OK, b"x", nonce=99).encode())
    with pytest.raises(StateError):
        shared["a"]


def test_a_list_has_as_many_keys_as_a_reply_has_room_for() -> None:
    store = Store(MemoryDevice(bytes(512 * 64)))
    for number in range(20):
        store.put(f"{NAMESPACE}{number:030}", b"x")
    store.put(f"{NAMESPACE}0long", bytes(600))
    remote = RemoteState(store)
    frame, _ = remote.handle("node-a", Request(Op.LIST, NAMESPACE, limit=64).encode())
    reply = decode_reply(frame)
    assert len(reply.keys) == 10
    assert len(frame) <= 512
    # The node's own services may put longer values there than peers get.
    frame, _ = remote.handle("node-a", Request(Op.GET, f"{NAMESPACE}0long").encode())
    assert decode_reply(frame) == Reply(Op.GET, Status.VALUE_TOO_LARGE)


def test_two_peers_of_one_key_have_one_result() -> None:
    store = Store(MemoryDevice(bytes(512 * 64)))
    remote = RemoteState(store)
    for peer, value in (("node-a", b"a"), ("node-c", b"c")):
        remote.handle(peer, Request(Op.PUT, f"{NAMESPACE}k", value).encode())
    assert store.get(f"{NAMESPACE}k") == b"c"
