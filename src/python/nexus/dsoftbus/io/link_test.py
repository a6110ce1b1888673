"""One connection: batched and tiny reads, faults, silence, slow lines; in memory, virtual time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace

import pytest

from nexus.dsoftbus.audit import AuditRecord, FaultRecord, MuxRecord, Outcome
from nexus.dsoftbus.io.link import FRAMES_A_TURN, Link
from nexus.dsoftbus.io.node import Node
from nexus.dsoftbus.io.node_line_scene import A, B, nodes, ready_line
from nexus.dsoftbus.io.node_scene import HANDLERS, RESOLVE
from nexus.dsoftbus.io.sessions import Sessions
from nexus.dsoftbus.io.virtual_fake import Line, run_virtual
from nexus.dsoftbus.mux_transitions import Reject
from nexus.wire import mux as wire
from nexus.wire.gateway import Request


async def hear(line: Line) -> None:
    """Let B hear what was written, and A nothing: it did not mean what was said in its name."""
    for _ in range(9):
        line.near.deliver(1 << 30)
        await asyncio.sleep(0)


def sealed(line: Line, *frames: bytes) -> bytes:
    """Seal frames as A would say them."""
    for frame in frames:
        line.dialled.session.send_plaintext(frame)
    return line.dialled.session.take_output()


def test_everything_in_one_read() -> None:
    """A stream that is opened, written, closed and reset within one read costs itself only."""
    reset, close = wire.Reset(3, 0).encode(), wire.Close(3).encode()
    opened, data = wire.Open(3, 4, "bulk").encode(), wire.Data(3, b"x").encode()
    scripts = [
        [opened, reset],
        [opened, data, reset],
        [opened, data, close, reset],
        [opened, close, reset, wire.Open(5, 4, "bulk").encode(), wire.Reset(5, 0).encode()],
        [wire.Open(3, 4, "nothing").encode(), reset],
    ]

    async def main() -> None:
        for script in scripts:
            a, b = nodes()
            line = await ready_line(a, b)
            line.near.write(sealed(line, wire.Open(1, 4, "bulk0").encode(), *script))
            await hear(line)
            assert b.session_count == 1
            assert b.counters.sessions_faulted == b.counters.streams_faulted == 0
            assert list(b.audit_log) == []

    run_virtual(main())


def test_a_link_that_was_held_reads_again_once_it_is_released() -> None:
    async def main() -> None:
        line = await ready_line(*nodes())
        assert line.far.is_reading()
        line.accepted.hold()
        assert not line.far.is_reading()
        for _ in range(2):
            line.accepted.release()
            assert line.far.is_reading()

    run_virtual(main())


def test_frames_a_turn_are_bounded_and_all_are_served() -> None:
    async def main() -> None:
        a, b = nodes()
        line = await ready_line(a, b)
        seen = 0
        take = Link._take

        def count(self: Link, frame: bytes | memoryview) -> None:
            nonlocal seen
            seen += self is line.accepted
            take(self, frame)

        pings = sealed(line, wire.Open(1, 4, "bulk").encode())
        many = [wire.Data(1, b"x").encode()] * 4000
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Link, "_take", count)
            line.near.write(pings + sealed(line, *many))
            before = 0
            turns = 0
            while seen <= 4000:
                line.near.deliver(1 << 30)
                assert seen - before <= FRAMES_A_TURN
                before = seen
                turns += 1
                await asyncio.sleep(0)
        assert turns >= 4000 // FRAMES_A_TURN
        assert b.session_count == 1

    run_virtual(main())


CALLBACKS: dict[str, Callable[[Line], None]] = {
    "pull": lambda line: line.near.write(sealed(line, wire.Open(1, 4, "bulk").encode())),
    "happened": lambda line: line.near.write(sealed(line, wire.Open(1, 4, "bulk").encode())),
    "arrived": lambda line: line.near.write(
        sealed(line, wire.Open(1, 4, "bulk").encode(), wire.Data(1, b"x").encode())
    ),
}


@pytest.mark.parametrize("name", CALLBACKS)
def test_a_defect_of_ours_ends_the_session_with_a_record_and_raises_nowhere(
    name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        a, b = nodes()
        line = await ready_line(a, b)

        def fail(*_: object) -> None:
            raise RuntimeError("a defect")

        with monkeypatch.context() as patch:
            patch.setattr(Sessions, name, fail)
            CALLBACKS[name](line)
            await hear(line)
        assert line.accepted.is_ended
        assert list(b.audit_log) == [FaultRecord("node-a")]
        assert b.counters.sessions_faulted == 1
        assert b.session_count == 0

    with caplog.at_level(logging.ERROR, "nexus.dsoftbus"):
        run_virtual(main())
    assert "a defect" in caplog.text


@pytest.mark.parametrize(
    ("frame", "reject"),
    [
        (wire.Data(77, b"x").encode(), Reject.UNKNOWN_FRAME),
        (b"\x13" + bytes(4), Reject.MALFORMED),
        (b"\x1f", Reject.MALFORMED),
        (b"\x03short", Reject.MALFORMED),
        (wire.Open(1, 4, "bulk").encode() * 2, Reject.MALFORMED),
    ],
)
def test_what_a_peer_does_wrong_ends_its_session_with_its_label(
    frame: bytes, reject: Reject
) -> None:
    async def main() -> None:
        a, b = nodes()
        line = await ready_line(a, b)
        line.near.write(sealed(line, frame))
        await hear(line)
        await line.settle()
        assert list(b.audit_log) == [MuxRecord(reject, "node-a")]
        assert line.far.is_closed

    run_virtual(main())


def test_half_a_request_and_close_is_answered_and_audited() -> None:
    async def main() -> None:
        a, b = nodes()
        line = await ready_line(a, b)
        half = Request(1, 7, 1000, RESOLVE).encode()[:-3]
        for stream in (1, 3):  # The name is free again.
            line.near.write(
                sealed(
                    line,
                    wire.Open(stream, 0, "gateway").encode(),
                    wire.Data(stream, half).encode(),
                    wire.Close(stream).encode(),
                )
            )
            line.near.deliver(1 << 30)
            await asyncio.sleep(0.01)
        assert [r.outcome for r in b.audit_log if isinstance(r, AuditRecord)] == [
            Outcome.MALFORMED,
            Outcome.MALFORMED,
        ]
        assert not line.accepted.is_ended

    run_virtual(main())


def test_nodes_without_streams_over_a_line_in_pieces() -> None:
    async def main() -> None:
        a = Node(replace(A, streams=None))
        b = Node(replace(B, streams=None), HANDLERS)
        line = await ready_line(a, b)
        call = asyncio.create_task(a.peers["node-b"].resolve("x"))
        while not call.done():
            line.carry(1)
            await asyncio.sleep(0)
        assert await call

    run_virtual(main())
