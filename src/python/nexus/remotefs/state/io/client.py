"""A client of a peer's shared state for an event loop.

    state = StateClient(await node.connect("node-b"))
    await state.put("/state/shared/colour", b"green")
    await state.sync()

Every refusal is a `StateError`.  A peer that is not there or not in time is an error of the bus
(`UnavailableError`, `DeadlineError`): a change may then have been made or not.  To a peer that is
configured with `deduplicates` a change is repeated when its session is lost, and made once.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass
from typing import Final, Protocol

from nexus.core.duration import check_timeout_s
from nexus.dsoftbus.io.settings import FailedError, RefusedError
from nexus.remotefs.state.acl import (
    FRAME_BYTES_MAX,
    KEY_BYTES_MAX,
    LIST_MAX,
    NAMESPACE,
    TRANSACTION_STEPS,
    TRANSFER_BYTES_MAX,
    VALUE_BYTES_MAX,
)
from nexus.remotefs.state.error import StateError
from nexus.remotefs.state.io import transfer
from nexus.remotefs.state.io.transaction import Transaction, txn_of
from nexus.remotefs.state.listing import Walk, is_last_page
from nexus.remotefs.state.replies import ADVICE, SERVICE, check_key, check_reply, check_status
from nexus.wire.error import LocalProtocolError
from nexus.wire.state import Op, Reply, Request, Status

TIMEOUT_S: Final = 5.0


class Caller(transfer.Carrier, Protocol):
    """The part of `nexus.dsoftbus.io.peer.Peer` that is used."""

    def call(
        self, service: int, payload: bytes, timeout_s: float
    ) -> Coroutine[object, None, bytes]:
        """Call a service of the peer."""
        ...


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of keys, in order; a list `after` the last one goes on."""

    keys: tuple[str, ...]
    # False where the answer had no room for one key more, so that there may be others.
    is_complete: bool


class StateClient:
    """The state that one peer shares."""

    def __init__(self, peer: Caller, timeout_s: float = TIMEOUT_S) -> None:
        """Call a peer; every request has so long for its answer."""
        self._peer = peer
        self._timeout_s = check_timeout_s(timeout_s)

    @property
    def longest_s(self) -> float:
        """The seconds that one operation may take: a call, and then a transfer."""
        return 2 * self._timeout_s

    async def get(self, key: str) -> bytes:
        """Return a value.  Raises StateError."""
        try:
            return (await self._ask(Request(Op.GET, key))).value
        except StateError as exc:
            # A value that is too large for a frame, and not because of its key, comes on a stream.
            too_large = Status.VALUE_TOO_LARGE
            if exc.status is not too_large or len(key.encode()) > KEY_BYTES_MAX:
                raise
        return await transfer.get(self._peer, key, self._timeout_s)

    async def put(self, key: str, value: bytes) -> None:
        """Set a value of 1 to 65,536 bytes.  Raises StateError."""
        request = Request(Op.PUT, key, value)
        if len(value) <= VALUE_BYTES_MAX or len(value) > TRANSFER_BYTES_MAX:
            await self._ask(request)
            return
        check_key(key)
        await transfer.put(self._peer, key, value, self._timeout_s)

    async def delete(self, key: str) -> None:
        """Remove a key that is there.  Raises StateError."""
        await self._ask(Request(Op.DELETE, key))

    async def list(
        self, prefix: str = NAMESPACE, limit: int = LIST_MAX, after: str = ""
    ) -> Listing:
        """List the first keys that begin with a prefix, behind `after`.  Raises StateError."""
        if not 1 <= limit <= LIST_MAX:
            detail = f"a limit of {limit}; expected 1..{LIST_MAX}"
            raise StateError(Status.VALUE_TOO_LARGE, detail)
        keys = (await self._ask(Request(Op.LIST, prefix, limit=limit, after=after))).keys
        return Listing(keys, is_last_page(keys, limit))

    async def list_all(self, prefix: str = NAMESPACE) -> AsyncIterator[str]:
        """Give all keys that begin with a prefix, in order, page by page.

        Raises:
            StateError: UNSUPPORTED of a peer that has more than a page and is too old to go on.
        """
        walk = Walk(prefix)
        while (request := walk.request) is not None:
            for key in walk.take(await self._exchange(request)):
                yield key

    async def begin(self) -> Transaction:
        """Begin a transaction; a session has one at a time.  Raises StateError."""
        return Transaction(self._ask, txn_of(await self._ask(Request(Op.TXN_BEGIN))))

    async def sync(self) -> None:
        """Return when every change answered before survives a power cut.  Raises StateError."""
        await self._ask(Request(Op.SYNC))

    async def _ask(self, request: Request) -> Reply:
        return check_status(await self._exchange(request), request.key)

    async def _exchange(self, request: Request) -> Reply:
        frame = _encode(request)
        try:
            answer = await self._peer.call(SERVICE, frame, self._timeout_s)
        except RefusedError as exc:
            text = "the peer does not permit this operation to this node, or not so often"
            if request.op in TRANSACTION_STEPS:
                text += "; or it is of a version without transactions"
            raise StateError(Status.ACCESS_DENIED, text) from exc
        except FailedError as exc:
            text = f"the peer's store did not answer: {ADVICE[Status.IO_ERROR]}"
            raise StateError(Status.IO_ERROR, text) from exc
        return check_reply(request, answer)


def _encode(request: Request) -> bytes:
    """Write a frame that a session carries; whether it may be served is the peer's to say."""
    try:
        frame = request.encode()
    except UnicodeEncodeError as exc:
        text = f"{request.key!r}: {ADVICE[Status.INVALID_KEY]}"
        raise StateError(Status.INVALID_KEY, text) from exc
    except LocalProtocolError as exc:
        raise StateError(Status.VALUE_TOO_LARGE, ADVICE[Status.VALUE_TOO_LARGE]) from exc
    if len(frame) > FRAME_BYTES_MAX:
        raise StateError(Status.VALUE_TOO_LARGE, ADVICE[Status.VALUE_TOO_LARGE])
    return frame
