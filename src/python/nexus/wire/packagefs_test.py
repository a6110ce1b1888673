"""The peculiarities of `PK`: lengths at their edges, reasons, and replies of failed calls.

The frames themselves are played through by `frames_test`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.wire.error import LocalProtocolError, Reason, RemoteProtocolError
from nexus.wire.frame_cases import CASES
from nexus.wire.packagefs import (
    CloseReply,
    CloseRequest,
    Failure,
    Kind,
    Op,
    OpenReply,
    PathRequest,
    ReadReply,
    ReadRequest,
    Reply,
    Request,
    StatReply,
    Status,
    decode_reply,
    decode_request,
)

STAT = b"PK\x01\x01"
READ = b"PK\x01\x03"

# The first thing wrong, in the order of the contract, is the reason.
BAD_REQUESTS: list[tuple[bytes, Reason]] = [
    (b"", Reason.TRUNCATED),
    (b"XX\x01", Reason.TRUNCATED),
    (b"XX\x02\x09", Reason.BAD_MAGIC),
    (b"PK\x02\x09", Reason.UNSUPPORTED_VERSION),
    (b"PK\x01\x00", Reason.UNSUPPORTED_OPERATION),
    (b"PK\x01\x05", Reason.UNSUPPORTED_OPERATION),
    (b"PK\x01\x81", Reason.UNSUPPORTED_OPERATION),
    (STAT, Reason.TRUNCATED),
    (STAT + b"\0", Reason.TRUNCATED),
    (STAT + b"\0\0", Reason.NAME_LENGTH),
    (STAT + b"\0\0x", Reason.NAME_LENGTH),
    (STAT + b"\xc1\0", Reason.NAME_LENGTH),
    (STAT + b"\xff\xff", Reason.NAME_LENGTH),
    (STAT + b"\2\0x", Reason.TRUNCATED),
    (STAT + b"\1\0xx", Reason.TRAILING_BYTES),
    (STAT + b"\1\0\xff\xff", Reason.TRAILING_BYTES),
    (STAT + b"\2\0\xff\xff", Reason.UTF8),
    (READ + bytes(9), Reason.TRUNCATED),
    (READ + bytes(11), Reason.TRAILING_BYTES),
    (READ + bytes(8) + b"\0\0", Reason.OUT_OF_RANGE),
    (READ + bytes(8) + b"\x81\0", Reason.OUT_OF_RANGE),
    (b"PK\x01\x04" + bytes(3), Reason.TRUNCATED),
    (b"PK\x01\x04" + bytes(5), Reason.TRAILING_BYTES),
]


@pytest.mark.parametrize(("frame", "reason"), BAD_REQUESTS)
def test_a_bad_request_has_its_reason(frame: bytes, reason: Reason) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        decode_request(frame)
    assert caught.value.reason is reason


EDGES: list[Request] = [
    PathRequest(Op.STAT, "x"),
    PathRequest(Op.OPEN, "p" * 192),
    PathRequest(Op.OPEN, "é" * 96),
    ReadRequest(0, 0, 1),
    ReadRequest((1 << 32) - 1, (1 << 32) - 1, 128),
    CloseRequest((1 << 32) - 1),
]


@pytest.mark.parametrize("request_", EDGES)
def test_the_edges_are_inside(request_: Request) -> None:
    assert decode_request(request_.encode()) == request_


FAILED: list[tuple[Reply, str]] = [
    (StatReply(Status.NOT_FOUND), "504b018105" + "00" * 10),
    (OpenReply(Status.LIMIT), "504b01820800000000"),
    (ReadReply(Status.BADF), "504b0183060000"),
    (CloseReply(Status.BADF), "504b018406"),
    (Failure(Op.OPEN, Status.BAD_REQUEST), "504b018201"),
]


@pytest.mark.parametrize(("reply", "frame"), FAILED)
def test_a_call_that_failed_keeps_its_replys_shape(reply: Reply, frame: str) -> None:
    assert reply.encode().hex() == frame
    assert decode_reply(bytes.fromhex(frame)) == reply
    for length in range(5):
        with pytest.raises(RemoteProtocolError):
            decode_reply(bytes.fromhex(frame)[:length])
    with pytest.raises(RemoteProtocolError):
        decode_reply(bytes.fromhex(frame) + b"\0")


BAD_REPLIES: list[tuple[str, Reason]] = [
    ("504b0101", Reason.UNSUPPORTED_OPERATION),
    ("504b018500", Reason.UNSUPPORTED_OPERATION),
    ("504b01810a", Reason.UNKNOWN_STATUS),
    ("504b018100", Reason.TRUNCATED),
    ("504b018100" + "00" * 8 + "0200", Reason.UNKNOWN_TYPE),
    ("504b018105" + "01" + "00" * 9, Reason.RESERVED_NOT_ZERO),
    ("504b01820000000000", Reason.OUT_OF_RANGE),
    ("504b01820801000000", Reason.RESERVED_NOT_ZERO),
    ("504b01830601007a", Reason.RESERVED_NOT_ZERO),
    ("504b0183008100" + "00" * 129, Reason.OVERSIZED),
]


@pytest.mark.parametrize(("frame", "reason"), BAD_REPLIES)
def test_a_bad_reply_has_its_reason(frame: str, reason: Reason) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        decode_reply(bytes.fromhex(frame))
    assert caught.value.reason is reason


LOCAL: list[tuple[Callable[[], bytes], Reason]] = [
    (lambda: PathRequest(Op.STAT, "").encode(), Reason.NAME_LENGTH),
    (lambda: PathRequest(Op.STAT, "p" * 193).encode(), Reason.NAME_LENGTH),
    (lambda: PathRequest(Op.READ, "p").encode(), Reason.UNSUPPORTED_OPERATION),
    (lambda: ReadRequest(1, 0, 0).encode(), Reason.OUT_OF_RANGE),
    (lambda: ReadRequest(1, 0, 129).encode(), Reason.OUT_OF_RANGE),
    (lambda: ReadRequest(1, 1 << 32, 1).encode(), Reason.OUT_OF_RANGE),
    (lambda: CloseRequest(1 << 32).encode(), Reason.OUT_OF_RANGE),
    (lambda: Failure(Op.STAT, Status.OK).encode(), Reason.OUT_OF_RANGE),
    (lambda: StatReply(Status.IO, 1).encode(), Reason.OUT_OF_RANGE),
    (lambda: StatReply(Status.IO, 0, Kind.FOLDER).encode(), Reason.OUT_OF_RANGE),
    (lambda: ReadReply(Status.OK, bytes(129)).encode(), Reason.OVERSIZED),
]


@pytest.mark.parametrize(("encode", "reason"), LOCAL)
def test_what_the_protocol_cannot_say_is_not_sent(
    encode: Callable[[], bytes], reason: Reason
) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        encode()
    assert caught.value.reason is reason


@given(st.text(min_size=1, max_size=192).filter(lambda t: len(t.encode()) <= 192))
def test_any_text_travels_as_a_path(path: str) -> None:
    request = PathRequest(Op.OPEN, path)
    assert decode_request(request.encode()) == request


@given(st.integers(0, 255), st.binary(max_size=200))
def test_arbitrary_frames_raise_nothing_else(op: int, tail: bytes) -> None:
    for decode in (decode_request, decode_reply):
        with suppress(RemoteProtocolError):
            decode(b"PK\x01" + bytes([op]) + tail)


FRAMES = [case.value.encode() for case in CASES if case.name.startswith("pk-")]


@given(st.sampled_from(FRAMES), st.integers(0, 200), st.integers(0, 255))
def test_a_frame_with_another_octet_is_refused_or_says_that(
    frame: bytes, at: int, octet: int
) -> None:
    bent = bytearray(frame)
    bent[at % len(bent)] = octet
    for decode in (decode_request, decode_reply):
        with suppress(RemoteProtocolError):
            assert decode(bytes(bent)).encode() == bytes(bent)
