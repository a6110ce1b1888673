"""Calls and answers as messages of the schema, encoding 2: docs/spec/rpc.md.

    0   4  0, segments less one            0   4  0
    4   4  words of the segment            4   4  words of the segment
    8   8  pointer to `Call`               8   8  pointer to `Answer`
    16  8  correlation, below 2^32         16  8  correlation of the call
    24  4  deadline, ms, 1..60000          24  2  0 results, 1 refusal
    28  4  epoch                           26  2  refusal
    32  1  service                         28  4  0
    34  2  method                          32  8  pointer to the results
    40  8  pointer to the parameters       40  .. the results
    48  .. the parameters

What is written looks so; what is read may look otherwise and say the same.  All little-endian.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct as Layout
from typing import Any, Final

from nexus.contract import rpc as contract
from nexus.contract.message import Limits, MalformedMessage, NoRoom, Reader, Struct, Unread
from nexus.contract.message_writer import encode
from nexus.wire.error import LocalProtocolError, Reason, RemoteProtocolError
from nexus.wire.gateway import DEADLINE_MS_MAX, Request, Status
from nexus.wire.method_frames import method_of, request_frame
from nexus.wire.methods import Method

LIMITS: Final = Limits(
    contract.MESSAGE_WORDS_MAX, contract.TRAVERSAL_WORDS_MAX, contract.NESTING_MAX
)
HEAD_BYTES: Final = contract.MESSAGE_HEAD_BYTES
MESSAGE_BYTES_MAX: Final = HEAD_BYTES + 8 * contract.MESSAGE_WORDS_MAX
STREAM: Final = contract.STREAM
STREAM_PREFIX: Final = contract.STREAM_PREFIX
STREAM_PRIORITY: Final = contract.STREAM_PRIORITY

Mode = contract.Mode

NUMBER_BITS: Final = 32
NUMBER_MAX: Final = (1 << NUMBER_BITS) - 1

_CALL_ROOT: Final = 3 << 32 | 1 << 48
_ANSWER_ROOT: Final = 2 << 32 | 1 << 48
# Table, root pointer, fields.  What follows is the segment of the parameters or results: pointers
# count from where they stand, so its own root is the pointer that belongs there.
_CALL: Final = Layout("<IIQQIIBxHI")
_ANSWER: Final = Layout("<IIQQHHI")
_CALL_WORDS: Final = _CALL.size // 8 - 1
_ANSWER_WORDS: Final = _ANSWER.size // 8 - 1
_CALL_DATA_WORDS: Final = 3
_CALL_PARAMS_AT: Final = 4
_STATUSES: Final = tuple(Status)
_RESULTS: Final = 0
_REFUSAL: Final = 1


@dataclass(frozen=True, slots=True)
class Read:
    """A call as it was read: what it is about, and the request that it stands for if it is one.

    `reason` says why there is no request: OVERSIZED, or anything else that is wrong with it.
    """

    request: Request | None = None
    reason: Reason | None = None
    service: int | None = None
    method: Method | None = None
    correlation: int = 0


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer: results, which are to be read as those of the method, or a refusal."""

    correlation: int
    status: Status
    results: Unread
    reader: Reader


def message_length(head: bytes | bytearray) -> int:
    """Return how long the message is that begins with these 8 bytes.

    Raises:
        RemoteProtocolError: OVERSIZED, or another reason: there is no next message.
    """
    words = int.from_bytes(head[4:8], "little")
    if head[:4] != bytes(4) or not words:
        raise RemoteProtocolError(Reason.OUT_OF_RANGE, "no table of one segment")
    if words > contract.MESSAGE_WORDS_MAX:
        raise RemoteProtocolError(Reason.OVERSIZED, f"{words} words")
    return HEAD_BYTES + 8 * words


def encode_call(method: Method, name: int, deadline_ms: int, params: Struct) -> bytes:
    """Return the message of a call.

    Args:
        method: What is called.
        name: The epoch in the upper half, the number of the call in the lower.
        deadline_ms: Milliseconds from receipt.
        params: The method's.

    Raises:
        LocalProtocolError: what no message can say.
    """
    if not 1 <= deadline_ms <= DEADLINE_MS_MAX:
        raise LocalProtocolError(Reason.OUT_OF_RANGE, f"deadline of {deadline_ms} ms")
    segment = _segment(params, _CALL_WORDS)
    return (
        _CALL.pack(
            *(0, _CALL_WORDS + len(segment) // 8, _CALL_ROOT),
            *(name & NUMBER_MAX, deadline_ms, name >> NUMBER_BITS),
            *(method.service, method.number, 0),
        )
        + segment
    )


def read_call(message: bytes) -> Read:
    """Read a call, as far as it can be read; whatever it is, it has an answer."""
    correlation = correlation_of(message)
    service = method = None
    try:
        reader = Reader(message, LIMITS)
        correlation, deadline_ms, epoch, service, number, params = _call_fields(message, reader)
        method = method_of(service, number)
        if correlation > NUMBER_MAX or not 1 <= deadline_ms <= DEADLINE_MS_MAX:
            return Read(None, Reason.OUT_OF_RANGE, service, method, correlation)
        payload = b""
        if method is not None:
            payload = request_frame(method, reader.read(method.params, params))
    except MalformedMessage:
        return Read(None, Reason.TRUNCATED, service, method, correlation)
    except LocalProtocolError as exc:
        return Read(None, exc.reason, service, method, correlation)
    name = epoch << NUMBER_BITS | correlation
    return Read(Request(service, name, deadline_ms, payload), None, service, method, correlation)


def correlation_of(message: bytes) -> int:
    """Return the id to answer what cannot be read: the first word of its struct, else 0."""
    if len(message) < 3 * 8:
        return 0
    pointer = int.from_bytes(message[8:16], "little")
    if pointer & 3 or not pointer >> 32 & 0xFFFF:
        return 0
    offset = (pointer & 0xFFFF_FFFF) >> 2
    at = 16 + 8 * (offset - (1 << 30) if offset >> 29 else offset)
    return int.from_bytes(message[at : at + 8], "little") if 8 <= at <= len(message) - 8 else 0


def encode_results(correlation: int, results: Struct) -> bytes:
    """Return the message of an answer with results.

    Raises:
        LocalProtocolError: they are longer than a message may be.
    """
    segment = _segment(results, _ANSWER_WORDS)
    words = _ANSWER_WORDS + len(segment) // 8
    return _ANSWER.pack(0, words, _ANSWER_ROOT, correlation, _RESULTS, 0, 0) + segment


def encode_refusal(correlation: int, status: Status) -> bytes:
    """Return the message of an answer without results."""
    ordinal = _STATUSES.index(status)
    head = _ANSWER.pack(0, _ANSWER_WORDS + 1, _ANSWER_ROOT, correlation, _REFUSAL, ordinal, 0)
    return head + bytes(8)


def read_answer(message: bytes) -> Answered:
    """Read an answer; its results are read with `read_results`.

    Raises:
        RemoteProtocolError: it is none.
    """
    try:
        reader = Reader(message, LIMITS)
        answer = reader.root(contract.Answer)
    except MalformedMessage as exc:
        raise RemoteProtocolError(Reason.TRUNCATED, str(exc)) from exc
    if answer.which == "results":
        return Answered(answer.correlation, Status.OK, answer.results, reader)
    if answer.refusal is None or answer.refusal is Status.OK:
        raise RemoteProtocolError(Reason.UNKNOWN_STATUS, f"{answer.refusal}")
    return Answered(answer.correlation, answer.refusal, Unread(), reader)


def read_results(method: Method, answered: Answered) -> Any:
    """Read the results of an answer to this method.

    Raises:
        RemoteProtocolError: they are not this method's.
    """
    try:
        results: Any = answered.reader.read(method.results, answered.results)
    except MalformedMessage as exc:
        raise RemoteProtocolError(Reason.TRUNCATED, str(exc)) from exc
    if results.status is None:
        raise RemoteProtocolError(Reason.UNKNOWN_STATUS, "of a later version")
    return results


def _segment(value: Struct, words_before: int) -> bytes:
    limits = Limits(LIMITS.words - words_before, LIMITS.traversal, LIMITS.nesting)
    try:
        return encode(value, limits)[HEAD_BYTES:]
    except NoRoom as exc:
        raise LocalProtocolError(Reason.OVERSIZED, str(exc)) from exc


def _call_fields(message: bytes, reader: Reader) -> tuple[int, int, int, int, int, Unread]:
    call = reader.root(contract.Call)
    return (
        *(call.correlation, call.deadline_ms, call.epoch),
        *(call.service, call.method, call.params),
    )
