"""The serving side alone: any cut of a request gives the same answer, a refusal has its status."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.dsoftbus.audit import Outcome
from nexus.dsoftbus.mux_transitions import ResetReason
from nexus.image.package_image import PackageFile
from nexus.remotefs.package.backend import BackendError, File, MemoryBackend
from nexus.remotefs.package.stream_server import Answer, ServedRead
from nexus.wire import packagefs
from nexus.wire.package_stream import (
    LENGTH_MAX,
    REPLY_BYTES,
    Entry,
    Head,
    Op,
    Reply,
    Request,
    decode_entries,
    decode_reply,
)
from nexus.wire.packagefs import Kind, Status

DATA = bytes(range(256)) * 4
BACKEND = MemoryBackend(
    [
        PackageFile("system", "1.0", "build.prop", b"old"),
        PackageFile("system", "2.0", "build.prop", b"new\n"),
        PackageFile("system", "2.0", "data/noise", DATA),
        PackageFile("system", "2.0", "data/deep/er", b""),
        PackageFile("größe", "1", "ä", b"x"),
    ]
)
STATE = 9
NAME = "pkg:/system/data/noise"


@dataclass
class Gate:
    """Permits what a test says, and remembers what it recorded."""

    permitted: tuple[int, ...] = (packagefs.Op.OPEN, packagefs.Op.READ)
    records: list[Outcome] = field(default_factory=list)

    def admit(self, service: int, opcode: int) -> bool:
        """Ask the list."""
        if opcode not in self.permitted:
            self.records.append(Outcome.SERVICE)
        return opcode in self.permitted

    def record(self, outcome: Outcome, service: int, opcode: int | None) -> None:
        """Keep it."""
        self.records.append(outcome)


def play(*pieces: bytes, gate: Gate | None = None, piece_bytes: int = 100) -> Answer | None:
    served = ServedRead(BACKEND, STATE, gate or Gate(), piece_bytes)
    for piece in pieces:
        answer = served.receive(piece)
        if answer is not None:
            assert (served.receive(b"more"), served.end()) == (None, None)
            return answer
    return served.end()


def ask(request: Request, gate: Gate | None = None) -> tuple[Reply, bytes]:
    answer = play(request.encode(), gate=gate)
    assert answer is not None
    assert answer.reset is None
    reply = decode_reply(answer.head)
    body = b"".join(answer.pieces)
    assert len(body) == reply.length
    return reply, body


@pytest.mark.parametrize(
    ("offset", "length"),
    [(0, 0), (0, 1), (0, 1024), (0, LENGTH_MAX), (1023, 9), (1024, 1), (1 << 63, 5), (3, 500)],
)
def test_a_range_is_what_the_file_has_there(offset: int, length: int) -> None:
    reply, body = ask(Request(Op.READ, NAME, offset, length))
    assert body == DATA[offset : offset + length]
    assert (reply.kind, reply.size, reply.state) == (Kind.FILE, len(DATA), STATE)


@given(st.lists(st.integers(0, 60), max_size=6))
def test_any_cut_of_a_request_gives_the_same(cuts: list[int]) -> None:
    sent = Request(Op.READ, NAME, 10, 20).encode()
    bounds = sorted(min(cut, len(sent)) for cut in cuts)
    pieces = [sent[a:b] for a, b in zip([0, *bounds], [*bounds, len(sent)], strict=True)]
    gate = Gate()
    answer = play(*(piece for piece in pieces if piece), gate=gate)
    assert answer is not None
    assert b"".join(answer.pieces) == DATA[10:30]
    assert gate.records == [Outcome.OK]


def test_every_truncation_is_malformed_and_reads_nothing() -> None:
    sent = Request(Op.READ, NAME, 10, 20).encode()
    for length in range(len(sent)):
        gate = Gate()
        answer = play(sent[:length], gate=gate)
        assert answer is not None
        assert (answer.head, answer.reset) == (b"", ResetReason.NONSENSE)
        assert gate.records == [Outcome.MALFORMED]
    answer = play(sent + b"x")
    assert answer is not None
    assert answer.reset is ResetReason.NONSENSE


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (Request(Op.READ, "pkg:/system/none", 0, 1), Status.NOT_FOUND),
        (Request(Op.READ, "pkg:/none/x"), Status.NOT_FOUND),
        (Request(Op.READ, "pkg:/system/../x"), Status.PATH_TRAVERSAL),
        (Request(Op.READ, "file:/x"), Status.NON_PACKAGEFS_SCHEME),
        (Request(Op.READ, "pkg:/"), Status.OVERSIZED),
        (Request(Op.READ, ""), Status.NON_PACKAGEFS_SCHEME),
        (Request(Op.LIST, "pkg:/none"), Status.NOT_FOUND),
        (Request(Op.LIST, NAME), Status.IO),
        (Request(Op.LIST, "pkg:/system/.."), Status.PATH_TRAVERSAL),
    ],
)
def test_a_refusal_has_its_status(request_: Request, status: Status) -> None:
    assert ask(request_) == (Reply(request_.op, status), b"")


def test_a_path_that_is_too_long_is_not_awaited() -> None:
    answer = play(Head(Op.READ, 193, 0, 1).encode())
    assert answer is not None
    assert decode_reply(answer.head).status is Status.OVERSIZED
    answer = play(Head(Op.READ, 2, 0, 1).encode() + b"\xff\xff")
    assert answer is not None
    assert decode_reply(answer.head).status is Status.BAD_REQUEST


@pytest.mark.parametrize("permitted", [(), (2,), (3,), (1, 4)])
def test_it_takes_what_open_and_read_take(permitted: tuple[int, ...]) -> None:
    for request in (Request(Op.READ, NAME, 0, 1), Request(Op.LIST, "pkg:/")):
        gate = Gate(permitted)
        assert ask(request, gate) == (Reply(request.op, Status.UNAUTHENTICATED), b"")
        assert gate.records == [Outcome.SERVICE]


@pytest.mark.parametrize(
    ("name", "entries"),
    [
        (
            "pkg:/",
            [Entry(Kind.FOLDER, each) for each in ("größe@1", "system@1.0", "system@2.0")],
        ),
        ("pkg:/system", [Entry(Kind.FILE, "build.prop", 4), Entry(Kind.FOLDER, "data")]),
        ("/packages/system@1.0", [Entry(Kind.FILE, "build.prop", 3)]),
        ("pkg:/system/data", [Entry(Kind.FOLDER, "deep"), Entry(Kind.FILE, "noise", 1024)]),
        ("pkg:/größe", [Entry(Kind.FILE, "ä", 1)]),
    ],
)
def test_a_folder_is_listed_in_the_order_of_bytes(name: str, entries: list[Entry]) -> None:
    reply, body = ask(Request(Op.LIST, name))
    assert list(decode_entries(body)) == entries
    assert (reply.kind, reply.state) == (Kind.FOLDER, STATE)


def test_a_folder_is_told_from_a_file() -> None:
    reply, _ = ask(Request(Op.READ, "pkg:/system/data", 0, 10))
    assert (reply.kind, reply.size) == (Kind.FOLDER, 0)


@dataclass
class Short(MemoryBackend):
    """A medium that fails, or ends early."""

    is_failing: bool

    def __post_init__(self) -> None:
        super().__init__([PackageFile("b", "1", "f", DATA)])

    def read(self, file: File, offset: int, length: int) -> bytes:
        if offset >= 200:
            if self.is_failing:
                raise BackendError("the medium")
            return b""
        return super().read(file, offset, length)


@pytest.mark.parametrize("is_failing", [False, True])
def test_a_medium_that_fails_on_the_way_never_gives_less_than_was_said(is_failing: bool) -> None:
    served = ServedRead(Short(is_failing), STATE, Gate(), 100)
    answer = served.receive(Request(Op.READ, "pkg:/b/f", 0, 1024).encode())
    assert answer is not None
    assert len(answer.head) == REPLY_BYTES
    with pytest.raises(BackendError):
        list(answer.pieces)
