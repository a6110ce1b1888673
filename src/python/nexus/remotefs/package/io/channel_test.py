"""A channel from a thread to a loop: every way in which a call can end ends the wait for it."""

from __future__ import annotations

import asyncio
import threading
from contextlib import AbstractAsyncContextManager

import pytest

from nexus.core.duration import TimeoutValueError
from nexus.dsoftbus.io.bridge import WrongThreadError
from nexus.dsoftbus.io.looping_support import looping
from nexus.dsoftbus.io.settings import DeadlineError, RefusedError, UnavailableError
from nexus.dsoftbus.io.stream import BusStream
from nexus.remotefs.package.client import PackageClient
from nexus.remotefs.package.io.channel import ThreadChannel
from nexus.remotefs.package.path import PackageError
from nexus.wire.gateway import Response, Status

NAME = "pkg:/b/f"


class Peer:
    """A peer whose every call ends in one way."""

    device_id = "node-b"
    link = None

    def __init__(self, error: BaseException | None) -> None:
        """End with this, or with an answer."""
        self.error = error

    async def call(self, service: int, payload: bytes, timeout_s: float) -> bytes:
        """End."""
        if self.error is not None:
            raise self.error
        return b"answer"

    def turn(self, stream: str) -> AbstractAsyncContextManager[object]:
        """Not used here."""
        raise NotImplementedError

    async def open_stream(self, name: str, priority: int, timeout_s: float) -> BusStream:
        """Not used here."""
        raise NotImplementedError


@pytest.mark.parametrize(
    ("error", "response"),
    [
        (None, Response(Status.OK, 1, b"answer")),
        (RefusedError("no"), Response(Status.REFUSED, 1)),
        (UnavailableError("gone"), Response(Status.FAILED, 1)),
        (asyncio.CancelledError(), Response(Status.FAILED, 1)),
        (ValueError("a defect"), Response(Status.FAILED, 1)),
    ],
    ids=repr,
)
def test_every_end_of_a_call_is_a_response(error: BaseException | None, response: Response) -> None:
    with looping() as loop:
        channel = ThreadChannel(Peer(error), loop)
        assert channel.send(b"question") == 1
        assert channel.receive() == response


def test_on_the_loops_own_thread_it_raises_instead_of_hanging() -> None:
    async def run() -> None:
        client = PackageClient(ThreadChannel(Peer(None), asyncio.get_running_loop()))
        with pytest.raises(WrongThreadError, match="await the client there"):
            client.stat(NAME)
        with pytest.raises(WrongThreadError):
            client.read_bytes(NAME)

    asyncio.run(run())


def test_a_loop_that_does_not_run_or_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nexus.remotefs.package.io.channel._GRACE_S", 0.0)
    stopped = asyncio.new_event_loop()
    with pytest.raises(UnavailableError, match="does not run"):
        PackageClient(ThreadChannel(Peer(None), stopped)).stat(NAME)
    stopped.close()
    go_on = threading.Event()
    with looping() as loop:
        loop.call_soon_threadsafe(go_on.wait)
        try:
            with pytest.raises(DeadlineError, match="gave no answer"):
                PackageClient(ThreadChannel(Peer(None), loop, 0.01)).stat(NAME)
        finally:
            go_on.set()


@pytest.mark.parametrize("timeout_s", [0, -1, float("inf"), None])
def test_a_timeout_that_is_not_one(timeout_s: float) -> None:
    loop = asyncio.new_event_loop()
    with pytest.raises(TimeoutValueError):
        ThreadChannel(Peer(None), loop, timeout_s)
    loop.close()


def test_an_answer_that_makes_no_sense() -> None:
    with looping() as loop, pytest.raises(PackageError, match="the peer answered"):
        PackageClient(ThreadChannel(Peer(None), loop)).stat(NAME)
