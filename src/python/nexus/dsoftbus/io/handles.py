"""The streams of one session as objects: those that we open, and those that handlers serve."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from nexus.dsoftbus import mux
from nexus.dsoftbus.io.gate import PeerGate
from nexus.dsoftbus.io.link import Link
from nexus.dsoftbus.io.settings import NoStreamsError, SessionLostError, UnavailableError
from nexus.dsoftbus.io.stream import BusStream, StreamHandler
from nexus.dsoftbus.mux_transitions import ResetReason
from nexus.wire.error import LocalProtocolError


class Handles:
    """One session's stream objects.  At most as many as its mux allows."""

    __slots__ = ("_gate", "_handlers", "_link", "_streams", "_tasks")

    def __init__(self, link: Link, gate: PeerGate, handlers: Mapping[str, StreamHandler]) -> None:
        """Begin with none.

        Args:
            link: The session's connection.
            gate: What the peer may ask for; it says whose session it is.
            handlers: What serves the streams that the peer opens, by name.
        """
        self._link = link
        self._gate = gate
        self._handlers = handlers
        self._streams: dict[int, BusStream] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}

    async def open(self, name: str, priority: int) -> BusStream:
        """Open a stream, once it is known whether the peer speaks streams."""
        await self._link.settled.wait()
        carrier = self._link.carrier
        if carrier is None:
            raise SessionLostError(f"the session with {self._gate.peer} was lost")
        streams = carrier.streams
        if streams is None:
            raise NoStreamsError(f"{self._gate.peer} speaks no streams")
        try:
            number = streams.open(name, priority)
        except LocalProtocolError as exc:
            raise UnavailableError(f"stream {name!r}: {exc.detail}") from exc
        self._link.wake()
        return self._add(streams, number, name)

    def happened(self, event: mux.Event) -> None:
        """Tell the stream that it is about."""
        match event:
            case mux.Opened(number, name):
                self._serve(number, name)
            case mux.Arrived(number, data) if number in self._streams:
                self._streams[number].arrive(data)
            case mux.HalfClosed(number) if number in self._streams:
                self._streams[number].end()
                self._forget_if_over(number)
            case mux.WasReset(number, reason) if number in self._streams:
                self._streams.pop(number).was_reset(reason)
                self._cancel(number)

    def drained(self) -> None:
        """Tell every stream that there may be room, and forget those that are over."""
        for number, stream in list(self._streams.items()):
            stream.drained()
            self._forget_if_over(number)

    def end(self) -> None:
        """Lose all: the session is over."""
        for stream in self._streams.values():
            stream.lose()
        self._streams.clear()
        for number in list(self._tasks):
            self._cancel(number)

    def _serve(self, number: int, name: str) -> None:
        carrier = self._link.carrier
        assert carrier is not None, "a stream without a session"
        streams = carrier.streams
        assert streams is not None, "a stream without streams"
        handler = self._handlers.get(name)
        if handler is None:
            streams.reset(number, ResetReason.UNKNOWN_STREAM)
            self._link.wake()
            return
        streams.accept(number)
        stream = self._add(streams, number, name)
        task = asyncio.ensure_future(self._run(handler, stream))
        self._tasks[number] = task
        task.add_done_callback(lambda _: self._tasks.pop(number, None))

    async def _run(self, handler: StreamHandler, stream: BusStream) -> None:
        try:
            await handler(stream)
        except UnavailableError:
            pass  # The peer gave it up.
        except Exception as exc:
            asyncio.get_running_loop().call_exception_handler(
                {"message": "a stream handler failed", "exception": exc}
            )
            stream.reset()
        else:
            stream.close()

    def _add(self, streams: mux.Mux, number: int, name: str) -> BusStream:
        peer, wake = self._gate.peer, self._link.wake
        stream = BusStream(streams, number, name, peer, wake, self._gate)
        self._streams[number] = stream
        return stream

    def _forget_if_over(self, number: int) -> None:
        carrier = self._link.carrier
        streams = carrier.streams if carrier is not None else None
        if streams is None or streams.state(number) is None:
            del self._streams[number]

    def _cancel(self, number: int) -> None:
        task = self._tasks.pop(number, None)
        if task is not None:
            task.cancel()
