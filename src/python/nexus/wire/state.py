"""`SF` v1 and v2: the state store's frames, `['S','F',version,op]`, little-endian.

Version 2 puts a nonce u64 behind the header of a request and behind the status of a reply.

    op           request tail                             reply tail
    1 put        key_len u16, value_len u32, key, value   -
    2 get        key_len u16, key                         value_len u32, value
    3 delete     key_len u16, key                         -
    4 list       prefix_len u16, limit u16, prefix        count u16, (len u16, key) x count
                 [, after_len u16, after]
    5 sync       -                                        -
    6 reopen     -                                        -
    7 txn-begin  -                                        txn u64
    8 txn-put    txn u64, key_len u16, chunk_len u32,     -
                 key, chunk
    9 txn-commit, 10 txn-abort: txn u64                   -
    11 read      key_len u16, offset u32, length u16,     total u32, version u64,
                 key                                      count u16, bytes

Lengths and UTF-8 are checked here, paths are not: the server judges those.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from nexus.contract import state as contract
from nexus.wire.error import Reason, RemoteProtocolError
from nexus.wire.octets import REPLY_BIT, FrameReader, FrameWriter, check_length, open_frame

MAGIC: Final = contract.MAGIC
VERSIONS: Final = tuple(range(1, contract.VERSION_MAX + 1))
KEY_BYTES_MAX: Final = contract.KEY_BYTES_MAX
VALUE_BYTES_MAX: Final = contract.VALUE_BYTES_MAX
CHUNK_BYTES_MAX: Final = contract.CHUNK_BYTES_MAX
LIST_MAX: Final = contract.LIST_MAX
_FRAME_BYTES_MAX: Final = 12 + 8 + 6 + KEY_BYTES_MAX + VALUE_BYTES_MAX  # A put.

Op = contract.Op

Status = contract.Status


@dataclass(frozen=True, slots=True)
class Request:
    """One request; the fields its operation does not have stay as they are here.

    `key` is the prefix of a list, which begins behind `after` if that is not empty.
    """

    op: Op
    key: str = ""
    value: bytes = b""
    limit: int = 0
    txn: int = 0
    nonce: int | None = None
    offset: int = 0
    length: int = 0
    after: str = ""

    def encode(self) -> bytes:
        """Return the frame."""
        out = _start(self.op, self.nonce)
        key = check_length(self.key.encode(), 0, KEY_BYTES_MAX, Reason.OVERSIZED)
        if self.op in (Op.TXN_PUT, Op.TXN_COMMIT, Op.TXN_ABORT):
            out.u64(self.txn)
        if self.op in (Op.PUT, Op.TXN_PUT):
            most = VALUE_BYTES_MAX if self.op is Op.PUT else CHUNK_BYTES_MAX
            check_length(self.value, 0, most, Reason.OVERSIZED)
            out.u16(len(key)).u32(len(self.value)).put(key).put(self.value)
        elif self.op in (Op.GET, Op.DELETE):
            out.u16(len(key)).put(key)
        elif self.op is Op.LIST:
            out.u16(len(key)).u16(self.limit).put(key)
            after = check_length(self.after.encode(), 0, KEY_BYTES_MAX, Reason.OVERSIZED)
            if after:
                out.u16(len(after)).put(after)
        elif self.op is Op.READ:
            out.u16(len(key)).u32(self.offset).u16(self.length).put(key)
        return out.finish()


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply; `keys` belong to a list, `txn` to a begin, `value` to a get.

    Of a read, `value` is a piece of what has `total` bytes in all and is of this `version`.

    A bare one has no tail, whatever its operation: the refusal of a node that could not read
    the request or did not forward it.  It is always of version 1.
    """

    op: Op
    status: Status
    value: bytes = b""
    keys: tuple[str, ...] = ()
    txn: int = 0
    nonce: int | None = None
    is_bare: bool = False
    total: int = 0
    version: int = 0

    def encode(self) -> bytes:
        """Return the frame."""
        out = FrameWriter(_FRAME_BYTES_MAX)
        out.put(MAGIC).u8(1 if self.nonce is None else 2).u8(self.op | REPLY_BIT).u8(self.status)
        if self.nonce is not None:
            out.u64(self.nonce)
        if self.is_bare:
            return out.finish()
        if self.op is Op.GET:
            out.u32(len(self.value)).put(self.value)
        elif self.op is Op.LIST:
            out.u16(len(self.keys))
            for key in self.keys:
                data = key.encode()
                out.u16(len(data)).put(data)
        elif self.op is Op.TXN_BEGIN:
            out.u64(self.txn)
        elif self.op is Op.READ:
            out.u32(self.total).u64(self.version).u16(len(self.value)).put(self.value)
        return out.finish()


class RequestError(RemoteProtocolError):
    """A frame that is not a request, with the status and operation of its refusal."""

    def __init__(self, status: Status, op: Op, reason: Reason, detail: str = "") -> None:
        """Keep the answer to the peer besides the reason."""
        self.status = status
        self.op = op
        super().__init__(reason, detail)


def decode_request(frame: bytes) -> Request:
    """Read a request.  Raises RequestError."""
    op = op_of(frame)
    try:
        reader, version = open_frame(frame, MAGIC, VERSIONS)
        found = reader.choice(Op, Reason.UNSUPPORTED_OPERATION)
        nonce = reader.u64() if version == 2 else None
        request = _read_request(reader, found, nonce)
        reader.end()
    except RequestError:
        raise
    except RemoteProtocolError as exc:
        unsupported = (Reason.UNSUPPORTED_OPERATION, Reason.UNSUPPORTED_VERSION)
        status = Status.UNSUPPORTED if exc.reason in unsupported else Status.MALFORMED
        raise RequestError(status, op, exc.reason, exc.detail) from exc
    return request


def op_of(frame: bytes) -> Op:
    """Return the operation that a refusal names: SYNC if the operation cannot be read."""
    is_readable = len(frame) >= 4 and frame[:2] == MAGIC and frame[2] in VERSIONS
    if not is_readable or frame[3] not in list(Op):
        return Op.SYNC
    return Op(frame[3])


def decode_reply(frame: bytes) -> Reply:
    """Read a reply.  Raises RemoteProtocolError."""
    reader, version = open_frame(frame, MAGIC, VERSIONS)
    op = reader.reply_op(Op)
    status = reader.choice(Status, Reason.UNKNOWN_STATUS)
    nonce = reader.u64() if version == 2 else None
    if version == 1 and status is not Status.OK and not reader.remaining:
        has_tail = op in (Op.GET, Op.LIST, Op.TXN_BEGIN, Op.READ)
        return Reply(op, status, is_bare=has_tail)
    reply = _read_reply(reader, op, status, nonce)
    reader.end()
    return reply


def _read_request(reader: FrameReader, op: Op, nonce: int | None) -> Request:
    has_txn = op in (Op.TXN_PUT, Op.TXN_COMMIT, Op.TXN_ABORT)
    txn = reader.u64() if has_txn else 0
    if op in (Op.PUT, Op.TXN_PUT):
        most = VALUE_BYTES_MAX if op is Op.PUT else CHUNK_BYTES_MAX
        key_len, value_len = _key_length(reader, op), reader.u32()
        if value_len > most:
            raise RequestError(
                Status.VALUE_TOO_LARGE,
                op,
                Reason.OVERSIZED,
                f"value of {value_len} bytes; at most {most}",
            )
        return Request(op, reader.text(key_len), reader.take(value_len), 0, txn, nonce)
    if op in (Op.GET, Op.DELETE):
        return Request(op, reader.text(_key_length(reader, op)), nonce=nonce)
    if op is Op.LIST:
        key_len, limit = reader.u16(), reader.u16()
        if key_len > KEY_BYTES_MAX:
            raise RequestError(
                Status.KEY_TOO_LONG,
                op,
                Reason.OVERSIZED,
                f"prefix of {key_len} bytes; at most {KEY_BYTES_MAX}",
            )
        prefix = reader.text(key_len)
        after = reader.text(_key_length(reader, op)) if reader.remaining else ""
        return Request(op, prefix, limit=limit, nonce=nonce, after=after)
    if op is Op.READ:
        key_len, offset, length = _key_length(reader, op), reader.u32(), reader.u16()
        text = reader.text(key_len)
        return Request(op, text, nonce=nonce, offset=offset, length=length)
    return Request(op, txn=txn, nonce=nonce)


def _key_length(reader: FrameReader, op: Op) -> int:
    length = reader.u16()
    if length == 0:
        raise RequestError(Status.MALFORMED, op, Reason.NAME_LENGTH, "empty key")
    if length > KEY_BYTES_MAX:
        raise RequestError(
            Status.KEY_TOO_LONG,
            op,
            Reason.OVERSIZED,
            f"key of {length} bytes; at most {KEY_BYTES_MAX}",
        )
    return length


def _read_reply(reader: FrameReader, op: Op, status: Status, nonce: int | None) -> Reply:
    if op is Op.GET:
        return Reply(op, status, reader.take(reader.u32()), nonce=nonce)
    if op is Op.LIST:
        keys = tuple(reader.text(reader.u16()) for _ in range(reader.u16()))
        return Reply(op, status, keys=keys, nonce=nonce)
    if op is Op.READ:
        total, version = reader.u32(), reader.u64()
        piece = reader.take(reader.u16())
        return Reply(op, status, piece, nonce=nonce, total=total, version=version)
    return Reply(op, status, txn=reader.u64() if op is Op.TXN_BEGIN else 0, nonce=nonce)


def _start(op: Op, nonce: int | None) -> FrameWriter:
    out = FrameWriter(_FRAME_BYTES_MAX)
    out.put(MAGIC).u8(1 if nonce is None else 2).u8(op)
    if nonce is not None:
        out.u64(nonce)
    return out
