"""A transaction at a peer's store: several keys are set at once, or none.

    async with await state.begin() as transaction:
        await transaction.put("/state/shared/colour", b"green")
        await transaction.put("/state/shared/shape", b"round")

It is committed at the end of the block, and aborted if that raises.  It belongs to the session that
it was begun in: where that is lost before the commit was sent, nothing is set.
"""

from __future__ import annotations

from contextlib import suppress
from types import TracebackType
from typing import Final, Protocol, Self

from nexus.contract.state import TRANSACTION_SILENCE_NS
from nexus.core.errors import NexusError
from nexus.remotefs.state.acl import VALUE_BYTES_MAX
from nexus.remotefs.state.error import StateError
from nexus.remotefs.state.replies import ADVICE
from nexus.wire.state import Op, Reply, Request, Status

_OVER: Final = (
    "the transaction is over, nothing of it is set: its session was lost, no request came for it"
    f" for {TRANSACTION_SILENCE_NS // 10**9} s, or the peer ended it; begin another"
)


class Asks(Protocol):
    """Asks the store, and raises StateError for every status but OK."""

    async def __call__(self, request: Request) -> Reply:
        """Ask."""
        ...


class Transaction:
    """One that was begun."""

    def __init__(self, ask: Asks, txn: int) -> None:
        """Go on with it."""
        self._ask = ask
        self._txn = txn
        self._is_over = False

    async def put(self, key: str, value: bytes) -> None:
        """Set a value of 1 to 65,536 bytes; what was put of the key before is followed by it.

        Raises:
            StateError: NOT_FOUND if the transaction is over; otherwise it goes on, without this.
        """
        for at in range(0, max(len(value), 1), VALUE_BYTES_MAX):
            await self._step(Op.TXN_PUT, key, value[at : at + VALUE_BYTES_MAX])

    async def commit(self) -> None:
        """Have all values set at once.

        To a peer that is configured with `deduplicates` it is repeated when its session is lost,
        and made once.

        Raises:
            StateError: NOT_FOUND if the transaction was over before; nothing is set then.
            DeadlineError, UnavailableError: it may have been made or not.
        """
        await self._step(Op.TXN_COMMIT)
        self._is_over = True

    async def abort(self) -> None:
        """Forget it; of one that is over there is nothing to forget."""
        if self._is_over:
            return
        self._is_over = True
        with suppress(StateError):
            await self._step(Op.TXN_ABORT)

    async def __aenter__(self) -> Self:
        """Give the transaction."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        _: BaseException | None,
        __: TracebackType | None,
    ) -> None:
        """Commit, or abort if the block has raised."""
        if kind is None:
            if not self._is_over:
                await self.commit()
            return
        # The block's own error is what its caller is to see.
        with suppress(NexusError):
            await self.abort()

    async def _step(self, op: Op, key: str = "", value: bytes = b"") -> None:
        try:
            await self._ask(Request(op, key, value, txn=self._txn))
        except StateError as exc:
            if exc.status is not Status.NOT_FOUND:
                raise
            self._is_over = True
            raise StateError(Status.NOT_FOUND, _OVER) from exc


def txn_of(reply: Reply) -> int:
    """Return the number of a transaction that was begun.  Raises StateError: there is none."""
    if not reply.txn:
        raise StateError(Status.IO_ERROR, ADVICE[Status.UNSUPPORTED])
    return reply.txn
