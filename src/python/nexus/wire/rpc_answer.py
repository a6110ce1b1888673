"""Answers as messages: written by the gateway, read by the caller (docs/spec/rpc.md)."""

from __future__ import annotations

from struct import Struct as Layout
from typing import Any, Final, NamedTuple  # Any: fields of generated kinds, known when it runs.

from nexus.contract import rpc as contract
from nexus.contract.message import MalformedMessage, Reader
from nexus.contract.message_layout import Struct
from nexus.wire.error import Reason, RemoteProtocolError
from nexus.wire.flat import flat_of
from nexus.wire.gateway import Status
from nexus.wire.method_frames import Spoken
from nexus.wire.method_replies import reply_frame
from nexus.wire.methods import METHODS, Method
from nexus.wire.methods import read_results as read_reply
from nexus.wire.rpc import LIMITS, MESSAGE_BYTES_MAX, segment_of

# As in a call: behind it stands the segment of the results.
_ANSWER: Final = Layout("<IIQQHHI")
_ROOT: Final = 2 << 32 | 1 << 48
_WORDS: Final = _ANSWER.size // 8 - 1
_STATUSES: Final = tuple(Status)
_RESULTS: Final = 0
_REFUSAL: Final = 1


class Answered(NamedTuple):
    """An answer: results, which are to be read as those of the method, or a refusal.

    `is_laid_out` says that these are results, and that the message looks as our writers make it.
    """

    correlation: int
    status: Status
    message: bytes
    is_laid_out: bool = False


def encode_results(correlation: int, results: Struct) -> bytes:
    """Return the message of an answer with results.

    Raises:
        LocalProtocolError: they are longer than a message may be.
    """
    return _with_results(correlation, segment_of(results, _WORDS))


def encode_reply(method: Method, correlation: int, reply: bytes) -> bytes:
    """Return the message of an answer with what a service's frame says.

    Raises:
        RemoteProtocolError: it is not a reply of the method.
        LocalProtocolError: its results are longer than a message may be.
    """
    segment = _STATUSES_ONLY[method.service, method.number].get(reply)
    if segment is None:
        return encode_results(correlation, read_reply(method, reply))
    return _with_results(correlation, segment)


def encode_refusal(correlation: int, status: Status) -> bytes:
    """Return the message of an answer without results."""
    ordinal = _STATUSES.index(status)
    head = _ANSWER.pack(0, _WORDS + 1, _ROOT, correlation, _REFUSAL, ordinal, 0)
    return head + bytes(8)


def read_answer(message: bytes) -> Answered:
    """Read an answer; its results are read with `read_results`.

    Raises:
        RemoteProtocolError: it is not an answer.
    """
    if _has_results(message):
        return Answered(int.from_bytes(message[16:24], "little"), Status.OK, message, True)
    try:
        answer = Reader(message, LIMITS).root(contract.Answer)
    except MalformedMessage as exc:
        raise RemoteProtocolError(Reason.TRUNCATED, str(exc)) from exc
    if answer.which == "results":
        return Answered(answer.correlation, Status.OK, message)
    if answer.refusal is None or answer.refusal is Status.OK:
        refusal = "OK" if answer.refusal is not None else "a status of a later version"
        raise RemoteProtocolError(Reason.UNKNOWN_STATUS, f"a refusal with {refusal}")
    return Answered(answer.correlation, answer.refusal, message)


def read_results(method: Method, answered: Answered) -> Any:
    """Read the results of an answer to this method.

    Raises:
        RemoteProtocolError: they are not this method's.
    """
    message, flat = answered.message, flat_of(method.results)
    results: Any = None
    if flat is not None and answered.is_laid_out:
        results = flat.read(message, _ANSWER.size)
    if results is None:
        try:
            reader = Reader(message, LIMITS)
            results = reader.read(method.results, reader.root(contract.Answer).results)
        except MalformedMessage as exc:
            raise RemoteProtocolError(Reason.TRUNCATED, str(exc)) from exc
    if results.status is None:
        raise RemoteProtocolError(Reason.UNKNOWN_STATUS, "a status of a later version")
    return results


def reply_of(spoken: Spoken, answered: Answered) -> bytes:
    """Return the frame of a service that an answer with results stands for.

    Raises:
        RemoteProtocolError, LocalProtocolError: no service answers so.
    """
    method, message = spoken.method, answered.message
    if spoken.nonce is None and answered.is_laid_out:
        frame = _REPLIES[method.service, method.number].get(message[_ANSWER.size :])
        if frame is not None:
            return frame
    return reply_frame(spoken, read_results(method, answered))


def _with_results(correlation: int, segment: bytes) -> bytes:
    words = _WORDS + len(segment) // 8
    return _ANSWER.pack(0, words, _ROOT, correlation, _RESULTS, 0, 0) + segment


def _has_results(message: bytes) -> bool:
    """Say whether this is an answer with results that looks as our writers make it.

    If not, it may be one all the same.
    """
    length = len(message)
    if not _ANSWER.size < length <= MESSAGE_BYTES_MAX or length & 7:
        return False
    segments, words, root, _, member, _, _ = _ANSWER.unpack_from(message)
    is_laid_out = root == _ROOT and not segments and words == (length >> 3) - 1
    return is_laid_out and member == _RESULTS


def _status_segments(method: Method) -> dict[bytes, bytes]:
    """Find the results of replies that are a status and no more, by their frames."""
    if [field.name for field in method.results.LAYOUT.fields] != ["status"]:
        return {}
    spoken = Spoken(method, method.params())
    every: list[Any] = [method.results(status) for status in type(method.results().status)]
    return {reply_frame(spoken, results): segment_of(results, _WORDS) for results in every}


# A gateway answers most changes, and every resolve, out of this; a caller of frames reads them so.
_STATUSES_ONLY: Final = {
    (method.service, method.number): _status_segments(method) for method in METHODS
}
_REPLIES: Final = {
    method: {segment: reply for reply, segment in segments.items()}
    for method, segments in _STATUSES_ONLY.items()
}
