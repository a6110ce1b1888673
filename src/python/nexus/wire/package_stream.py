"""`PR` v1: the heads on a stream that reads a range of a package file.  All little-endian.

    request, 24 + n                             reply, 32
    0   2  'PR'                                 0   2  'PR'
    2   1  version = 1                          2   1  version = 1
    3   1  op: 1 read, 2 list                   3   1  op, with the bit of replies
    4   2  n, the path's length                 4   1  status, of `PK`
    6   2  0                                    5   1  kind: 0 file, 1 folder
    8   8  offset; of a list 0                  6   2  0
    16  8  length; of a list 0                  8   8  size of the file; else 0
    24  n  the path                             16  8  state: names what is served; else 0
                                                24  8  how many bytes follow; 0 unless ok

The bytes follow on the stream without a frame.  Those of a list are entries, one behind the other:

    0   1  kind, as above
    1   1  0
    2   2  n, the name's length
    4   8  size; of a folder 0
    12  n  the name, which has no slash

The server judges what a path may look like, since its refusal has a status.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from nexus.contract import packagefs as contract
from nexus.wire.error import LocalProtocolError, Reason, RemoteProtocolError
from nexus.wire.octets import REPLY_BIT, FrameReader, FrameWriter, check_length, open_frame
from nexus.wire.packagefs import PATH_BYTES_MAX, Kind, Status

STREAM: Final = contract.STREAM_NAME
PRIORITY: Final = contract.STREAM_PRIORITY

MAGIC: Final = contract.STREAM_MAGIC
VERSIONS: Final = tuple(range(1, contract.STREAM_VERSION_MAX + 1))
HEAD_BYTES: Final = contract.STREAM_HEAD_BYTES
REPLY_BYTES: Final = contract.STREAM_REPLY_BYTES
# One request asks for no more: what a reader holds, and how long it holds the stream.
LENGTH_MAX: Final = contract.STREAM_LENGTH_MAX
NAME_BYTES_MAX: Final = contract.STREAM_NAME_BYTES_MAX

Op = contract.StreamOp


@dataclass(frozen=True, slots=True)
class Head:
    """The fixed part of a request: all that is needed to say whether the path is awaited."""

    op: Op
    path_bytes: int
    offset: int = 0
    length: int = 0

    def encode(self) -> bytes:
        """Return the bytes before the path."""
        flaw = _flaw_of_head(self)
        if flaw:
            raise LocalProtocolError(Reason.OUT_OF_RANGE, flaw)
        out = FrameWriter(HEAD_BYTES).put(MAGIC).u8(VERSIONS[0]).u8(self.op)
        return out.u16(self.path_bytes).u16(0).u64(self.offset).u64(self.length).finish()


@dataclass(frozen=True, slots=True)
class Request:
    """A whole request: the head and the path."""

    op: Op
    path: str
    offset: int = 0
    length: int = 0

    def encode(self) -> bytes:
        """Return head and path."""
        path = check_length(self.path.encode(), 0, PATH_BYTES_MAX, Reason.NAME_LENGTH)
        return Head(self.op, len(path), self.offset, self.length).encode() + path


@dataclass(frozen=True, slots=True)
class Reply:
    """The head of an answer: status, kind and size, and how many bytes follow."""

    op: Op
    status: Status
    kind: Kind = Kind.FILE
    size: int = 0
    state: int = 0
    length: int = 0

    def encode(self) -> bytes:
        """Return the head of the reply."""
        flaw = _flaw_of_reply(self)
        if flaw:
            raise LocalProtocolError(Reason.OUT_OF_RANGE, flaw)
        out = FrameWriter(REPLY_BYTES).put(MAGIC).u8(VERSIONS[0]).u8(self.op | REPLY_BIT)
        out.u8(self.status).u8(self.kind).u16(0)
        return out.u64(self.size).u64(self.state).u64(self.length).finish()


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or folder of a list."""

    kind: Kind
    name: str
    size: int = 0


def decode_head(data: bytes) -> Head:
    """Read the fixed part of a request."""
    reader, _ = open_frame(data, MAGIC, VERSIONS)
    head = _read_head(reader)
    reader.end()
    return head


def decode_request(data: bytes) -> Request:
    """Read a whole request."""
    reader, _ = open_frame(data, MAGIC, VERSIONS)
    head = _read_head(reader)
    if head.path_bytes > PATH_BYTES_MAX:
        raise RemoteProtocolError(
            Reason.NAME_LENGTH, f"path of {head.path_bytes} bytes; at most {PATH_BYTES_MAX}"
        )
    path = reader.text(head.path_bytes)
    reader.end()
    return Request(head.op, path, head.offset, head.length)


def decode_reply(data: bytes) -> Reply:
    """Read the head of a reply."""
    reader, _ = open_frame(data, MAGIC, VERSIONS)
    op = reader.reply_op(Op)
    status = reader.choice(Status, Reason.UNKNOWN_STATUS)
    kind = reader.choice(Kind, Reason.OUT_OF_RANGE)
    reader.zeros(2)
    reply = Reply(op, status, kind, reader.u64(), reader.u64(), reader.u64())
    reader.end()
    flaw = _flaw_of_reply(reply)
    if flaw:
        raise RemoteProtocolError(Reason.OUT_OF_RANGE, flaw)
    return reply


def encode_entries(entries: Iterable[Entry]) -> bytes:
    """Return the bytes of a list."""
    out = FrameWriter(LENGTH_MAX)
    for entry in entries:
        name = check_length(entry.name.encode(), 1, NAME_BYTES_MAX, Reason.NAME_LENGTH)
        out.u8(entry.kind).u8(0).u16(len(name)).u64(entry.size).put(name)
    return out.finish()


def decode_entries(data: bytes) -> Iterator[Entry]:
    """Read a list."""
    reader = FrameReader(data)
    while reader.remaining:
        kind = reader.choice(Kind, Reason.OUT_OF_RANGE)
        reader.zeros(1)
        length, size = reader.u16(), reader.u64()
        if not 1 <= length <= NAME_BYTES_MAX:
            raise RemoteProtocolError(
                Reason.NAME_LENGTH, f"{length} bytes; expected 1..{NAME_BYTES_MAX}"
            )
        if kind is Kind.FOLDER and size:
            raise RemoteProtocolError(Reason.OUT_OF_RANGE, f"a folder of {size} bytes; expected 0")
        yield Entry(kind, reader.text(length), size)


def _read_head(reader: FrameReader) -> Head:
    op = reader.choice(Op, Reason.UNSUPPORTED_OPERATION)
    path_bytes = reader.u16()
    reader.zeros(2)
    head = Head(op, path_bytes, reader.u64(), reader.u64())
    flaw = _flaw_of_head(head)
    if flaw:
        raise RemoteProtocolError(Reason.OUT_OF_RANGE, flaw)
    return head


def _flaw_of_head(head: Head) -> str | None:
    if head.op is Op.LIST and (head.offset or head.length):
        return f"a list with {head.offset} and {head.length}"
    if head.length > LENGTH_MAX:
        return f"a length of {head.length}; expected up to {LENGTH_MAX}"
    return None


def _flaw_of_reply(reply: Reply) -> str | None:
    """Say what of a reply contradicts the rest of it."""
    if reply.length > LENGTH_MAX:
        return f"a length of {reply.length}; expected up to {LENGTH_MAX}"
    if reply.status is not Status.OK and (reply.kind, reply.size, reply.state, reply.length) != (
        Kind.FILE,
        0,
        0,
        0,
    ):
        return f"{reply.status.name} with {reply.kind.name}, {reply.size} and {reply.length}"
    is_list = reply.op is Op.LIST
    if reply.status is Status.OK and is_list and (reply.kind is Kind.FILE or reply.size):
        return "a list of a file"
    if not is_list and reply.kind is Kind.FOLDER and (reply.size or reply.length):
        return f"a folder of {reply.size} bytes, {reply.length} of which follow"
    if not is_list and reply.length > reply.size:
        return f"{reply.length} bytes of a file of {reply.size}"
    return None
