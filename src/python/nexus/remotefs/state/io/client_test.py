"""A client of a peer's state against a peer that is a table: what goes as a frame and what as a
transfer, and how each refusal is said."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar  # Any: a stand-in for a peer.

import pytest

from nexus.core.duration import TimeoutValueError
from nexus.dsoftbus.io.settings import DeadlineError, FailedError, RefusedError
from nexus.remotefs.state.acl import NAMESPACE
from nexus.remotefs.state.error import StateError
from nexus.remotefs.state.io import transfer
from nexus.remotefs.state.io.client import Listing, StateClient
from nexus.remotefs.state.io.transaction import Transaction
from nexus.remotefs.state.replies import ADVICE, SERVICE
from nexus.wire.state import Op, Reply, Request, Status, decode_request

T = TypeVar("T")

KEY = f"{NAMESPACE}k"


class Peer:
    """A peer that answers each request as a test says, and keeps them."""

    def __init__(self, answer: Callable[[Request], Reply] | Exception) -> None:
        self._answer = answer
        self.asked: list[Request] = []
        self.how: set[tuple[int, float]] = set()

    async def call(self, service: int, payload: bytes, timeout_s: float) -> bytes:
        self.how.add((service, timeout_s))
        request = decode_request(payload)
        self.asked.append(request)
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer(request).encode()


def ok(request: Request) -> Reply:
    return Reply(request.op, Status.OK, txn=7)


def refusing(status: Status) -> Callable[[Request], Reply]:
    return lambda request: Reply(request.op, status)


def client_of(peer: Peer, timeout_s: float = 5.0) -> StateClient:
    given: Any = peer
    return StateClient(given, timeout_s)


def run(doing: Awaitable[T]) -> T:
    async def main() -> T:
        async with asyncio.timeout(10):
            return await doing

    return asyncio.run(main())


@pytest.fixture
def moved(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """Transfers that are stand-ins: what they were asked."""
    asked: list[tuple[object, ...]] = []

    async def put(peer: object, key: str, value: bytes, timeout_s: float) -> None:
        asked.append(("put", key, len(value), timeout_s))

    async def get(peer: object, key: str, timeout_s: float) -> bytes:
        asked.append(("get", key, timeout_s))
        return b"large"

    monkeypatch.setattr(transfer, "put", put)
    monkeypatch.setattr(transfer, "get", get)
    return asked


def test_each_operation_is_one_frame_to_the_store() -> None:
    peer = Peer(ok)
    state = client_of(peer, 2.5)
    for doing in (state.put(KEY, b"v"), state.get(KEY), state.delete(KEY), state.sync()):
        run(doing)
    assert peer.asked == [
        Request(Op.PUT, KEY, b"v"),
        Request(Op.GET, KEY),
        Request(Op.DELETE, KEY),
        Request(Op.SYNC),
    ]
    assert peer.how == {(SERVICE, 2.5)}
    assert state.longest_s == 5.0


@pytest.mark.parametrize("size", [1, 128])
def test_a_value_that_a_frame_has_room_for_goes_as_one(
    size: int, moved: list[tuple[object, ...]]
) -> None:
    peer = Peer(ok)
    run(client_of(peer).put(KEY, bytes(size)))
    assert (peer.asked, moved) == ([Request(Op.PUT, KEY, bytes(size))], [])


@pytest.mark.parametrize("size", [129, 65_536])
def test_a_larger_value_goes_as_a_transfer(size: int, moved: list[tuple[object, ...]]) -> None:
    peer = Peer(ok)
    run(client_of(peer).put(KEY, bytes(size)))
    assert (peer.asked, moved) == ([], [("put", KEY, size, 5.0)])


def test_what_no_peer_takes_is_refused_here_and_not_asked(
    moved: list[tuple[object, ...]],
) -> None:
    peer = Peer(ok)
    state = client_of(peer)
    longest = "k" * 97
    for doing in (
        state.put(KEY, bytes(65_537)),
        state.put(longest, bytes(129)),
        state.get("k" * 300),
        state.put("k" * 121, bytes(128)),
    ):
        with pytest.raises(StateError) as caught:
            run(doing)
        assert str(caught.value) == f"value_too_large: {ADVICE[Status.VALUE_TOO_LARGE]}"
    for doing in (state.get("\udcff"), state.put("\udcff", b"v"), state.put("\udcff", bytes(200))):
        with pytest.raises(StateError) as caught:
            run(doing)
        assert str(caught.value) == f"invalid_key: '\\udcff': {ADVICE[Status.INVALID_KEY]}"
    assert (peer.asked, moved) == ([], [])


def test_a_frame_as_long_as_a_session_carries_is_the_peers_to_judge() -> None:
    peer = Peer(ok)
    for length, is_asked in ((118, True), (119, False)):
        peer.asked.clear()
        doing = client_of(peer).put("k" * length, bytes(128))
        assert len(Request(Op.PUT, "k" * length, bytes(128)).encode()) == length + 138
        assert (asked_of(peer, doing) == 1) is is_asked


def asked_of(peer: Peer, doing: Awaitable[object]) -> int:
    """Return how often a peer was asked, refused or not."""

    async def main() -> None:
        await asyncio.gather(doing, return_exceptions=True)

    asyncio.run(main())
    return len(peer.asked)


def test_a_value_that_no_frame_has_room_for_is_got_as_a_transfer(
    moved: list[tuple[object, ...]],
) -> None:
    state = client_of(Peer(refusing(Status.VALUE_TOO_LARGE)), 2.0)
    longest = NAMESPACE.ljust(96, "k")
    for key in (KEY, longest):
        assert run(state.get(key)) == b"large"
    assert moved == [("get", KEY, 2.0), ("get", longest, 2.0)]
    with pytest.raises(StateError) as caught:
        run(state.get(longest + "k"))
    assert caught.value.status is Status.VALUE_TOO_LARGE
    assert len(moved) == 2, "its key is what is too long"


@pytest.mark.parametrize("status", [Status.NOT_FOUND, Status.IO_ERROR, Status.OVER_SHARE])
def test_a_refusal_of_the_store_has_its_status(
    status: Status, moved: list[tuple[object, ...]]
) -> None:
    state = client_of(Peer(refusing(status)))
    for doing in (state.get(KEY), state.put(KEY, b"v"), state.delete(KEY)):
        with pytest.raises(StateError) as caught:
            run(doing)
        assert str(caught.value) == f"{status.name.lower()}: {KEY!r}: {ADVICE[status]}"
    others: list[Awaitable[object]] = [state.sync(), state.begin()]
    for each in others:
        with pytest.raises(StateError) as caught:
            run(each)
        assert str(caught.value) == f"{status.name.lower()}: {ADVICE[status]}"
    assert moved == []


NOT_PERMITTED = (
    "access_denied: the peer does not permit this operation to this node, or not so often"
)


def test_a_refusal_of_the_gateway_says_what_it_may_mean() -> None:
    state = client_of(Peer(RefusedError("no")))
    for doing in (state.get(KEY), state.put(KEY, b"v"), state.sync(), state.list()):
        with pytest.raises(StateError) as caught:
            run(doing)
        assert str(caught.value) == NOT_PERMITTED
    with pytest.raises(StateError) as caught:
        run(state.begin())
    assert str(caught.value) == f"{NOT_PERMITTED}; or it is of a version without transactions"


def test_a_store_that_does_not_answer_has_failed_and_a_deadline_comes_through() -> None:
    with pytest.raises(StateError) as caught:
        run(client_of(Peer(FailedError("no"))).sync())
    assert str(caught.value) == (
        f"io_error: the peer's store did not answer: {ADVICE[Status.IO_ERROR]}"
    )
    with pytest.raises(DeadlineError, match=r"^late$"):
        run(client_of(Peer(DeadlineError("late"))).sync())


@pytest.mark.parametrize("limit", [0, -1, 65])
def test_a_list_has_one_to_sixty_four_keys(limit: int) -> None:
    peer = Peer(ok)
    with pytest.raises(StateError) as caught:
        run(client_of(peer).list(limit=limit))
    assert str(caught.value) == f"value_too_large: a limit of {limit}; expected 1..64"
    assert peer.asked == []
    for least in (1, 64):
        assert run(client_of(peer).list(limit=least)) == Listing((), is_complete=True)
    assert [request.limit for request in peer.asked] == [1, 64]


def test_a_list_is_of_a_prefix_and_goes_on_behind_a_key() -> None:
    peer = Peer(lambda request: Reply(Op.LIST, Status.OK, keys=(f"{KEY}1", f"{KEY}2")))
    assert run(client_of(peer).list(KEY, 2, f"{KEY}0")) == Listing(
        (f"{KEY}1", f"{KEY}2"), is_complete=False
    )
    assert run(client_of(peer).list(KEY, 3)).is_complete
    assert peer.asked == [
        Request(Op.LIST, KEY, limit=2, after=f"{KEY}0"),
        Request(Op.LIST, KEY, limit=3),
    ]


def test_all_keys_are_given_page_by_page() -> None:
    wanted = [f"{NAMESPACE}{number:03}" for number in range(150)]

    def page(request: Request) -> Reply:
        behind = [key for key in wanted if key > request.after]
        return Reply(Op.LIST, Status.OK, keys=tuple(behind[:16]))

    peer = Peer(page)

    async def read() -> list[str]:
        return [key async for key in client_of(peer).list_all()]

    assert run(read()) == wanted
    assert [request.key for request in peer.asked] == [NAMESPACE] * len(peer.asked)


def test_a_transaction_has_the_number_that_the_peer_gave_it() -> None:
    peer = Peer(ok)
    transaction = run(client_of(peer).begin())
    assert isinstance(transaction, Transaction)
    run(transaction.put(KEY, b"v"))
    assert peer.asked == [Request(Op.TXN_BEGIN), Request(Op.TXN_PUT, KEY, b"v", txn=7)]
    with pytest.raises(StateError) as caught:
        run(client_of(Peer(lambda request: Reply(request.op, Status.OK))).begin())
    assert str(caught.value) == "io_error: the peer cannot do this"


@pytest.mark.parametrize("timeout_s", [0, -1.0])
def test_a_time_that_is_none_is_refused(timeout_s: float) -> None:
    with pytest.raises(TimeoutValueError):
        client_of(Peer(ok), timeout_s)
