"""A store as a service, call by call: what is answered, recorded and handed on; streams that fall
silent are stand-ins."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any  # Any: a stand-in for a stream.

import pytest

from nexus.dsoftbus.audit import AuditRecord, FaultRecord, Outcome, Record
from nexus.dsoftbus.io.settings import Call
from nexus.dsoftbus.mux_transitions import ResetReason
from nexus.dsoftbus.replay import Verdict
from nexus.remotefs.state.acl import NAMESPACE, ChangeRecord
from nexus.remotefs.state.block import MemoryDevice
from nexus.remotefs.state.io.service import StateService
from nexus.remotefs.state.replies import SERVICE
from nexus.remotefs.state.share import Share
from nexus.remotefs.state.store import Store
from nexus.remotefs.state.transactions import SILENCE_NS
from nexus.wire import transfer
from nexus.wire.state import Op, Reply, Request, Status, decode_reply

KEY = f"{NAMESPACE}k"
EPOCH = 7 << 32


class World:
    """A store in memory as a service, by a clock that a test turns."""

    def __init__(self, **options: Any) -> None:
        self.now_ns = 0
        self.records: list[ChangeRecord] = []
        self.sink: Callable[[ChangeRecord], None] = self.records.append
        self.store = Store(MemoryDevice(bytes(512 * 512)))
        self.service = StateService(
            self.store, lambda record: self.sink(record), clock_ns=lambda: self.now_ns, **options
        )

    def ask(self, request: Request, correlation: int = 0, session: int = 1) -> Reply:
        answer = self.service(Call("node-a", session, SERVICE, request.encode(), correlation))
        assert answer is not None
        return decode_reply(answer)

    @property
    def told(self) -> list[tuple[str, str]]:
        return [(record.verb, record.ending) for record in self.records]


def test_a_change_is_made_and_recorded_and_a_read_is_not_recorded() -> None:
    world = World()
    assert world.ask(Request(Op.PUT, KEY, b"v")).status is Status.OK
    assert world.ask(Request(Op.GET, KEY)).value == b"v"
    assert world.told == [("put", "allow")]
    assert {record.peer for record in world.records} == {"node-a"}


def test_a_change_that_is_asked_again_is_answered_alike_and_made_once() -> None:
    world = World()
    for value in (b"v", b"v"):
        assert world.ask(Request(Op.PUT, KEY, value), EPOCH + 1).status is Status.OK
    world.ask(Request(Op.PUT, KEY, b"later"), EPOCH + 2)
    assert world.ask(Request(Op.PUT, KEY, b"v"), EPOCH + 1).status is Status.OK
    assert world.store.get(KEY) == b"later"
    assert world.told == [("put", "allow")] * 2


def test_a_change_that_is_forgotten_has_no_answer() -> None:
    world = World()
    for number in range(1, 260):
        world.ask(Request(Op.PUT, KEY, b"v"), EPOCH + number)
    world.records.clear()
    frame = Request(Op.PUT, KEY, b"old").encode()
    assert world.service(Call("node-a", 1, SERVICE, frame, EPOCH + 1)) is None
    assert (world.records, world.store.get(KEY)) == ([], b"v")


def begin(world: World, session: int = 1) -> int:
    reply = world.ask(Request(Op.TXN_BEGIN), session=session)
    assert reply.status is Status.OK
    return reply.txn


def test_a_transaction_that_is_late_ends_with_the_next_call_and_is_recorded() -> None:
    world = World()
    txn = begin(world)
    world.now_ns = SILENCE_NS - 1
    assert world.ask(Request(Op.TXN_PUT, KEY, b"v", txn=txn)).status is Status.OK
    world.now_ns += SILENCE_NS - 1
    world.ask(Request(Op.GET, KEY), session=2)
    assert world.told == [("txn-put", "allow")]
    world.now_ns += 1
    world.ask(Request(Op.GET, KEY), session=2)
    assert world.told[1:] == [("txn-abort", "allow")]
    assert world.ask(Request(Op.TXN_COMMIT, txn=txn)).status is Status.NOT_FOUND


def test_a_session_that_ends_aborts_what_it_began() -> None:
    world = World()
    txn = begin(world, 3)
    world.service.session_ended(1)
    assert world.records == []
    world.service.session_ended(3)
    world.service.session_ended(3)
    assert world.told == [("txn-abort", "allow")]
    assert world.ask(Request(Op.TXN_COMMIT, txn=txn), session=3).status is Status.NOT_FOUND


def test_a_share_holds_for_what_is_served() -> None:
    world = World(share=Share(peer_keys=1))
    assert world.ask(Request(Op.PUT, KEY, b"v")).status is Status.OK
    assert world.ask(Request(Op.PUT, f"{KEY}2", b"v")).status is Status.OVER_SHARE


@pytest.mark.parametrize(
    ("record", "is_kept"),
    [
        (AuditRecord(Outcome.OK, "node-a", SERVICE, Op.PUT), False),
        (AuditRecord(Outcome.OK, "node-a", SERVICE, Op.DELETE), False),
        (AuditRecord(Outcome.OK, "node-a", SERVICE, Op.TXN_COMMIT), False),
        (AuditRecord(Outcome.OK, "node-a", SERVICE, Op.GET), True),
        (AuditRecord(Outcome.OK, "node-a", SERVICE, None), True),
        (AuditRecord(Outcome.FAILED, "node-a", SERVICE, Op.PUT), True),
        (AuditRecord(Outcome.SERVICE, "node-a", SERVICE, Op.PUT), True),
        (AuditRecord(Outcome.OK, "node-a", 3, Op.PUT), True),
        (FaultRecord("node-a"), True),
    ],
)
def test_the_gateways_record_of_what_has_its_own_here_is_dropped(
    record: Record, is_kept: bool
) -> None:
    kept: list[Record] = []
    StateService.without_changes(kept.append)(record)
    assert kept == [record] * is_kept


class Gate:
    """Permits everything, and remembers nothing."""

    peer = "node-a"

    def admit(self, service: int, opcode: int) -> bool:
        return True

    def record(self, outcome: Outcome, service: int, opcode: int | None) -> None:
        assert outcome is Outcome.OK

    def look(self, *_: object) -> tuple[Verdict, None]:
        return Verdict.RUN, None

    begin = look

    def finish(self, correlation: int, reply: bytes) -> None:
        assert reply


class Stream:
    """A stream on which a peer says so much, and then nothing."""

    def __init__(self, *said: bytes, pause_s: float = 0.0) -> None:
        self.gate = Gate()
        self.said = deque(said)
        self.pause_s = pause_s
        self.written: list[bytes] = []
        self.resets: list[ResetReason] = []

    async def read(self) -> bytes:
        if not self.said:
            await asyncio.Event().wait()
        await asyncio.sleep(self.pause_s)
        return self.said.popleft()

    async def write(self, data: bytes) -> None:
        self.written.append(data)

    def reset(self, reason: ResetReason = ResetReason.UNWANTED) -> None:
        self.resets.append(reason)


def move(world: World, stream: Stream) -> None:
    given: Any = stream

    async def main() -> None:
        async with asyncio.timeout(10):
            doing: Coroutine[Any, Any, None] = world.service.transfer(given)
            await doing

    asyncio.run(main())


HEAD = transfer.Request(transfer.Op.PUT, EPOCH + 1, KEY, 3).encode()
GO_AHEAD = transfer.Reply(transfer.Op.PUT, Status.OK, transfer.Stage.GO_AHEAD).encode()
DONE = transfer.Reply(transfer.Op.PUT, Status.OK, transfer.Stage.DONE, 3).encode()


def test_a_value_comes_behind_its_head_and_is_set_at_its_end() -> None:
    world, stream = World(), Stream(HEAD[:5], HEAD[5:], b"va", b"l", b"")
    move(world, stream)
    assert (stream.written, stream.resets) == ([GO_AHEAD, DONE], [])
    assert (world.store.get(KEY), world.told) == (b"val", [("put", "allow")])


def test_a_transfer_that_falls_silent_is_reset_and_recorded() -> None:
    world, stream = World(silence_s=0.02), Stream(HEAD, b"va")
    move(world, stream)
    assert (stream.written, stream.resets) == ([GO_AHEAD], [ResetReason.UNWANTED])
    assert (world.store.get(KEY), world.told) == (None, [("put", "reject status")])


def test_a_transfer_that_drips_is_given_up_in_the_end() -> None:
    world = World(silence_s=5.0, longest_s=0.05)
    stream = Stream(HEAD, *[b"x"] * 3, pause_s=0.03)
    move(world, stream)
    assert stream.resets == [ResetReason.UNWANTED]
    assert world.store.get(KEY) is None


def test_a_transfer_that_makes_no_sense_is_reset_with_that_reason() -> None:
    for said in ((HEAD, b"value"), (HEAD, b"va", b"")):
        world, stream = World(), Stream(*said)
        move(world, stream)
        assert stream.resets == [ResetReason.NONSENSE]
        assert (world.store.get(KEY), world.told) == (None, [("put", "reject status")])


def test_a_sink_that_fails_hides_no_change_and_is_named() -> None:
    world, stream = World(), Stream(HEAD, b"val", b"")
    heard: list[dict[str, Any]] = []
    defect = BrokenPipeError("gone")

    def fail(record: ChangeRecord) -> None:
        raise defect

    world.sink = fail
    given: Any = stream

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: heard.append(context))
        assert world.ask(Request(Op.PUT, KEY, b"first")).status is Status.OK
        await world.service.transfer(given)

    asyncio.run(main())
    assert (world.store.get(KEY), stream.written[-1]) == (b"val", DONE)
    assert [context["exception"] for context in heard] == [defect] * 2
    assert heard[0]["message"].startswith(
        "a record was not kept: audit remote statefs put allow peer=node-a key="
    )
