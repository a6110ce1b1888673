"""Streams between two nodes over real sockets."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping

import pytest

from nexus.dsoftbus.audit import MuxRecord
from nexus.dsoftbus.io.node_scene import TwoNodes, two_nodes
from nexus.dsoftbus.io.settings import SessionLostError, StreamResetError, UnavailableError
from nexus.dsoftbus.io.stream import BusStream, StreamHandler
from nexus.dsoftbus.mux_transitions import Reject, ResetReason
from nexus.wire import mux as wire


async def echo(stream: BusStream) -> None:
    while data := await stream.read():
        await stream.write(data)


async def never_read(stream: BusStream) -> None:
    await asyncio.Event().wait()


async def fail(stream: BusStream) -> None:
    raise RuntimeError("a defect of the handler")


def run(
    scenario: Callable[[TwoNodes], Awaitable[None]], handlers: Mapping[str, StreamHandler]
) -> None:
    async def main() -> None:
        async with asyncio.timeout(10), two_nodes(streams=handlers) as nodes:
            await scenario(nodes)

    asyncio.run(main())


def test_a_megabyte_there_and_back() -> None:
    data = bytes(range(256)) * 4096

    async def scenario(nodes: TwoNodes) -> None:
        peer = await nodes.a.connect("node-b")
        stream = await peer.open_stream("echo")

        async def write() -> None:
            await stream.write(data)
            stream.close()

        writing = asyncio.create_task(write())
        back = bytearray()
        while piece := await stream.read():
            back += piece
        await writing
        assert bytes(back) == data

    run(scenario, {"echo": echo})


def test_a_peer_that_has_closed_its_half_still_takes_all_of_ours() -> None:
    taken = bytearray()
    done = asyncio.Event()

    async def take(stream: BusStream) -> None:
        stream.close()
        while data := await stream.read():
            taken.extend(data)
        done.set()

    async def scenario(nodes: TwoNodes) -> None:
        peer = await nodes.a.connect("node-b")
        async with await peer.open_stream("take") as stream:
            assert await stream.read() == b""
            await stream.write(bytes(1 << 20))  # Many times what is under way at once.
        await done.wait()
        assert len(taken) == 1 << 20

    run(scenario, {"take": take})


def test_a_slow_reader_slows_only_itself() -> None:
    async def scenario(nodes: TwoNodes) -> None:
        peer = await nodes.a.connect("node-b")
        stuck = await peer.open_stream("stuck", priority=0)
        writing = asyncio.create_task(stuck.write(bytes(4_000_000)))
        lively = await peer.open_stream("echo", priority=7)
        for _ in range(20):
            await lively.write(b"ping")
            assert await lively.read() == b"ping"
            assert await peer.resolve("x")
        assert not writing.done()
        writing.cancel()

    run(scenario, {"stuck": never_read, "echo": echo})


def test_exactly_so_many_bytes_or_those_before_the_end() -> None:
    async def scenario(nodes: TwoNodes) -> None:
        peer = await nodes.a.connect("node-b")
        stream = await peer.open_stream("echo")
        for byte in b"0123456789":
            await stream.write(bytes([byte]))
        assert await stream.read_exactly(4) == b"0123"
        assert await stream.read_exactly(0) == b""
        stream.close()
        assert await stream.read_exactly(99) == b"456789"
        await stream.over()

    run(scenario, {"echo": echo})


def test_a_name_is_free_when_its_stream_is_over_and_turns_keep_callers_apart() -> None:
    async def scenario(nodes: TwoNodes) -> None:
        peer = await nodes.a.connect("node-b")

        async def use(number: int) -> None:
            async with peer.turn("echo"):
                stream = await peer.open_stream("echo")
                await stream.write(bytes([number]))
                stream.close()
                assert await stream.read_exactly(2) == bytes([number])
                await stream.over()

        await asyncio.gather(*(use(number) for number in range(20)))
        first = await peer.open_stream("echo")
        first.reset()
        await first.over()
        with pytest.raises(StreamResetError):
            await first.read()
        assert await peer.open_stream("echo")

    run(scenario, {"echo": echo})


def test_who_gave_a_stream_up_and_why() -> None:
    async def refuse(stream: BusStream) -> None:
        stream.reset(ResetReason.NONSENSE)

    async def scenario(nodes: TwoNodes) -> None:
        peer = await nodes.a.connect("node-b")
        for name, reason in (("refuse", 2), ("nothing", 1)):
            stream = await peer.open_stream(name)
            with pytest.raises(StreamResetError) as caught:
                await stream.read()
            assert caught.value.reason == reason
        stream = await peer.open_stream("stuck")
        assert peer.link is not None
        peer.link.abort()
        with pytest.raises(SessionLostError):
            await stream.read()

    run(scenario, {"refuse": refuse, "stuck": never_read})


def test_a_stream_that_the_peer_does_not_know_is_reset() -> None:
    async def scenario(nodes: TwoNodes) -> None:
        peer = await nodes.a.connect("node-b")
        stream = await peer.open_stream("nothing")
        with pytest.raises(UnavailableError, match="'nothing'"):
            await stream.read()
        with pytest.raises(UnavailableError):
            await stream.write(b"x")
        assert await peer.resolve("x")

    run(scenario, {})


def test_several_streams_of_one_name_each_with_its_own_bytes() -> None:
    async def scenario(nodes: TwoNodes) -> None:
        peer = await nodes.a.connect("node-b")
        streams = [await peer.open_stream("echo") for _ in range(5)]
        assert [stream.name for stream in streams] == ["echo"] * 5
        for number, stream in enumerate(streams):
            await stream.write(bytes([number]) * 9)
            stream.close()
        got = [await stream.read(-1) for stream in streams]
        assert got == [bytes([number]) * 9 for number in range(5)]

    run(scenario, {"echo": echo})


def test_too_many_streams_and_then_a_call() -> None:
    async def scenario(nodes: TwoNodes) -> None:
        peer = await nodes.a.connect("node-b")
        for _ in range(127):
            await peer.open_stream("echo")
        with pytest.raises(UnavailableError, match="127 streams are open"):
            await peer.open_stream("echo")
        assert await peer.resolve("x")

    run(scenario, {"echo": echo})


def test_a_handler_that_fails_resets_its_stream_only(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(nodes: TwoNodes) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
        peer = await nodes.a.connect("node-b")
        stream = await peer.open_stream("fail")
        with pytest.raises(UnavailableError):
            await stream.read()
        assert await peer.resolve("x")
        assert nodes.b.counters.handlers_failed == 1

    run(scenario, {"fail": fail})
    assert "the handler of the stream 'fail' failed" in caplog.text
    assert "a defect of the handler" in caplog.text


def test_reset_wakes_the_other_side() -> None:
    ended = asyncio.Event()

    async def wait(stream: BusStream) -> None:
        try:
            await stream.read()
        finally:
            ended.set()

    async def scenario(nodes: TwoNodes) -> None:
        peer = await nodes.a.connect("node-b")
        stream = await peer.open_stream("wait")
        assert await peer.resolve("x")
        stream.reset()
        await ended.wait()

    run(scenario, {"wait": wait})


def test_a_lost_session_loses_its_streams() -> None:
    async def scenario(nodes: TwoNodes) -> None:
        peer = await nodes.a.connect("node-b")
        stream = await peer.open_stream("echo")
        reading = asyncio.create_task(stream.read())
        await nodes.b.close()
        with pytest.raises(UnavailableError):
            await reading
        with pytest.raises(UnavailableError):
            await stream.write(b"x")

    run(scenario, {"echo": echo})


def test_a_peer_that_breaks_the_rules_loses_its_session_and_is_recorded() -> None:
    async def scenario(nodes: TwoNodes) -> None:
        peer = await nodes.a.connect("node-b")
        assert await peer.resolve("x")
        link = peer.link
        assert link is not None
        link.session.send_plaintext(wire.Data(77, b"x").encode())
        link.wake()
        await link.over.wait()
        (record,) = [r for r in nodes.b.audit_log if isinstance(r, MuxRecord)]
        assert record.reject is Reject.UNKNOWN_FRAME
        assert record.message == ("audit mux outcome=mux.reject.unknown_stream_frame peer=node-a")
        # And is dialled again, as after any loss.
        await peer.wait_ready(5)
        assert await peer.resolve("x")

    run(scenario, {})


def test_a_stream_that_cannot_be_opened_is_named_with_the_reason_and_the_others_go_on() -> None:
    async def scenario(nodes: TwoNodes) -> None:
        peer = await nodes.a.connect("node-b")
        stream = await peer.open_stream("echo")
        held = await peer.open_stream("h0")
        refusals = []
        for number in range(1, 200):
            try:
                await peer.open_stream(f"h{number}")
            except UnavailableError as exc:
                refusals.append((number, str(exc)))
        first, said = refusals[0]
        assert first > 64
        assert re.fullmatch(rf"stream 'h{first}': \d+ streams are open; close one first", said)
        assert [number for number, _ in refusals] == list(range(first, 200))
        held.reset()
        late = await peer.open_stream("late")  # Where one goes there is room for one.
        with pytest.raises(UnavailableError, match="streams are open"):
            await peer.open_stream("later")
        for each in (stream, late):
            await each.write(b"two")
            assert await each.read() == b"two"

    idle = {f"h{number}": never_read for number in range(200)}
    run(scenario, {"echo": echo, "late": echo, "later": echo, **idle})
