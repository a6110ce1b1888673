"""Ranges of a peer's files over streams: what `PK` v1 takes thousands of calls for, in one.

A range is asked for again when its session is lost, for that changes nothing.  A peer that knows
no such streams, as guests do not, is read from with calls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Final, Protocol

from nexus.core.errors import NexusError
from nexus.dsoftbus.io.settings import (
    DeadlineError,
    NoStreamsError,
    SessionLostError,
    StreamResetError,
)
from nexus.dsoftbus.io.stream import BusStream
from nexus.dsoftbus.mux_transitions import ResetReason
from nexus.remotefs.package.path import PackageError
from nexus.wire import package_stream
from nexus.wire.error import RemoteProtocolError
from nexus.wire.package_stream import LENGTH_MAX, REPLY_BYTES, Op, Reply, Request
from nexus.wire.packagefs import Status

_READ_BYTES: Final = 1 << 20

# A peer that sends, but less than this a second, is given up in the end.
_SLOWEST_BYTES_S: Final = 16 * 1024


class NoReadStreamError(NexusError):
    """The peer knows no streams of packages; calls do the same, slowly."""


class Streamer(Protocol):
    """The part of `nexus.dsoftbus.io.peer.Peer` that is used."""

    @property
    def device_id(self) -> str:
        """The id of the peer."""
        ...

    def turn(self, stream: str) -> AbstractAsyncContextManager[object]:
        """Let one caller after the other open a stream of one name."""

    def open_stream(
        self, name: str, priority: int, timeout_s: float
    ) -> Coroutine[object, None, BusStream]:
        """Open a stream."""
        ...


@dataclass(frozen=True, slots=True)
class Found:
    """The peer's answer about a name, and the bytes that were asked for."""

    reply: Reply
    data: bytes


async def read_range(
    peer: Streamer, name: str, offset: int, length: int, timeout_s: float
) -> Found:
    """Read bytes of a file, fewer than asked only at its end; of a folder there are none.

    Raises:
        PackageError: there is none, or the peer refuses or fails.
        NoReadStreamError: read with calls instead.
        DeadlineError, UnavailableError: the peer is not there, or not in time.
    """
    wanted = min(length, LENGTH_MAX)
    return await _ask(peer, Request(Op.READ, name, offset, wanted), timeout_s)


async def list_range(peer: Streamer, name: str, timeout_s: float) -> Found:
    """List a folder; `data` is for `decode_entries`.

    Raises:
        As `read_range`.
    """
    return await _ask(peer, Request(Op.LIST, name), timeout_s)


async def _ask(peer: Streamer, request: Request, timeout_s: float) -> Found:
    """Ask, on as many sessions as it takes.  Nothing may come for `timeout_s`, on any of them."""
    longest_s = timeout_s + request.length / _SLOWEST_BYTES_S
    try:
        # Each that waits for its turn here waits for a few others, which are bounded.
        async with peer.turn(package_stream.STREAM), asyncio.timeout(longest_s):
            while True:
                try:
                    return await _on_stream(peer, request, timeout_s)
                except SessionLostError:
                    continue  # `open_stream` waits for the next session.
    except NoStreamsError as exc:
        raise NoReadStreamError(str(exc)) from exc
    except StreamResetError as exc:
        if exc.reason == ResetReason.UNKNOWN_STREAM.value:
            raise NoReadStreamError(str(exc)) from exc
        text = f"{request.path}: the peer gave the stream up (reason {exc.reason})"
        raise PackageError(Status.IO, text) from exc
    except TimeoutError as exc:
        if isinstance(exc, NexusError):
            raise
        raise DeadlineError(f"{peer.device_id} sent nothing for {timeout_s:g} s") from exc


async def _on_stream(peer: Streamer, request: Request, timeout_s: float) -> Found:
    stream = await peer.open_stream(package_stream.STREAM, package_stream.PRIORITY, timeout_s)
    try:
        async with asyncio.timeout(timeout_s) as silence:
            await stream.write(request.encode())
            stream.close()
            reply = await _read_reply(stream, request)
            data = await _read_body(stream, reply.length, request.path, silence, timeout_s)
            await stream.over()
        return Found(reply, data)
    finally:
        stream.reset()  # A stream that is over has nothing left to reset.


async def _read_reply(stream: BusStream, request: Request) -> Reply:
    try:
        reply = package_stream.decode_reply(await stream.read_exactly(REPLY_BYTES))
    except RemoteProtocolError as exc:
        raise _nonsense(request.path, str(exc)) from exc
    if reply.status is not Status.OK:
        raise PackageError(reply.status, request.path)
    is_more = request.op is Op.READ and reply.length > request.length
    if reply.op is not request.op or is_more:
        raise _nonsense(request.path, "an answer to something else")
    return reply


async def _read_body(
    stream: BusStream, length: int, name: str, silence: asyncio.Timeout, timeout_s: float
) -> bytes:
    """Read what was announced, and the end behind it."""
    now_s = asyncio.get_running_loop().time
    pieces, left = [], length
    while piece := await stream.read(_READ_BYTES):
        left -= len(piece)
        if left < 0:
            raise _nonsense(name, f"more than {length} bytes")
        pieces.append(piece)
        silence.reschedule(now_s() + timeout_s)
    if left:
        raise _nonsense(name, f"{length - left} bytes of {length}")
    return b"".join(pieces)


def _nonsense(name: str, text: str) -> PackageError:
    return PackageError(Status.IO, f"{name}: the peer's answer cannot be read: {text}")
