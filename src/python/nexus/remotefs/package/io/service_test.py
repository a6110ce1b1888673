"""Packages as a service, call by call and stream by stream, over streams that are a stand-in."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any  # Any: a stand-in for a stream.

import pytest

from nexus.dsoftbus.audit import Outcome
from nexus.dsoftbus.io.settings import Call
from nexus.dsoftbus.io.waiting_support import run
from nexus.dsoftbus.mux_transitions import ResetReason
from nexus.image.package_image import PackageFile
from nexus.remotefs.package.backend import BackendError, File, MemoryBackend
from nexus.remotefs.package.io.service import _STATE_MASK, PackageService
from nexus.remotefs.package.replies import SERVICE
from nexus.remotefs.package.server import HANDLES_MAX, IDLE_NS
from nexus.remotefs.package.stream_server import PIECE_BYTES
from nexus.wire.package_stream import REPLY_BYTES, Op, Request, decode_reply
from nexus.wire.packagefs import Op as CallOp
from nexus.wire.packagefs import OpenReply, PathRequest, ReadReply, ReadRequest, Status
from nexus.wire.packagefs import decode_reply as decode_answer

DATA = bytes(range(256)) * 1000
NAME = "pkg:/b/f"
BACKEND = MemoryBackend([PackageFile("b", "1", "f", DATA)])


class Gate:
    """Permits everything."""

    def __init__(self) -> None:
        self.records: list[Outcome] = []

    def admit(self, service: int, opcode: int) -> bool:
        return True

    def record(self, outcome: Outcome, service: int, opcode: int | None) -> None:
        self.records.append(outcome)


class Stream:
    """A stream on which a peer says so much, and then nothing or the end."""

    def __init__(self, *said: bytes, takes: int = 1 << 30) -> None:
        self.gate = Gate()
        self.said = deque(said)
        self.takes = takes
        self.written: list[bytes] = []
        self.ended: list[object] = []

    async def read(self) -> bytes:
        if not self.said:
            await asyncio.Event().wait()
        return self.said.popleft()

    async def write(self, data: bytes) -> None:
        if len(self.written) == self.takes:
            await asyncio.Event().wait()
        self.written.append(data)

    def close(self) -> None:
        self.ended.append("close")

    def reset(self, reason: ResetReason) -> None:
        self.ended.append(reason)


def serve(stream: Stream, packages: PackageService | None = None) -> None:
    served = packages or PackageService(BACKEND, silence_s=0.02)
    given: Any = stream
    run(lambda: served.read_stream(given))


SENT = Request(Op.READ, NAME, 0, len(DATA)).encode()


def test_a_range_goes_head_first_and_then_piece_by_piece_and_is_closed() -> None:
    stream = Stream(SENT[:5], SENT[5:])
    serve(stream)
    assert [len(each) for each in stream.written] == [
        REPLY_BYTES,
        *[PIECE_BYTES] * 3,
        len(DATA) - 3 * PIECE_BYTES,
    ]
    assert b"".join(stream.written[1:]) == DATA
    assert decode_reply(stream.written[0]).status is Status.OK
    assert (stream.ended, stream.gate.records) == (["close"], [Outcome.OK])


def test_a_request_that_ends_early_is_reset_as_nonsense() -> None:
    stream = Stream(SENT[:9], b"")
    serve(stream)
    assert (stream.written, stream.ended) == ([], [ResetReason.NONSENSE])
    assert stream.gate.records == [Outcome.MALFORMED]


@pytest.mark.parametrize(
    ("stream", "written"),
    [(Stream(), 0), (Stream(SENT[:-1]), 0), (Stream(SENT, takes=0), 0), (Stream(SENT, takes=2), 2)],
    ids=["says nothing", "half a request", "takes nothing", "takes a piece"],
)
def test_a_peer_that_says_or_takes_nothing_is_given_up(stream: Stream, written: int) -> None:
    serve(stream)
    assert (len(stream.written), stream.ended) == (written, [ResetReason.UNWANTED])


class Broken(MemoryBackend):
    """A medium that fails behind its first bytes."""

    def read(self, file: File, offset: int, length: int) -> bytes:
        """Read, or fail."""
        if offset:
            raise BackendError("the medium")
        return super().read(file, offset, length)


def test_a_medium_that_fails_on_the_way_resets_the_stream() -> None:
    stream = Stream(SENT)
    broken = Broken([PackageFile("b", "1", "f", DATA)])
    serve(stream, PackageService(broken))
    assert (len(stream.written), stream.ended) == (2, [ResetReason.UNWANTED])


def state_of(packages: PackageService) -> int:
    stream = Stream(Request(Op.READ, NAME, 0, 1).encode())
    serve(stream, packages)
    return decode_reply(stream.written[0]).state


def test_each_start_and_each_mount_has_a_number_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    packages = PackageService(BACKEND)
    first = state_of(packages)
    assert state_of(packages) == first
    assert state_of(PackageService(BACKEND)) != first
    packages.mount(BACKEND)
    assert state_of(packages) == (first + 1) % (1 << 64)
    monkeypatch.setattr("os.urandom", lambda count: b"\xff" * count)
    last = PackageService(BACKEND)
    assert state_of(last) == _STATE_MASK == (1 << 64) - 1
    last.mount(BACKEND)
    assert state_of(last) == 0


def ask(packages: PackageService, session: int, request: PathRequest | ReadRequest) -> object:
    return decode_answer(packages(Call("node-a", session, SERVICE, request.encode())))


def test_every_session_has_handles_of_its_own_until_it_ends() -> None:
    packages = PackageService(BACKEND)
    opening = PathRequest(CallOp.OPEN, NAME)
    for session in (1, 2):
        assert ask(packages, session, opening) == OpenReply(Status.OK, 1)
    assert ask(packages, 1, opening) == OpenReply(Status.OK, 2)
    assert packages.open_count == 3
    packages.session_ended(1)
    packages.session_ended(9)
    assert packages.open_count == 1
    assert ask(packages, 1, ReadRequest(1, 0, 1)) == ReadReply(Status.BADF)
    assert ask(packages, 2, ReadRequest(1, 0, 2)) == ReadReply(Status.OK, DATA[:2])


def test_a_mount_ends_what_is_open_and_serves_the_other_packages() -> None:
    packages = PackageService(BACKEND)
    ask(packages, 1, PathRequest(CallOp.OPEN, NAME))
    packages.mount(MemoryBackend([PackageFile("b", "1", "f", b"other")]))
    assert packages.open_count == 0
    for session in (1, 2):
        assert ask(packages, session, PathRequest(CallOp.OPEN, NAME)) in (
            OpenReply(Status.OK, 1),
            OpenReply(Status.OK, 2),
        )
    assert ask(packages, 2, ReadRequest(1, 0, 9)) == ReadReply(Status.OK, b"other")


def test_a_handle_that_was_long_unused_makes_room_by_the_services_clock() -> None:
    now_ns = 5
    packages = PackageService(BACKEND, clock_ns=lambda: now_ns)
    opening = PathRequest(CallOp.OPEN, NAME)
    for _ in range(HANDLES_MAX):
        ask(packages, 1, opening)
    now_ns += IDLE_NS - 1
    assert ask(packages, 1, opening) == OpenReply(Status.LIMIT)
    now_ns += 1
    assert ask(packages, 1, opening) == OpenReply(Status.OK, HANDLES_MAX + 1)
