"""One round of dialling, address by address: which are tried, what each proves, and what is written
down of those that do not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast  # Any: stand-ins for all that a dialler knows.

import pytest

from nexus.dsoftbus.audit import AddressRecord
from nexus.dsoftbus.discovery import Entry
from nexus.dsoftbus.io.dialler import ATTEMPT_S, Dialler
from nexus.dsoftbus.io.hand_clock_fake import HandClock
from nexus.dsoftbus.io.node_scene import KEY_B, peer_of
from nexus.dsoftbus.io.waiting_support import run

FIRST, SECOND = ("10.0.0.1", 1), ("10.0.0.2", 2)
ENTRY = Entry("node-b", "10.0.0.1", 1, KEY_B.public, (), True, 0)


class FakeLink:
    """A connection, which a test makes ready or not."""

    def __init__(self, *, was_ready: bool) -> None:
        self.was_ready = was_ready
        self.decided, self.over = asyncio.Event(), asyncio.Event()
        self.aborted = 0

    def abort(self) -> None:
        self.aborted += 1


class World:
    """A peer that is heard of at some addresses; a test says which of them answers, and how."""

    def __init__(self, *answers: FakeLink | OSError | None) -> None:
        """Answer so, one address after the other; None never answers."""
        self.answers = iter(answers)
        self.session: object = None
        self.live: Entry | None = ENTRY
        self.heard = asyncio.Event()
        self.known = [FIRST, SECOND]
        self.clock = HandClock()
        self.noted: list[object] = []
        self.keys: list[bytes] = []
        discovery: Any = SimpleNamespace(
            find=lambda device_id: self.live,
            wait_heard=self._wait_heard,
            addresses=lambda device_id: self.known,
            prove=lambda device_id, address: self.noted.append(("proven", address)),
            fail=lambda device_id, address: self.noted.append(("failed", address)),
        )
        trail: Any = SimpleNamespace(record=lambda *what: self.noted.append(what))
        calls: Any = self
        self.settings = peer_of(KEY_B)
        self.dialler = Dialler(calls, discovery, trail, self.clock, self._make_link)

    async def _wait_heard(self, device_id: str) -> None:
        self.noted.append("waits")
        await self.heard.wait()

    def _make_link(self, key: bytes) -> Any:
        self.keys.append(key)
        return SimpleNamespace()

    async def connect(self, make: Callable[[], Any], address: str, port: int) -> Any:
        """Stand for the loop's own."""
        self.noted.append(("dials", (address, port)))
        link = make()
        answer = next(self.answers)
        if isinstance(answer, OSError):
            raise answer
        if answer is None:
            await asyncio.Event().wait()
        vars(link).update(vars(answer), abort=cast("Any", answer).abort)


async def dialling(world: World, **how: bool) -> asyncio.Task[bool]:
    """Begin a round and let it go as far as it comes."""
    loop = asyncio.get_running_loop()
    setattr(loop, "create_connection", world.connect)  # noqa: B010 - it is the loop's own
    task = asyncio.ensure_future(world.dialler.round(**how))
    await turns()
    return task


async def turns(count: int = 8) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def test_an_address_that_proves_the_key_is_trusted_and_used_until_the_session_is_over() -> None:
    async def scenario() -> None:
        link = FakeLink(was_ready=True)
        world = World(link)
        round_ = await dialling(world)
        assert world.noted == [("dials", FIRST)], "it is not decided yet"
        link.decided.set()
        await turns()
        assert world.noted == [("dials", FIRST), ("proven", FIRST)]
        assert not round_.done()
        link.over.set()
        assert await round_ is True
        assert world.keys == [KEY_B.public]
        assert world.clock.waiting == []

    run(scenario)


def test_where_no_node_is_the_next_address_is_tried(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        world = World(ConnectionRefusedError("nothing there"), OSError("no route"))
        round_ = await dialling(world)
        assert await round_ is False
        assert world.noted == [
            ("dials", FIRST),
            ("failed", FIRST),
            ("dials", SECOND),
            ("failed", SECOND),
        ]

    with caplog.at_level(logging.DEBUG, "nexus.dsoftbus"):
        run(scenario)
    lines = [each.getMessage() for each in caplog.records if each.name == "nexus.dsoftbus"]
    assert lines == [
        "node-b does not answer at 10.0.0.1:1: nothing there",
        "node-b does not answer at 10.0.0.2:2: no route",
    ]


def test_an_attempt_is_given_up_after_its_time() -> None:
    async def scenario() -> None:
        world = World(None, OSError("no route"))
        round_ = await dialling(world)
        world.clock.turn_to(int(ATTEMPT_S * 1_000_000_000) - 1)
        await turns()
        assert world.noted == [("dials", FIRST)]
        world.clock.turn_to(2_000_000_000)
        assert await round_ is False
        assert world.noted[1:3] == [("failed", FIRST), ("dials", SECOND)]
        assert world.clock.waiting == []

    run(scenario)


def test_a_key_that_was_not_proven_is_recorded_and_named(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        wrong = FakeLink(was_ready=False)
        wrong.decided.set()
        world = World(wrong, OSError("no route"))
        assert await (await dialling(world)) is False
        assert world.noted[:4] == [
            ("dials", FIRST),
            ("failed", FIRST),
            (AddressRecord("node-b", "10.0.0.1", 1), "10.0.0.1"),
            ("dials", SECOND),
        ]

    with caplog.at_level(logging.WARNING, "nexus.dsoftbus"):
        run(scenario)
    lines = [each.getMessage() for each in caplog.records if each.name == "nexus.dsoftbus"]
    assert lines == ["node-b is not at 10.0.0.1:1: its key was not proven"]


def test_a_peer_that_dialled_meanwhile_is_not_dialled_unless_that_is_forced() -> None:
    async def scenario() -> None:
        world = World(OSError("no route"), OSError("no route"))
        world.session = object()
        assert await (await dialling(world)) is True
        assert world.noted == []
        assert await (await dialling(world, is_forced=True)) is False
        assert world.noted[0] == ("dials", FIRST)

    run(scenario)


@pytest.mark.parametrize("live", [None, Entry("node-b", "x", 1, bytes(32), (), True, 0)])
def test_a_peer_is_dialled_once_it_was_heard_with_its_key(live: Entry | None) -> None:
    async def scenario() -> None:
        world = World(OSError("no route"), OSError("no route"))
        world.live = live
        round_ = await dialling(world)
        assert world.noted == ["waits"]
        world.live = ENTRY
        world.heard.set()
        assert await round_ is False
        assert world.noted[1] == ("dials", FIRST)

    run(scenario)


def test_a_dialler_that_is_cancelled_gives_up_the_handshake_under_way() -> None:
    async def scenario() -> None:
        link = FakeLink(was_ready=False)
        round_ = await dialling(World(link))
        assert link.aborted == 0
        round_.cancel()
        with pytest.raises(asyncio.CancelledError):
            await round_
        assert link.aborted == 1

    run(scenario)
