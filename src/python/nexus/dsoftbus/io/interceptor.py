"""A hook around calls, for tracing, metrics and policies of an application's own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from nexus.dsoftbus.io.settings import Call, Reply


@dataclass(frozen=True, slots=True)
class OutgoingCall:
    """A call to a peer, before it is sent."""

    peer: str
    service: int
    payload: bytes
    timeout_s: float


class Interceptor:
    """Subclass it, override one or both, and pass it to `Node(interceptors=[...])`.

    The first of several is the outermost.  Each may look, change, answer itself, or raise.  What it
    raises is, outgoing, what the caller gets; incoming, it costs the peer an answer of `failed`.
    """

    async def outgoing(
        self, call: OutgoingCall, proceed: Callable[[OutgoingCall], Awaitable[bytes]]
    ) -> bytes:
        """Stand around a call to a peer."""
        return await proceed(call)

    async def incoming(self, call: Call, proceed: Callable[[Call], Awaitable[Reply]]) -> Reply:
        """Stand around a permitted call of a peer, before its handler."""
        return await proceed(call)


def wrap_outgoing(
    interceptors: Sequence[Interceptor], last: Callable[[OutgoingCall], Awaitable[bytes]]
) -> Callable[[OutgoingCall], Awaitable[bytes]]:
    """Put all of them around what sends the call."""
    for interceptor in reversed(interceptors):
        last = _outgoing(interceptor, last)
    return last


def wrap_incoming(
    interceptors: Sequence[Interceptor], last: Callable[[Call], Awaitable[Reply]]
) -> Callable[[Call], Awaitable[Reply]]:
    """Put all of them around a handler."""
    for interceptor in reversed(interceptors):
        last = _incoming(interceptor, last)
    return last


def _outgoing(
    interceptor: Interceptor, proceed: Callable[[OutgoingCall], Awaitable[bytes]]
) -> Callable[[OutgoingCall], Awaitable[bytes]]:
    return lambda call: interceptor.outgoing(call, proceed)


def _incoming(
    interceptor: Interceptor, proceed: Callable[[Call], Awaitable[Reply]]
) -> Callable[[Call], Awaitable[Reply]]:
    return lambda call: interceptor.incoming(call, proceed)
