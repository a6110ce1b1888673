"""Lists for a peer hold as many whole keys as there is room for, to the byte.

A transaction that ends has its record.
"""

from __future__ import annotations

import pytest

from nexus.remotefs.state.block import MemoryDevice
from nexus.remotefs.state.remote import RemoteState
from nexus.remotefs.state.store import Store
from nexus.wire.state import Op, Reply, Request, Status, decode_reply

SPACE = "/state/shared/"


def serve(*keys: str) -> tuple[RemoteState, Store]:
    store = Store(MemoryDevice(bytes(64 * 512)))
    for key in keys:
        store.put(key, b"v")
    return RemoteState(store), store


def ask(remote: RemoteState, request: Request, session: int = 1, now_ns: int = 0) -> Reply:
    answer, _ = remote.handle("node-b", request.encode(), 0, session, now_ns)
    return decode_reply(answer)


def key_of(number: int, length: int) -> str:
    return f"{SPACE}{number}".ljust(length, "x")


@pytest.mark.parametrize(("nonce", "head"), [(None, 7), (9, 15)])
@pytest.mark.parametrize("more", [0, 1])
def test_a_list_is_as_long_as_a_reply_may_be_and_not_a_byte_longer(
    nonce: int | None, head: int, more: int
) -> None:
    # Five keys, each with two bytes for its length: four of the longest, and what is left.
    left = 512 - head - 4 * (2 + 96) - 2
    keys = [key_of(number, 96) for number in range(4)] + [key_of(4, left + more)]
    remote, _ = serve(*keys)
    answer, _ = remote.handle("node-b", Request(Op.LIST, SPACE, limit=8, nonce=nonce).encode())
    assert list(decode_reply(answer).keys) == keys[: 5 - more]
    assert len(answer) == 512 - more * (2 + left)


@pytest.mark.parametrize(("limit", "count"), [(0, 1), (1, 1), (2, 2), (3, 3)])
def test_a_list_has_as_many_keys_as_were_asked_for_and_at_least_one(limit: int, count: int) -> None:
    keys = [f"{SPACE}{number}" for number in range(3)]
    remote, _ = serve(*keys)
    reply = ask(remote, Request(Op.LIST, SPACE, limit=limit))
    assert list(reply.keys) == keys[:count]


def test_a_list_goes_on_behind_a_key() -> None:
    keys = [f"{SPACE}{number}" for number in range(3)]
    remote, _ = serve(*keys, "/state/other")
    reply = ask(remote, Request(Op.LIST, SPACE, limit=4, after=keys[0], nonce=5))
    assert (list(reply.keys), reply.nonce) == (keys[1:], 5)


def test_a_session_that_ends_aborts_what_it_began_and_that_is_recorded_once() -> None:
    remote, store = serve()
    begun = ask(remote, Request(Op.TXN_BEGIN), session=7)
    assert begun.status is Status.OK
    put = Request(Op.TXN_PUT, f"{SPACE}a", value=b"1", txn=begun.txn)
    assert ask(remote, put, session=7).status is Status.OK
    assert remote.end_session(8) is None
    record = remote.end_session(7)
    assert record is not None
    assert "node-b" in record.message
    assert remote.end_session(7) is None
    assert store.get(f"{SPACE}a") is None
    assert ask(remote, put, session=7).status is not Status.OK


def test_a_transaction_of_many_pieces_is_all_there_after_its_commit() -> None:
    remote, store = serve()
    begun = ask(remote, Request(Op.TXN_BEGIN))
    for piece in (b"one ", b"two ", b"three"):
        put = Request(Op.TXN_PUT, f"{SPACE}a", value=piece, txn=begun.txn)
        assert ask(remote, put).status is Status.OK
    assert store.get(f"{SPACE}a") is None
    commit = Request(Op.TXN_COMMIT, txn=begun.txn)
    assert ask(remote, commit).status is Status.OK
    assert store.get(f"{SPACE}a") == b"one two three"
    assert ask(remote, commit).status is not Status.OK
    assert remote.end_session(1) is None


def test_an_abort_leaves_nothing_and_makes_room_for_another() -> None:
    remote, store = serve()
    for _ in range(3):
        begun = ask(remote, Request(Op.TXN_BEGIN))
        assert begun.status is Status.OK
        put = Request(Op.TXN_PUT, f"{SPACE}a", value=b"1", txn=begun.txn)
        assert ask(remote, put).status is Status.OK
        assert ask(remote, Request(Op.TXN_ABORT, txn=begun.txn)).status is Status.OK
    assert store.get(f"{SPACE}a") is None
