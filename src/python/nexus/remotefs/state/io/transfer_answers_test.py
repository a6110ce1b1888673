"""A client's side of a transfer, over streams that a test speaks for: each answer that makes sense,
each that does not, and how often a transfer is begun again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, TypeVar  # Any: a stand-in for a stream.

import pytest

from nexus.dsoftbus.io.node_scene import KEY_B, peer_of
from nexus.dsoftbus.io.settings import (
    DeadlineError,
    NoStreamsError,
    PeerSettings,
    SessionLostError,
    StreamResetError,
    UnavailableError,
)
from nexus.dsoftbus.mux_transitions import ResetReason
from nexus.remotefs.state.error import StateError
from nexus.remotefs.state.io import transfer
from nexus.remotefs.state.replies import ADVICE
from nexus.wire.state import Status
from nexus.wire.transfer import PRIORITY, STREAM, Op, Reply, Request, Stage

T = TypeVar("T")

KEY = "/state/shared/k"
VALUE = bytes(range(200))


class Stream:
    """A stream on which the peer says so much, and then its end, or an error."""

    def __init__(self, *said: bytes, error: Exception | None = None) -> None:
        self._left = b"".join(said)
        self._error = error
        self.written: list[bytes] = []
        self.asked: list[str] = []
        self.is_open = False

    async def write(self, data: bytes) -> None:
        self.written.append(data)

    async def read_exactly(self, count: int) -> bytes:
        if not self._left and self._error is not None:
            raise self._error
        piece, self._left = self._left[:count], self._left[count:]
        return piece

    def close(self) -> None:
        self.asked.append("close")

    def reset(self) -> None:
        self.asked.append("reset")

    async def over(self) -> None:
        if self.is_open:
            await asyncio.Event().wait()
        self.asked.append("over")


class Peer:
    """A peer whose streams are these, one after the other."""

    def __init__(self, *streams: Stream | Exception, is_deduplicating: bool = False) -> None:
        self.streams = list(streams)
        self.settings: PeerSettings = peer_of(KEY_B, is_deduplicating=is_deduplicating)
        self.opened: list[tuple[str, int, float]] = []
        self.numbers = 40

    def next_correlation(self) -> int:
        self.numbers += 1
        return self.numbers

    def turn(self, stream: str) -> AbstractAsyncContextManager[object]:
        assert stream == STREAM
        return nullcontext()

    async def open_stream(self, name: str, priority: int, timeout_s: float) -> Any:
        self.opened.append((name, priority, timeout_s))
        found = self.streams[len(self.opened) - 1]
        if isinstance(found, Exception):
            raise found
        return found


def run(doing: Awaitable[T]) -> T:
    async def main() -> T:
        async with asyncio.timeout(10):
            return await doing

    return asyncio.run(main())


def put(peer: Peer, timeout_s: float = 5.0) -> None:
    run(transfer.put(peer, KEY, VALUE, timeout_s))


def get(peer: Peer, timeout_s: float = 5.0) -> bytes:
    return run(transfer.get(peer, KEY, timeout_s))


def said(op: Op, status: Status = Status.OK, stage: Stage = Stage.DONE, size: int = 0) -> bytes:
    return Reply(op, status, stage, size).encode()


GO_AHEAD = said(Op.PUT, stage=Stage.GO_AHEAD)


def test_a_put_says_what_comes_waits_for_the_word_and_sends_it() -> None:
    stream = Stream(GO_AHEAD, said(Op.PUT, size=200))
    peer = Peer(stream)
    put(peer, 2.5)
    assert stream.written == [Request(Op.PUT, 41, KEY, 200).encode(), VALUE]
    assert stream.asked == ["close", "close", "over", "reset"]
    assert peer.opened == [(STREAM, PRIORITY, 2.5)]


def test_a_put_that_was_made_before_is_not_sent_again() -> None:
    stream = Stream(said(Op.PUT, size=200))
    put(Peer(stream))
    assert stream.written == [Request(Op.PUT, 41, KEY, 200).encode()]


def test_a_get_takes_exactly_what_was_announced() -> None:
    for size in (0, 1, 200):
        stream = Stream(said(Op.GET, size=size), VALUE[:size])
        assert get(Peer(stream)) == VALUE[:size]
        assert stream.written == [Request(Op.GET, 41, KEY).encode()]
        assert stream.asked == ["close", "close", "over", "reset"]


NONSENSE = "io_error: the peer's answer cannot be read: "


@pytest.mark.parametrize(
    ("use", "stream", "text"),
    [
        (get, Stream(said(Op.GET, size=200), VALUE[:-1]), "199 bytes of 200"),
        (get, Stream(said(Op.GET, size=199), VALUE), "200 bytes of 199"),
        (get, Stream(said(Op.GET, size=65_537)), "a value of 65537 bytes"),
        (get, Stream(said(Op.PUT, size=1), b"x"), "an answer to something else"),
        (put, Stream(said(Op.GET, size=200)), "an answer to something else"),
        (put, Stream(said(Op.PUT, size=199)), "it took 199 bytes of 200"),
        (put, Stream(GO_AHEAD, said(Op.PUT, size=201)), "it took 201 bytes of 200"),
        (put, Stream(GO_AHEAD, GO_AHEAD), "it says to go ahead twice"),
        (put, Stream(GO_AHEAD), ""),
        (get, Stream(), ""),
        (get, Stream(b"\xff" * 99), ""),
    ],
)
def test_an_answer_that_makes_no_sense_is_named_and_the_stream_given_up(
    use: Callable[[Peer], object], stream: Stream, text: str
) -> None:
    with pytest.raises(StateError) as caught:
        use(Peer(stream))
    assert caught.value.status is Status.IO_ERROR
    assert str(caught.value).startswith(NONSENSE + text)
    assert stream.asked[-1] == "reset"


def test_a_value_of_the_largest_size_is_taken() -> None:
    value = bytes(65_536)
    assert get(Peer(Stream(said(Op.GET, size=65_536), value))) == value


@pytest.mark.parametrize("status", [Status.NOT_FOUND, Status.OVER_SHARE, Status.ACCESS_DENIED])
def test_a_refusal_has_its_status_and_names_the_key(status: Status) -> None:
    for use, op in ((get, Op.GET), (put, Op.PUT)):
        with pytest.raises(StateError) as caught:
            use(Peer(Stream(said(op, status))))
        assert str(caught.value) == f"{status.name.lower()}: {KEY!r}: {ADVICE[status]}"


def lost() -> Stream:
    return Stream(error=SessionLostError("lost"))


def reset(reason: int | None) -> Stream:
    return Stream(error=StreamResetError("reset", reason))


def test_a_get_whose_session_is_lost_is_asked_again_under_a_new_number() -> None:
    streams = [lost(), lost(), lost(), lost(), Stream(said(Op.GET, size=1), b"v")]
    assert get(Peer(*streams)) == b"v"
    assert [stream.written for stream in streams[:2]] == [
        [Request(Op.GET, number, KEY).encode()] for number in (41, 42)
    ]


def test_a_put_is_sent_again_to_a_peer_that_remembers_and_under_its_number() -> None:
    streams = [
        lost(),
        Stream(GO_AHEAD, error=SessionLostError("lost")),
        Stream(said(Op.PUT, size=200)),
    ]
    put(Peer(*streams, is_deduplicating=True))
    assert {stream.written[0] for stream in streams} == {Request(Op.PUT, 41, KEY, 200).encode()}
    with pytest.raises(UnavailableError) as caught:
        put(Peer(lost(), Stream(said(Op.PUT, size=200))))
    assert str(caught.value) == "lost node-b; the change may have been made or not"


UNWANTED, NO_SENSE = ResetReason.UNWANTED.value, ResetReason.NONSENSE.value


def test_a_get_that_the_peer_gives_up_is_tried_three_times_and_a_put_once() -> None:
    good = Stream(said(Op.GET, size=1), b"v")
    assert get(Peer(reset(UNWANTED), reset(UNWANTED), good)) == b"v"
    peer = Peer(*[reset(UNWANTED)] * 4)
    for use, count in ((get, 3), (put, 4)):
        with pytest.raises(StateError) as caught:
            use(peer)
        assert str(caught.value) == (f"io_error: the peer gave the transfer up (reason {UNWANTED})")
        assert len(peer.opened) == count


@pytest.mark.parametrize("reason", [NO_SENSE, None])
def test_a_reset_for_another_reason_is_not_tried_again(reason: int | None) -> None:
    peer = Peer(reset(reason), Stream(said(Op.GET, size=1), b"v"))
    with pytest.raises(StateError, match=rf"\(reason {reason}\)"):
        get(peer)
    assert len(peer.opened) == 1


@pytest.mark.parametrize(
    "answer", [NoStreamsError("none"), reset(ResetReason.UNKNOWN_STREAM.value)], ids=["no", "reset"]
)
def test_a_peer_that_knows_no_transfers_is_unsupported(answer: Stream | Exception) -> None:
    with pytest.raises(StateError) as caught:
        get(Peer(answer))
    assert caught.value.status is Status.UNSUPPORTED
    assert str(caught.value) == (
        "unsupported: the peer knows no transfers: its values have up to 128 bytes"
    )


def test_a_peer_that_is_not_done_in_time_is_one_line() -> None:
    class Silent(Stream):
        async def read_exactly(self, count: int) -> bytes:
            await asyncio.Event().wait()
            return b""

    stream = Silent()
    with pytest.raises(DeadlineError) as caught:
        get(Peer(stream), 0.01)
    assert str(caught.value) == "node-b did not finish within 0.01 s"
    assert stream.asked == ["reset"]


def test_a_peer_that_does_not_close_is_waited_for_a_second_at_most(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert transfer._CLOSING_S == 1.0
    monkeypatch.setattr(transfer, "_CLOSING_S", 0.01)
    stream = Stream(said(Op.GET, size=1), b"v")
    stream.is_open = True
    assert get(Peer(stream)) == b"v"
    assert stream.asked[-1] == "reset"
