"""The serving side alone: any cut of the bytes gives the same answers, records and state."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.dsoftbus.audit import Outcome
from nexus.dsoftbus.mux_transitions import ResetReason
from nexus.dsoftbus.replay import ReplayTable, Verdict
from nexus.remotefs.state.acl import NAMESPACE, ChangeRecord
from nexus.remotefs.state.block import MemoryDevice
from nexus.remotefs.state.remote import RemoteState
from nexus.remotefs.state.replies import SERVICE
from nexus.remotefs.state.store import Store
from nexus.remotefs.state.transfer import ServedTransfer, Step
from nexus.wire.state import Status
from nexus.wire.transfer import Head, Op, Reply, Request, Stage

KEY = f"{NAMESPACE}k"
EPOCH = 9 << 32


@dataclass
class Node:
    """A store, a gate that permits what a test says, and what was recorded."""

    permitted: tuple[int, ...] = (1, 2)
    store: Store = field(default_factory=lambda: Store(MemoryDevice(bytes(512 * 512))))
    table: ReplayTable = field(default_factory=ReplayTable)
    changes: list[ChangeRecord] = field(default_factory=list)
    others: list[tuple[Outcome, int, int | None]] = field(default_factory=list)
    peer: str = "node-a"

    def admit(self, service: int, opcode: int) -> bool:
        """Ask the list."""
        if opcode not in self.permitted:
            self.record(Outcome.SERVICE, service, opcode)
        return opcode in self.permitted

    def record(self, outcome: Outcome, service: int, opcode: int | None) -> None:
        """Keep it."""
        self.others.append((outcome, service, opcode))

    def look(self, correlation: int, service: int, payload: bytes) -> tuple[Verdict, bytes | None]:
        """Ask the table."""
        return self.table.look(self.peer, correlation, service, payload)

    def begin(self, correlation: int, service: int, payload: bytes) -> tuple[Verdict, bytes | None]:
        """Ask the table."""
        return self.table.begin(self.peer, correlation, service, payload)

    def finish(self, correlation: int, reply: bytes) -> None:
        """Pass it to the table."""
        self.table.finish(self.peer, correlation, reply)

    def serve(self) -> ServedTransfer:
        """Begin one transfer."""
        return ServedTransfer(RemoteState(self.store), self, self.changes.append)

    def exchange(self, *pieces: bytes) -> tuple[bytes, ResetReason | None]:
        """Send pieces and the end; return all that came back, and how it ended."""
        served, said = self.serve(), b""
        for piece in pieces:
            step = served.receive(piece)
            said += step.send
            if step.is_over:
                assert (served.receive(b"more"), served.end()) == (Step(), Step())
                return said, step.reset
        step = served.end()
        assert step.is_over
        return said + step.send, step.reset

    @property
    def endings(self) -> list[str]:
        """Return the outcomes of the puts."""
        return [change.ending for change in self.changes]


def done(op: Op, status: Status, value_bytes: int = 0) -> bytes:
    return Reply(op, status, Stage.DONE, value_bytes).encode()


GO_AHEAD = Reply(Op.PUT, Status.OK, Stage.GO_AHEAD).encode()


@given(st.binary(min_size=1, max_size=300), st.lists(st.integers(0, 340), max_size=6))
def test_any_cut_of_a_put_gives_the_same(value: bytes, cuts: list[int]) -> None:
    sent = Request(Op.PUT, EPOCH + 1, KEY, len(value)).encode() + value
    bounds = sorted(min(cut, len(sent)) for cut in cuts)
    pieces = [sent[a:b] for a, b in zip([0, *bounds], [*bounds, len(sent)], strict=True)]
    node = Node()
    said, reset = node.exchange(*pieces)
    assert (said, reset) == (GO_AHEAD + done(Op.PUT, Status.OK, len(value)), None)
    assert node.store.get(KEY) == value
    assert (node.endings, node.others) == (["allow"], [])


def test_every_truncation_changes_nothing() -> None:
    value = bytes(range(200))
    sent = Request(Op.PUT, EPOCH + 1, KEY, 200).encode() + value
    head = len(sent) - 200
    for length in range(len(sent)):
        for bytewise in (False, True):
            node = Node()
            data = sent[:length]
            pieces = [data[i : i + 1] for i in range(length)] if bytewise else [data]
            said, reset = node.exchange(*pieces)
            assert reset is ResetReason.NONSENSE
            assert node.store.get(KEY) is None
            is_begun = length >= head
            assert said == (GO_AHEAD if is_begun else b"")
            assert node.endings == (["reject status"] if is_begun else [])
            assert node.others == ([] if is_begun else [(Outcome.MALFORMED, SERVICE, None)])
            # Its number stays free.
            assert node.exchange(sent)[0] == GO_AHEAD + done(Op.PUT, Status.OK, 200)


@given(st.binary(max_size=60), st.booleans())
def test_whatever_comes_ends_in_one_record_at_most(junk: bytes, has_head: bool) -> None:
    node = Node()
    sent = (Request(Op.PUT, 1, KEY, 20).encode() if has_head else b"") + junk
    node.exchange(sent)
    assert len(node.changes) + len(node.others) == 1
    assert (node.store.get(KEY) is not None) == (node.endings == ["allow"])


@pytest.mark.parametrize(("op", "opcode"), [(Op.PUT, 1), (Op.GET, 2)])
def test_what_is_not_permitted_is_not_looked_at(op: Op, opcode: int) -> None:
    node = Node(permitted=(3 - opcode,))
    # Neither the key nor the length is judged, nor is the number taken.
    sent = Head(op, EPOCH + 1, 60_000, 0).encode()
    assert node.exchange(sent) == (done(op, Status.ACCESS_DENIED), None)
    assert (node.changes, node.others) == ([], [(Outcome.SERVICE, SERVICE, opcode)])
    assert node.table.look("node-a", EPOCH + 1, SERVICE, sent)[0] is Verdict.RUN


def test_a_get_sends_the_whole_value() -> None:
    node = Node()
    node.store.put(KEY, b"value")
    node.store.put(f"{KEY}0", b"")
    assert node.exchange(Request(Op.GET, 0, KEY).encode()) == (
        done(Op.GET, Status.OK, 5) + b"value",
        None,
    )
    assert node.exchange(Request(Op.GET, 0, f"{KEY}0").encode())[0] == done(Op.GET, Status.OK)
    missing = Request(Op.GET, 0, f"{KEY}1").encode()
    assert node.exchange(missing)[0] == done(Op.GET, Status.NOT_FOUND)
    assert (node.changes, node.others) == ([], [(Outcome.OK, SERVICE, 2)] * 3)


def test_a_repetition_has_the_first_answer_and_no_record() -> None:
    node = Node()
    sent = Request(Op.PUT, EPOCH + 1, KEY, 3).encode()
    assert node.exchange(sent, b"one")[0] == GO_AHEAD + done(Op.PUT, Status.OK, 3)
    node.store.put(KEY, b"by another")
    for _ in range(3):
        assert node.exchange(sent, b"one")[0] == done(Op.PUT, Status.OK, 3)
    assert node.store.get(KEY) == b"by another"
    assert node.endings == ["allow"]
    other = Request(Op.PUT, EPOCH + 1, KEY, 4).encode()
    assert node.exchange(other, b"four")[0] == done(Op.PUT, Status.IO_ERROR)
    # Without an epoch a number names nothing.
    bare = Request(Op.PUT, 1, KEY, 3).encode()
    for value in (b"one", b"two"):
        assert node.exchange(bare, value)[0] == GO_AHEAD + done(Op.PUT, Status.OK, 3)
        assert node.store.get(KEY) == value


def test_of_two_twins_under_way_the_first_to_end_is_made() -> None:
    node = Node()
    sent = Request(Op.PUT, EPOCH + 1, KEY, 3).encode()
    first, second = node.serve(), node.serve()
    assert first.receive(sent).send == second.receive(sent).send == GO_AHEAD
    first.receive(b"one")
    second.receive(b"two")
    assert second.end().send == done(Op.PUT, Status.OK, 3)
    assert first.end().send == done(Op.PUT, Status.OK, 3)
    assert (node.store.get(KEY), node.endings) == (b"two", ["allow"])


def test_what_was_forgotten_while_its_value_came_is_not_made() -> None:
    node = Node()
    late = node.serve()
    late.receive(Request(Op.PUT, EPOCH + 1, KEY, 3).encode() + b"one")
    for number in range(2, 260):
        node.exchange(Request(Op.PUT, EPOCH + number, f"{KEY}x", 1).encode(), b"x")
    node.changes.clear()
    assert late.end().send == done(Op.PUT, Status.IO_ERROR)
    assert (node.store.get(KEY), node.endings) == (None, ["reject status"])


def test_an_abort_is_recorded_once_and_only_of_what_was_begun() -> None:
    node = Node()
    served = node.serve()
    served.abort()
    assert node.changes == []
    served = node.serve()
    served.receive(Request(Op.PUT, 0, KEY, 3).encode())
    for _ in range(3):
        served.abort()
    assert (node.endings, served.receive(b"abc"), served.end()) == (
        ["reject status"],
        Step(),
        Step(),
    )
    assert node.store.get(KEY) is None
