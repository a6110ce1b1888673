"""Any batching, any cancellation, any speed: calls get their own answers, streams are pipes.

Method: hypothesis drives two nodes over a line in memory, in virtual time.  It draws how bytes are
split and joined into reads, how long nothing arrives, what is called, opened, written, read, closed
and reset, and which of the tasks that do so is cancelled, at whatever await it stands.  The model
is, for each stream, what was written; for each call, what it must be answered.  Whatever happens,
nothing is at fault here, no session is rejected, and what was not cancelled ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from typing import TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from nexus.core.errors import NexusError
from nexus.dsoftbus.audit import AuditRecord
from nexus.dsoftbus.io.calls import IN_FLIGHT_MAX
from nexus.dsoftbus.io.node import Node
from nexus.dsoftbus.io.node_scene import KEY_A, KEY_B, peer_of, settings_of
from nexus.dsoftbus.io.settings import Call
from nexus.dsoftbus.io.stream import BusStream
from nexus.dsoftbus.io.virtual_fake import Line, VirtualLoop
from nexus.dsoftbus.policy import Rule

PIECES = st.sampled_from([1, 2, 3, 17, 100, 1000, 40_000, 1 << 20, 1 << 20])
READS = st.lists(st.tuples(st.booleans(), PIECES, st.integers(0, 4)), max_size=12)
Reads = list[tuple[bool, int, int]]
INDEX = st.integers(0, 2)
SIZES = st.sampled_from([0, 1, 500, 33_000, 70_000, 300_000])


def echo(call: Call) -> bytes:
    return call.payload[::-1]


T = TypeVar("T")


@dataclass
class Pipe:
    """A stream to the echo handler: what was written, and what came back."""

    stream: BusStream
    written: bytearray = field(default_factory=bytearray)
    read: bytearray = field(default_factory=bytearray)
    writing: asyncio.Task[object] | None = None


async def echo_stream(stream: BusStream) -> None:
    async for piece in stream:
        await stream.write(piece)


class TwoNodes(RuleBasedStateMachine):
    """A calls and opens, B serves."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualLoop()
        rules = (Rule("node-a", 4, 2), Rule("node-b", 4, 2))
        settings_a = replace(settings_of(KEY_A, peer_of(KEY_B)), rules=rules)
        settings_b = replace(settings_of(KEY_B, peer_of(KEY_A)), rules=rules)
        streams = {"echo": echo_stream}
        self.nodes = (Node(settings_a, {4: echo}), Node(settings_b, {4: echo}, streams=streams))
        self.calls: list[tuple[bytes, asyncio.Task[object]]] = []
        self.pipes: list[Pipe] = []
        self.tasks: list[asyncio.Task[object]] = []
        self.opening: list[asyncio.Task[object]] = []
        self.count = 0
        self.drops = 0
        self.problems: list[str] = []
        self.run(self.begin())

    def run(self, coroutine: Coroutine[object, object, T]) -> T:
        return self.loop.run_until_complete(coroutine)

    async def begin(self) -> None:
        self.line = Line(*self.nodes)
        await self.line.settle()

    async def turn(self, count: int = 3) -> None:
        for _ in range(count):
            await asyncio.sleep(0)

    def spawn(self, coroutine: Coroutine[object, object, object]) -> asyncio.Task[object]:
        task = self.loop.create_task(self.guard(coroutine))
        self.tasks.append(task)
        self.run(self.turn(1))
        return task

    async def guard(self, coroutine: Coroutine[object, object, object]) -> object:
        try:
            return await coroutine
        except NexusError as exc:
            return exc
        except asyncio.CancelledError:
            raise
        except BaseException as exc:
            self.problems.append(repr(exc))
            raise

    def carry(self, reads: Reads) -> None:
        """Carry bytes one way or the other, each time as one read; turn the loop, or not."""

        async def deliver() -> None:
            for far, count, turns in reads:
                (self.line.far if far else self.line.near).deliver(count)
                await self.turn(turns)

        self.run(deliver())

    @rule(reads=READS)
    def deliver(self, reads: Reads) -> None:
        """Only carry bytes."""
        self.carry(reads)

    @rule(ms=st.integers(1, 900))
    def wait(self, ms: int) -> None:
        """Let time pass; on a line that is slower than this nothing is lost."""

        async def later() -> None:
            await asyncio.sleep(ms / 1000)
            self.line.carry(2000)
            await self.turn()

        self.run(later())

    @rule(side=st.integers(0, 1), reads=READS)
    def call(self, side: int, reads: Reads) -> None:
        """Call the other side."""
        self.count += 1
        payload = b"SF\1\2%08d" % self.count
        peer = next(iter(self.nodes[side].peers.values()))
        self.calls.append((payload[::-1], self.spawn(peer.call(4, payload, 3000))))
        self.carry(reads)

    @rule(priority=st.integers(0, 7), reads=READS)
    def open(self, priority: int, reads: Reads) -> None:
        """Open a stream; several have one name."""

        async def opened() -> None:
            stream = await self.nodes[0].peers["node-b"].open_stream("echo", priority, 3000)
            self.pipes.append(Pipe(stream))

        self.opening.append(self.spawn(opened()))
        self.carry(reads)

    @rule(index=INDEX, size=SIZES, reads=READS)
    def write(self, index: int, size: int, reads: Reads) -> None:
        """Write on a stream."""
        if index >= len(self.pipes):
            return
        pipe = self.pipes[index]
        if pipe.writing is not None and not (pipe.writing.done() and not pipe.writing.cancelled()):
            return  # One writes at a time; what a cancelled write sent is not known.
        begin = len(pipe.written)
        data = bytes((begin + n) % 251 for n in range(size))
        pipe.written += data
        pipe.writing = self.spawn(pipe.stream.write(data))
        self.carry(reads)

    @rule(index=INDEX, counts=st.lists(st.integers(1, 100_000), max_size=9), reads=READS)
    def read(self, index: int, counts: list[int], reads: Reads) -> None:
        """Read from a stream; a read that is cancelled takes nothing."""
        if index < len(self.pipes):
            pipe = self.pipes[index]

            async def read() -> None:
                for count in counts:
                    pipe.read += await pipe.stream.read(count)

            self.spawn(read())
            self.carry(reads)

    @rule(index=INDEX)
    def reset(self, index: int) -> None:
        """Give a stream up."""
        if index < len(self.pipes):
            self.loop.call_soon(self.pipes[index].stream.reset)
            self.run(self.turn(1))

    @rule(index=st.integers(0, 30))
    def cancel(self, index: int) -> None:
        """Cancel a task wherever it is."""
        live = [task for task in self.tasks if not task.done()]
        if live:
            live[index % len(live)].cancel()
            self.run(self.turn(2))

    @rule(chance=st.integers(0, 7))
    def drop(self, chance: int) -> None:
        """Lose the line, now and then; another one comes."""
        if self.drops < 2 and chance == 7:
            self.drops += 1
            self.loop.call_soon(self.line.dialled.abort)
            self.run(self.turn(3))
            self.run(self.begin())

    @invariant()
    def nothing_is_at_fault(self) -> None:
        """Neither a stream nor a session ends, and no peer is rejected."""
        assert self.problems == []
        for node in self.nodes:
            assert node.counters.sessions_faulted == node.counters.streams_faulted == 0
            assert node.counters.handlers_failed == 0
            assert all(isinstance(record, AuditRecord) for record in node.audit_log)
            assert node.counters.sessions_refused == 0
            for peer in node.peers.values():
                assert peer.in_flight <= IN_FLIGHT_MAX

    @invariant()
    def what_comes_back_is_what_was_written(self) -> None:
        """A beginning of it, in order."""
        for pipe in self.pipes:
            assert pipe.written.startswith(pipe.read)

    async def drain(self, pipe: Pipe) -> None:
        """Read a stream to its end, in pieces that are not those that were written."""
        try:
            pipe.stream.close()
            while piece := await pipe.stream.read(7001):
                pipe.read += piece
        except NexusError:
            return  # It was reset, or lost with its session.
        assert pipe.written.startswith(pipe.read)
        if pipe.writing is None or not pipe.writing.cancelled():
            assert pipe.read == pipe.written

    def teardown(self) -> None:
        """Deliver everything: every call that was not cancelled has its answer."""

        async def finish() -> None:
            for _ in range(3000):
                if all(task.done() for _, task in self.calls) and all(
                    task.done() for task in self.opening
                ):
                    break
                self.line.carry()
                await asyncio.sleep(0.001)
            for expected, task in self.calls:
                assert task.done(), "a call without an end"
                if not task.cancelled():
                    answer = task.result()
                    assert answer == expected or (isinstance(answer, NexusError) and self.drops)
            for task in self.tasks:
                task.cancel()
            await asyncio.gather(*self.tasks, return_exceptions=True)
            carrying = asyncio.create_task(self.line.run(50_000_000))
            await asyncio.gather(*(self.drain(pipe) for pipe in self.pipes))
            carrying.cancel()
            for node in self.nodes:
                assert all(peer.in_flight == 0 for peer in node.peers.values())
                await node.close()
            await asyncio.sleep(0.01)

        try:
            self.nothing_is_at_fault()
            self.run(finish())
        finally:
            self.loop.close()


TestTwoNodes = TwoNodes.TestCase
TestTwoNodes.settings = settings(max_examples=20, stateful_step_count=25, deadline=None)
