"""Values above a frame: put to a peer and got from it on streams of their own.

A put whose session is lost is repeated under its number, to a peer that is known to remember; a
get always.  Everything else is reported under its own status.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, suppress
from typing import Final, Protocol, TypeVar

from nexus.dsoftbus.io.settings import (
    DeadlineError,
    NoStreamsError,
    PeerSettings,
    SessionLostError,
    StreamResetError,
    UnavailableError,
)
from nexus.dsoftbus.io.stream import BusStream
from nexus.dsoftbus.mux_transitions import ResetReason
from nexus.remotefs.state.acl import TRANSFER_BYTES_MAX, VALUE_BYTES_MAX
from nexus.remotefs.state.error import StateError
from nexus.remotefs.state.replies import ADVICE
from nexus.wire import transfer
from nexus.wire.error import RemoteProtocolError
from nexus.wire.state import Status
from nexus.wire.transfer import Op, Reply, Request, Stage

# A value that changes while a guest reads it in pieces makes it give up; then it is asked again.
GETS_MAX: Final = 3

# Both have said what they had to say; a peer that does not close in time is not awaited.
_CLOSING_S: Final = 1.0

Result = TypeVar("Result")


class Carrier(Protocol):
    """The part of `nexus.dsoftbus.io.peer.Peer` that transfers use."""

    @property
    def settings(self) -> PeerSettings:
        """The id of the peer, and whether it remembers calls."""

    def next_correlation(self) -> int:
        """Return a new number for a call."""

    def turn(self, stream: str) -> AbstractAsyncContextManager[object]:
        """Let one caller after the other open a stream of one name."""

    def open_stream(
        self, name: str, priority: int, timeout_s: float
    ) -> Coroutine[object, None, BusStream]:
        """Open a stream."""


async def put(peer: Carrier, key: str, value: bytes, timeout_s: float) -> None:
    """Set a value.

    Raises:
        StateError: the peer refused, or does not know transfers (UNSUPPORTED).
        DeadlineError, UnavailableError: the change may have been made or not.
    """
    assert 1 <= len(value) <= TRANSFER_BYTES_MAX, f"{len(value)} bytes"
    request = Request(Op.PUT, peer.next_correlation(), key, len(value))

    async def once(stream: BusStream) -> None:
        reply = await _ask(stream, request)
        if reply.stage is Stage.GO_AHEAD:
            await stream.write(value)
            stream.close()
            reply = await _read_reply(stream, request)
            if reply.stage is not Stage.DONE:
                raise _nonsense("it says to go ahead twice")
        _check(reply, key)
        if reply.value_bytes != len(value):
            raise _nonsense(f"it took {reply.value_bytes} bytes of {len(value)}")

    await _exchange(peer, once, timeout_s, is_repeated=peer.settings.is_deduplicating)


async def get(peer: Carrier, key: str, timeout_s: float) -> bytes:
    """Return a value.

    Raises:
        StateError: the peer refused, has none, or does not know transfers (UNSUPPORTED).
        DeadlineError, UnavailableError: as for any call.
    """

    async def once(stream: BusStream) -> bytes:
        reply = await _ask(stream, Request(Op.GET, peer.next_correlation(), key))
        _check(reply, key)
        if reply.value_bytes > TRANSFER_BYTES_MAX:
            raise _nonsense(f"a value of {reply.value_bytes} bytes")
        stream.close()
        # One byte more than there are to be: what comes behind the value is noticed.
        value = await stream.read_exactly(reply.value_bytes + 1)
        if len(value) != reply.value_bytes:
            raise _nonsense(f"{len(value)} bytes of {reply.value_bytes}")
        return value

    return await _exchange(peer, once, timeout_s, is_repeated=True, tries=GETS_MAX)


async def _exchange(
    peer: Carrier,
    once: Callable[[BusStream], Awaitable[Result]],
    timeout_s: float,
    *,
    is_repeated: bool,
    tries: int = 1,
) -> Result:
    """Run one transfer to its end, on as many streams and sessions as that may take."""
    who = peer.settings.device_id
    try:
        async with asyncio.timeout(timeout_s), peer.turn(transfer.STREAM):
            while True:
                try:
                    return await _on_stream(peer, once, timeout_s)
                except SessionLostError as exc:
                    if not is_repeated:
                        text = f"lost {who}; the change may have been made or not"
                        raise UnavailableError(text) from exc
                except StreamResetError as exc:
                    tries -= 1
                    if exc.reason != ResetReason.UNWANTED.value or not tries:
                        raise _reset(exc.reason) from exc
    except NoStreamsError as exc:
        raise _unsupported() from exc
    except TimeoutError as exc:
        raise DeadlineError(f"{who} did not finish within {timeout_s:g} s") from exc


async def _on_stream(
    peer: Carrier, once: Callable[[BusStream], Awaitable[Result]], timeout_s: float
) -> Result:
    stream = await peer.open_stream(transfer.STREAM, transfer.PRIORITY, timeout_s)
    try:
        result = await once(stream)
        stream.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSING_S):
                await stream.over()
        return result
    finally:
        stream.reset()  # A stream that is over has nothing left to reset.


async def _ask(stream: BusStream, request: Request) -> Reply:
    await stream.write(request.encode())
    return await _read_reply(stream, request)


async def _read_reply(stream: BusStream, request: Request) -> Reply:
    try:
        reply = transfer.decode_reply(await stream.read_exactly(transfer.REPLY_BYTES))
    except RemoteProtocolError as exc:
        raise _nonsense(str(exc)) from exc
    if reply.op is not request.op:
        raise _nonsense("an answer to something else")
    return reply


def _check(reply: Reply, key: str) -> None:
    if reply.status is not Status.OK:
        raise StateError(reply.status, f"{key!r}: {ADVICE[reply.status]}")


def _nonsense(text: str) -> StateError:
    return StateError(Status.IO_ERROR, f"the peer's answer cannot be read: {text}")


def _reset(reason: int | None) -> StateError:
    if reason == ResetReason.UNKNOWN_STREAM.value:
        return _unsupported()
    return StateError(Status.IO_ERROR, f"the peer gave the transfer up (reason {reason})")


def _unsupported() -> StateError:
    text = f"the peer knows no transfers: its values have up to {VALUE_BYTES_MAX} bytes"
    return StateError(Status.UNSUPPORTED, text)
