"""A transaction step by step, against a store that answers as a test says."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

import pytest

from nexus.dsoftbus.io.settings import DeadlineError
from nexus.remotefs.state.error import StateError
from nexus.remotefs.state.io.transaction import Transaction
from nexus.wire.state import Op, Reply, Request, Status

T = TypeVar("T")

KEY = "/state/shared/k"
OVER = (
    "not_found: the transaction is over, nothing of it is set: its session was lost, no request"
    " came for it for 30 s, or the peer ended it; begin another"
)


class Store:
    """Keeps what it is asked, and may refuse one operation."""

    def __init__(self, op: Op | None = None, error: Exception | None = None) -> None:
        self.asked: list[Request] = []
        self.refused = op
        self.error = error

    async def __call__(self, request: Request) -> Reply:
        self.asked.append(request)
        if request.op is self.refused and self.error is not None:
            raise self.error
        return Reply(request.op, Status.OK)

    @property
    def ops(self) -> list[Op]:
        return [request.op for request in self.asked]


def run(doing: Coroutine[object, None, T]) -> T:
    return asyncio.run(doing)


@pytest.mark.parametrize(
    ("size", "steps"), [(0, [0]), (1, [1]), (128, [128]), (129, [128, 1]), (300, [128, 128, 44])]
)
def test_a_value_goes_in_pieces_of_128_bytes_and_an_empty_one_goes_too(
    size: int, steps: list[int]
) -> None:
    store = Store()
    value = bytes(number % 251 for number in range(size))
    run(Transaction(store, 9).put(KEY, value))
    assert [len(request.value) for request in store.asked] == steps
    assert b"".join(request.value for request in store.asked) == value
    assert {(each.op, each.key, each.txn) for each in store.asked} == {(Op.TXN_PUT, KEY, 9)}


def test_a_commit_is_asked_once_in_a_block_and_an_abort_behind_it_never() -> None:
    store = Store()

    async def use() -> None:
        async with Transaction(store, 9) as transaction:
            await transaction.put(KEY, b"v")
        await transaction.abort()

    run(use())
    assert store.ops == [Op.TXN_PUT, Op.TXN_COMMIT]
    assert store.asked[1] == Request(Op.TXN_COMMIT, txn=9)


def test_what_was_aborted_in_its_block_is_not_committed() -> None:
    store = Store()

    async def use() -> None:
        async with Transaction(store, 9) as transaction:
            await transaction.abort()
            await transaction.abort()

    run(use())
    assert store.asked == [Request(Op.TXN_ABORT, txn=9)]


@pytest.mark.parametrize(
    "error", [StateError(Status.IO_ERROR), StateError(Status.NOT_FOUND), DeadlineError("late")]
)
def test_the_error_of_a_block_is_what_its_caller_sees(error: Exception) -> None:
    store = Store(Op.TXN_ABORT, error)

    async def use() -> None:
        async with Transaction(store, 9):
            raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        run(use())
    assert store.ops == [Op.TXN_ABORT]


@pytest.mark.parametrize("op", [Op.TXN_PUT, Op.TXN_COMMIT])
def test_one_that_is_over_says_so_and_leaves_nothing_to_abort(op: Op) -> None:
    store = Store(op, StateError(Status.NOT_FOUND))
    transaction = Transaction(store, 9)

    async def use() -> None:
        async with transaction:
            await transaction.put(KEY, b"v")

    with pytest.raises(StateError) as caught:
        run(use())
    assert (caught.value.status, str(caught.value)) == (Status.NOT_FOUND, OVER)
    assert Op.TXN_ABORT not in store.ops
    run(transaction.abort())
    assert store.ops[-1] is op


@pytest.mark.parametrize("op", [Op.TXN_PUT, Op.TXN_COMMIT])
def test_another_refusal_leaves_it_open(op: Op) -> None:
    store = Store(op, StateError(Status.OVER_SHARE))
    transaction = Transaction(store, 9)

    async def use() -> None:
        await transaction.put(KEY, b"v")
        await transaction.commit()

    with pytest.raises(StateError) as caught:
        run(use())
    assert caught.value.status is Status.OVER_SHARE
    store.refused = None
    run(transaction.commit())
    assert store.ops[-1] is Op.TXN_COMMIT
    run(transaction.abort())
    assert store.ops[-1] is Op.TXN_COMMIT


def test_an_abort_that_is_refused_is_no_error_and_one_that_is_not_heard_is() -> None:
    run(Transaction(Store(Op.TXN_ABORT, StateError(Status.IO_ERROR)), 9).abort())
    with pytest.raises(DeadlineError):
        run(Transaction(Store(Op.TXN_ABORT, DeadlineError("late")), 9).abort())
