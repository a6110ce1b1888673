"""The records of each transfer, with the hash of the key that it was about."""

from __future__ import annotations

import hashlib

import pytest

from nexus.dsoftbus.audit import Outcome
from nexus.remotefs.state.acl import NAMESPACE
from nexus.remotefs.state.replies import SERVICE
from nexus.remotefs.state.transfer import Step
from nexus.remotefs.state.transfer_test import EPOCH, KEY, Node
from nexus.wire.state import Status
from nexus.wire.transfer import Head, Op, Reply, Request, Stage


def hash_of(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:16] if key else "-"


@pytest.mark.parametrize("identity", [0, EPOCH + 1])
@pytest.mark.parametrize(
    ("key", "size", "status", "ending", "named"),
    [
        (KEY, 3, Status.OK, "allow", KEY),
        (KEY, 0, Status.VALUE_TOO_LARGE, "reject oversized", KEY),
        (KEY, 65_537, Status.VALUE_TOO_LARGE, "reject oversized", KEY),
        ("/state/x", 3, Status.ACCESS_DENIED, "reject outside_acl", "/state/x"),
        (NAMESPACE, 3, Status.ACCESS_DENIED, "reject outside_acl", NAMESPACE),
        (f"{KEY}\0", 3, Status.INVALID_KEY, "reject prefix_escape", f"{KEY}\0"),
        ("", 3, Status.MALFORMED, "reject bad_request", ""),
    ],
)
def test_a_put_has_one_record_with_the_hash_of_its_key(
    identity: int, key: str, size: int, status: Status, ending: str, named: str
) -> None:
    node = Node()
    head = Head(Op.PUT, identity, len(key.encode()), size).encode()
    served = node.serve()
    step = served.receive(head + key.encode())
    for piece in (b"val",) if status is Status.OK else ():
        assert step.send == Reply(Op.PUT, Status.OK, Stage.GO_AHEAD).encode()
        assert served.receive(piece) == Step()
        step = served.end()
    done = Reply(Op.PUT, status, Stage.DONE, 3 if status is Status.OK else 0).encode()
    assert step == Step(done, is_over=True)
    assert [(each.verb, each.ending, each.peer, each.key_hash) for each in node.changes] == [
        ("put", ending, "node-a", hash_of(named))
    ]
    assert node.others == []


@pytest.mark.parametrize(
    ("key", "status"),
    [(KEY, Status.OK), (f"{KEY}2", Status.NOT_FOUND), ("/state/x", Status.ACCESS_DENIED)],
)
def test_a_get_has_the_gateways_record_and_none_of_a_change(key: str, status: Status) -> None:
    node = Node()
    node.store.put(KEY, b"value")
    served = node.serve()
    step = served.receive(Request(Op.GET, 0, key).encode())
    value = b"value" if status is Status.OK else b""
    assert step == Step(
        Reply(Op.GET, status, Stage.DONE, len(value)).encode() + value, is_over=True
    )
    assert node.others == [(Outcome.OK, SERVICE, Op.GET)]
    assert node.changes == []


@pytest.mark.parametrize("op", list(Op))
def test_what_is_not_permitted_is_recorded_by_the_gate_alone(op: Op) -> None:
    node = Node(permitted=())
    step = node.serve().receive(Request(op, 0, KEY, 3 if op is Op.PUT else 0).encode())
    assert step == Step(Reply(op, Status.ACCESS_DENIED, Stage.DONE).encode(), is_over=True)
    assert node.others == [(Outcome.SERVICE, SERVICE, op)]
    assert node.changes == []


@pytest.mark.parametrize("count", [0, 1, 5])
def test_bytes_behind_a_request_that_is_over_are_dropped(count: int) -> None:
    node = Node()
    served = node.serve()
    served.receive(Request(Op.GET, 0, KEY).encode() + bytes(count))
    assert served._buffer == bytearray()
    assert (served.receive(b"more"), served.end()) == (Step(), Step())
    served.abort()
    assert node.changes == []


def test_a_put_that_is_given_up_is_recorded_with_its_key() -> None:
    node = Node()
    served = node.serve()
    served.receive(Request(Op.PUT, 0, KEY, 3).encode() + b"va")
    served.abort()
    assert [(each.ending, each.key_hash) for each in node.changes] == [
        ("reject status", hash_of(KEY))
    ]
    assert served._buffer == bytearray()
