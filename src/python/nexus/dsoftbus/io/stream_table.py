"""The streams of one session as objects: those that we open, and those that handlers serve.

The one place that turns what is wrong with a stream into its reset: nothing that a stream's
event, handler or owner does ends the session or another stream.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from typing import Final

from nexus.dsoftbus import mux, mux_events
from nexus.dsoftbus.io.clock import Clock
from nexus.dsoftbus.io.counters import LOGGER, Counters
from nexus.dsoftbus.io.errors import UnavailableError
from nexus.dsoftbus.io.gate import PeerGate
from nexus.dsoftbus.io.pipe import Pipe
from nexus.dsoftbus.io.stream import BusStream, StreamHandler
from nexus.dsoftbus.mux_transitions import ResetReason
from nexus.wire.error import LocalProtocolError

_NUMBERED: Final = re.compile(r"(.+)#[1-9][0-9]*\Z", re.DOTALL)


class StreamTable:
    """One session's stream objects.  At most as many as its mux allows."""

    __slots__ = (
        "_clock",
        "_counters",
        "_flush",
        "_gate",
        "_handlers",
        "_mux",
        "_pipes",
        "_tasks",
        "_wake",
    )

    def __init__(
        self,
        streams: mux.Mux,
        gate: PeerGate,
        handlers: Mapping[str, StreamHandler],
        wake: Callable[[], None],
        flush: Callable[[], None],
        clock: Clock,
        counters: Counters,
    ) -> None:
        """Begin with none.

        Args:
            streams: The session's streams.
            gate: What the peer may ask for; it says whose session it is.
            handlers: What serves the streams that the peer opens, by name.
            wake: Called when there may be something to send, soon.
            flush: Called when it is to be sent now.
            clock: The node's.
            counters: The node's.
        """
        self._mux = streams
        self._gate = gate
        self._handlers = handlers
        self._wake = wake
        self._flush = flush
        self._clock = clock
        self._counters = counters
        self._pipes: dict[int, Pipe] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}

    def add(self, number: int, name: str) -> BusStream:
        """Make the object of a stream that was opened."""
        pipe = Pipe(self._mux, number, name, self._wake, self._flush, self._clock)
        self._pipes[number] = pipe
        return BusStream(pipe, name, self._gate)

    def arrived(self, number: int, data: bytes) -> None:
        """Give bytes to their stream; those of one that was given up here are dropped."""
        pipe = self._pipes.get(number)
        if pipe is not None:
            pipe.arrive(data)

    def happened(self, event: mux_events.Event) -> None:
        """Tell the stream that it is about; one that is at fault is reset.

        Data does not come here: `arrived` takes it.
        """
        try:
            self._dispatch(event)
        except (LocalProtocolError, AssertionError) as exc:
            number = getattr(event, "stream", None)
            LOGGER.error("a stream of %s is reset for a defect here", self._gate.peer, exc_info=exc)
            self._counters.streams_faulted += 1
            if number is not None:
                self._give_up(number)

    def drained(self) -> None:
        """Tell every stream that there may be room, and forget those that are over."""
        for number, pipe in list(self._pipes.items()):
            if self._mux.state(number) is None:
                del self._pipes[number]
                pipe.drained()
            elif pipe.is_waiting_for_room:
                pipe.drained()

    def end(self) -> None:
        """Lose all: the session is over."""
        for pipe in self._pipes.values():
            pipe.fail_lost()
        self._pipes.clear()
        for number in list(self._tasks):
            self._cancel(number)

    def _dispatch(self, event: mux_events.Event) -> None:
        match event:
            case mux_events.Opened(number, name):
                self._serve(number, name)
            case mux_events.HalfClosed(number) if number in self._pipes:
                self._pipes[number].end()
                if self._mux.state(number) is None:
                    del self._pipes[number]
            case mux_events.WasReset(number, reason):
                # A stream that both sides had closed is not in the table any more, and its
                # handler may run on: it sees the same events as when they come apart.
                pipe = self._pipes.pop(number, None)
                if pipe is not None:
                    pipe.fail_reset(reason)
                self._cancel(number)

    def _serve(self, number: int, name: str) -> None:
        handler = self._handlers.get(name)
        if handler is None and (numbered := _NUMBERED.match(name)) is not None:
            name = numbered[1]
            handler = self._handlers.get(name)
        if handler is None:
            self._mux.reset(number, ResetReason.UNKNOWN_STREAM)
            self._wake()
            return
        self._mux.accept(number)
        self._wake()
        self._counters.streams_served += 1
        task = asyncio.ensure_future(self._run(handler, self.add(number, name)))
        self._tasks[number] = task
        task.add_done_callback(lambda _: self._tasks.pop(number, None))

    async def _run(self, handler: StreamHandler, stream: BusStream) -> None:
        try:
            await handler(stream)
        except UnavailableError:
            stream.reset()  # The peer gave it up, or what the handler needs is not there.
        except asyncio.CancelledError:
            stream.reset()
            raise
        except Exception as exc:
            # Whatever a handler does wrong costs its stream.
            self._counters.handlers_failed += 1
            LOGGER.error("the handler of the stream %r failed", stream.name, exc_info=exc)
            stream.reset()
        else:
            stream.close()

    def _give_up(self, number: int) -> None:
        if self._mux.state(number) is not None:
            self._mux.reset(number)
            self._wake()
        pipe = self._pipes.pop(number, None)
        if pipe is not None:
            pipe.fail_reset(None)
        self._cancel(number)

    def _cancel(self, number: int) -> None:
        task = self._tasks.pop(number, None)
        if task is not None:
            task.cancel()
