"""When a line seals and writes, over stand-ins: together, in bounds, and one frame at a time where
the peer is slow."""

from __future__ import annotations

import asyncio

from nexus.dsoftbus.io.line_fake import FakeLine
from nexus.dsoftbus.io.link_owner import SEALED_BYTES

HALF = SEALED_BYTES // 2


def test_what_is_sent_in_one_turn_of_the_loop_is_written_together() -> None:
    async def main() -> None:
        line = FakeLine()
        transport = line.connect()
        carrier = line.carry()
        for frame in (b"one", b"two"):
            carrier.frames.append(frame)
            line.wake()
        assert transport.written == []
        await asyncio.sleep(0)
        assert transport.written == [b"onetwo"]
        assert line.heard[1:] == ["sealed"]
        carrier.frames.append(b"three")
        line.wake()
        await asyncio.sleep(0)
        assert transport.written == [b"onetwo", b"three"], "and so in the next turn"

    asyncio.run(main())


def test_what_is_sealed_and_not_written_is_bounded() -> None:
    line = FakeLine()
    transport = line.connect()
    line.carry(bytes(HALF), bytes(HALF - 1), b"x", b"y", b"z")
    line.flush()
    # One frame is sealed as long as there is a byte less than may wait.
    assert list(map(len, transport.written)) == [SEALED_BYTES, 2]
    assert line.counters.bytes_sent == SEALED_BYTES + 2
    assert line.heard[1:] == ["sealed"]


def test_on_a_slow_line_one_frame_is_sealed_at_a_time() -> None:
    line = FakeLine()
    transport = line.connect(most=3)
    carrier = line.carry(b"aaaa", b"bb", b"cc", b"dd")
    line.flush()
    assert transport.written == [b"aaaabbccdd"], "it was not known to be slow"
    carrier.frames.extend((b"e", b"f"))
    line.flush()
    assert len(transport.written) == 1
    transport.most = None
    line.resume_writing()
    assert transport.written[1:] == [b"e", b"f"]
    carrier.frames.extend((b"g", b"h"))
    line.flush()
    assert transport.written[3:] == [b"gh"], "it took all there was"


def test_a_line_that_waits_seals_nothing_and_its_pongs_wait_too() -> None:
    line = FakeLine()
    transport = line.connect(most=0)
    carrier = line.carry(b"a", b"b")
    line.flush()
    line.fake.waiting.append(b"pong")
    carrier.frames.append(b"c")
    line.flush()
    line.buffer_updated(0)
    assert (transport.written, len(carrier.frames)) == ([b"ab"], 1)
    transport.most = None
    line.resume_writing()
    assert transport.written == [b"ab", b"pong", b"c"]


def test_without_a_session_only_the_handshake_is_written() -> None:
    line = FakeLine()
    transport = line.connect()
    line.fake.waiting.append(b"handshake")
    line.flush()
    line.flush()
    assert transport.written == [b"handshake"]
    assert line.heard == [("begun", "-")]


def test_nothing_is_written_behind_the_end_or_before_the_beginning() -> None:
    line = FakeLine()
    line.carry(b"early")
    line.flush()
    transport = line.connect()
    assert transport.written == [b"early"]
    line.carry(b"late")
    line._end(None)
    line.flush()
    assert transport.written == [b"early"]


def test_a_session_that_ends_while_it_writes_is_not_told_of_room() -> None:
    line = FakeLine()
    transport = line.connect()
    line.carry(b"last")
    line._is_ended = True
    line._send()
    assert transport.written == [b"last"]
    assert line.heard == [("begun", "-")]
