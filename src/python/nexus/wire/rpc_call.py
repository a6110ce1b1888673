"""Calls as messages: written by the caller, read by the gateway (docs/spec/rpc.md)."""

from __future__ import annotations

from struct import Struct as Layout
from typing import Final, NamedTuple

from nexus.contract import rpc as contract
from nexus.contract.message import MalformedMessage, Reader
from nexus.contract.message_layout import Struct
from nexus.wire.error import LocalProtocolError, Reason
from nexus.wire.flat import flat_of
from nexus.wire.gateway import DEADLINE_MS_MAX, Request
from nexus.wire.method_frames import method_of, request_frame
from nexus.wire.methods import Method
from nexus.wire.rpc import (
    LIMITS,
    MESSAGE_BYTES_MAX,
    NUMBER_BITS,
    NUMBER_MAX,
    correlation_of,
    segment_of,
)

# Table, root pointer, fields.  What follows is the segment of the parameters: pointers count from
# where they stand, so its own root is the pointer that belongs there.
_CALL: Final = Layout("<IIQQIIBxHI")
_ROOT: Final = 3 << 32 | 1 << 48
_WORDS: Final = _CALL.size // 8 - 1


class Read(NamedTuple):
    """A call as it was read: what it is about, and the request that it stands for if it is one.

    `reason` says why there is no request: OVERSIZED, or anything else that is wrong with it.
    """

    request: Request | None = None
    reason: Reason | None = None
    service: int | None = None
    method: Method | None = None
    correlation: int = 0


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
        raise LocalProtocolError(
            Reason.OUT_OF_RANGE, f"deadline of {deadline_ms} ms; expected 1..{DEADLINE_MS_MAX}"
        )
    segment = segment_of(params, _WORDS)
    return (
        _CALL.pack(
            0,
            _WORDS + len(segment) // 8,
            _ROOT,
            name & NUMBER_MAX,
            deadline_ms,
            name >> NUMBER_BITS,
            method.service,
            method.number,
            0,
        )
        + segment
    )


def read_call(message: bytes) -> Read:
    """Read a call, as far as it can be read; whatever it is, it has an answer."""
    length = len(message)
    if not _CALL.size < length <= MESSAGE_BYTES_MAX or length & 7:
        return _read_any_call(message)
    segments, words, root, correlation, deadline_ms, epoch, service, number, _ = _CALL.unpack_from(
        message
    )
    method = method_of(service, number)
    is_laid_out = root == _ROOT and not segments and words == (length >> 3) - 1
    if method is None or not is_laid_out or (flat := flat_of(method.params)) is None:
        return _read_any_call(message)
    params = flat.read(message, _CALL.size)
    if params is None:
        return _read_any_call(message)
    return _read(service, method, correlation, deadline_ms, epoch, params)


def _read_any_call(message: bytes) -> Read:
    """Read a call of any layout."""
    service = method = None
    correlation = correlation_of(message)
    try:
        reader = Reader(message, LIMITS)
        call = reader.root(contract.Call)
        correlation, service = call.correlation, call.service
        method, params = method_of(service, call.method), None
        if _is_in_range(correlation, call.deadline_ms) and method is not None:
            params = reader.read(method.params, call.params)
    except MalformedMessage:
        return Read(None, Reason.TRUNCATED, service, method, correlation)
    return _read(service, method, correlation, call.deadline_ms, call.epoch, params)


def _read(
    service: int,
    method: Method | None,
    correlation: int,
    deadline_ms: int,
    epoch: int,
    params: Struct | None,
) -> Read:
    if not _is_in_range(correlation, deadline_ms):
        return Read(None, Reason.OUT_OF_RANGE, service, method, correlation)
    payload = b""
    if method is not None and params is not None:
        try:
            payload = request_frame(method, params)
        except LocalProtocolError as exc:
            return Read(None, exc.reason, service, method, correlation)
    request = Request(service, epoch << NUMBER_BITS | correlation, deadline_ms, payload)
    return Read(request, None, service, method, correlation)


def _is_in_range(correlation: int, deadline_ms: int) -> bool:
    return correlation <= NUMBER_MAX and 1 <= deadline_ms <= DEADLINE_MS_MAX
