"""The servers of a permitted peer: transfers of values, ranges of files, a node's log."""

from __future__ import annotations

from nexus.dsoftbus.audit import Outcome
from nexus.dsoftbus.log import LogRing
from nexus.dsoftbus.log_reader import LogReader
from nexus.dsoftbus.replay import ReplayTable, Verdict
from nexus.fuzz.target import Input, Target, packed
from nexus.image.package_image import PackageFile
from nexus.remotefs.package.backend import MemoryBackend
from nexus.remotefs.package.stream_server import ServedRead
from nexus.remotefs.state.acl import NAMESPACE, ChangeRecord
from nexus.remotefs.state.block import MemoryDevice
from nexus.remotefs.state.remote import RemoteState
from nexus.remotefs.state.store import Store
from nexus.remotefs.state.transfer import ServedTransfer, Step
from nexus.wire import log, package_stream, transfer
from nexus.wire.error import RemoteProtocolError
from nexus.wire.gateway import RESPONSE_PAYLOAD_MAX
from nexus.wire.packagefs import Kind

_STEPS_MAX = 32
_RECORDS_MAX = 8
_READS_MAX = 64
_KEY = f"{NAMESPACE}k"


class _Gate:
    """Permits everything, and remembers."""

    peer = "node-a"

    def __init__(self) -> None:
        self.records = 0
        self._table = ReplayTable()

    def admit(self, service: int, opcode: int) -> bool:
        return True

    def record(self, outcome: Outcome, service: int, opcode: int | None) -> None:
        self.records += 1

    def change(self, record: ChangeRecord) -> None:
        self.records += 1

    def look(self, correlation: int, service: int, payload: bytes) -> tuple[Verdict, bytes | None]:
        return self._table.look(self.peer, correlation, service, payload)

    def begin(self, correlation: int, service: int, payload: bytes) -> tuple[Verdict, bytes | None]:
        return self._table.begin(self.peer, correlation, service, payload)

    def finish(self, correlation: int, reply: bytes) -> None:
        self._table.finish(self.peer, correlation, reply)


def _run_transfer(data: bytes) -> None:
    """Streams one after the other: each one ends, and has one record or was a repetition."""
    source = Input(data)
    gate, store = _Gate(), Store(MemoryDevice(bytes(512 * 64)))
    remote = RemoteState(store)
    served: ServedTransfer | None = None
    before = 0
    for step in source.steps(_STEPS_MAX):
        if served is None:
            served, before = ServedTransfer(remote, gate, gate.change), gate.records
        if step % 8 == 7:
            served.abort()
            done = Step(is_over=True)
        else:
            done = served.end() if step % 8 == 6 else served.receive(source.piece())
        if done.is_over:
            assert gate.records - before <= 1, "two records of one transfer"
            assert (served.receive(b"x"), served.end()) == (Step(), Step()), "more after its end"
            assert (done.reset is None) or not done.send, "an answer on a stream that is reset"
            served = None


_FILES = MemoryBackend(
    [PackageFile("b", "1", "f", bytes(range(200))), PackageFile("b", "2", "d/g", b"x")]
)


def _run_read(data: bytes) -> None:
    """Any bytes in any pieces: one answer, as long as its head says, and one record at most."""
    source = Input(data)
    gate = _Gate()
    served = ServedRead(_FILES, 7, gate, piece_bytes=64)
    answer = None
    for step in source.steps(_STEPS_MAX):
        found = served.end() if step % 8 == 6 else served.receive(source.piece())
        assert answer is None or found is None, "two answers"
        answer = answer or found
    assert gate.records <= 1, "two records of one request"
    if answer is not None and answer.reset is None:
        body = b"".join(answer.pieces)
        assert len(body) == package_stream.decode_reply(answer.head).length
        if body and answer.head[3] == package_stream.Op.LIST | 0x80:
            assert list(package_stream.decode_entries(body))


def _run_entries(data: bytes) -> None:
    """A peer's list: entries that are written as they were read, or an error."""
    try:
        entries = list(package_stream.decode_entries(data))
    except RemoteProtocolError:
        return
    assert package_stream.encode_entries(entries) == data


def _run_log(data: bytes) -> None:
    """Records and a peer's frames in any order; then all that is there is read in order."""
    source = Input(data)
    ring = LogRing(_RECORDS_MAX)
    now_ns = 0
    for step in source.steps(_STEPS_MAX):
        piece = source.piece()
        now_ns += step
        if step % 2:
            text = piece.decode(errors="replace")
            ring.append(log.Level(step % 5), text[: step % 7], text, now_ns)
            continue
        answer = ring.answer(piece)
        assert len(answer) <= RESPONSE_PAYLOAD_MAX, f"{len(answer)} bytes"
    reader, last = LogReader(), 0
    for _ in range(_READS_MAX):
        query = reader.next_query()
        if query is None:
            break
        for record in reader.take(log.decode_reply(ring.answer(query.encode()))):
            assert record.id > last, "a record twice, or out of order"
            last = record.id
    assert last == ring.total, "not all was read"
    assert reader.missed == 0, "nothing was dropped meanwhile"


def _run_log_reader(data: bytes) -> None:
    """Any answers of a peer: the reader ends, and gives no record twice."""
    source = Input(data)
    reader, seen = LogReader(), set[int]()
    for _ in source.steps(_STEPS_MAX):
        if reader.next_query() is None:
            return
        try:
            reply = log.decode_reply(source.piece())
        except RemoteProtocolError:
            return
        found = {record.id for record in reader.take(reply)}
        assert not found & seen, "a record twice"
        seen |= found


def _script(*frames: bytes, last: int = 0) -> bytes:
    return b"".join(packed(2, frame) for frame in frames) + bytes([last])


_PUT = transfer.Request(transfer.Op.PUT, (7 << 32) + 1, _KEY, 3).encode()
_GET = transfer.Request(transfer.Op.GET, 0, _KEY).encode()
_READ = package_stream.Request(package_stream.Op.READ, "pkg:/b/f", 3, 99).encode()
_LIST = package_stream.Request(package_stream.Op.LIST, "pkg:/b").encode()
_ENTRIES = package_stream.encode_entries(
    [package_stream.Entry(Kind.FILE, "f", 9), package_stream.Entry(Kind.FOLDER, "d")]
)
_QUERY = log.Query(0, 9).encode()
_RECORD = log.Record(1, 1, log.Level.INFO, 0, "s", "m", "")
_REPLY = log.Reply(log.Op.QUERY, log.Status.OK, total=2, records=(_RECORD,)).encode()

TARGETS: tuple[Target, ...] = (
    Target(
        "state-transfer",
        _run_transfer,
        (
            _script(_PUT, b"abc", last=6) + _script(_PUT) + _script(_GET),
            _script(_PUT, b"abcd"),
            _script(_PUT[:9], _PUT[9:], b"ab", last=7),
        ),
    ),
    Target(
        "package-read",
        _run_read,
        (
            _script(_READ),
            _script(_LIST),
            _script(_READ[:9], _READ[9:], last=6),
            _script(_READ, b"x"),
        ),
    ),
    Target("package-list", _run_entries, (_ENTRIES,)),
    Target("node-log", _run_log, (packed(1, b"text") * 12 + packed(2, _QUERY),)),
    Target("log-reader", _run_log_reader, (_script(_REPLY, _REPLY),)),
)
