"""Replies whose refusal has a form of its own, and the status of each malformed request."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nexus.wire.state import (
    Op,
    Reply,
    Request,
    RequestError,
    Status,
    decode_reply,
    decode_request,
)

VECTORS: dict[str, str] = json.loads(
    (Path(__file__).parents[4] / "third_party/vectors/frames.json").read_text()
)


def test_a_get_that_finds_nothing_keeps_its_shape() -> None:
    frame = bytes.fromhex(VECTORS["sf1_get_rsp_not_found"])
    reply = Reply(Op.GET, Status.NOT_FOUND)
    assert reply.encode() == frame
    assert decode_reply(frame) == reply


@pytest.mark.parametrize("op", [Op.GET, Op.LIST, Op.TXN_BEGIN, Op.READ])
def test_a_bare_refusal_has_five_bytes(op: Op) -> None:
    bare = Reply(op, Status.ACCESS_DENIED, is_bare=True)
    assert bare.encode() == b"SF\1" + bytes([op | 0x80, 2])
    assert decode_reply(bare.encode()) == bare


@pytest.mark.parametrize(
    ("frame", "status", "op"),
    [
        (b"", Status.MALFORMED, Op.SYNC),
        (b"SF\1", Status.MALFORMED, Op.SYNC),
        (b"XF\1\1", Status.MALFORMED, Op.SYNC),
        (b"SF\3\1", Status.UNSUPPORTED, Op.SYNC),
        (b"SF\1\x0c", Status.UNSUPPORTED, Op.SYNC),
        (b"SF\1\x0b", Status.MALFORMED, Op.READ),
        (b"SF\1\2", Status.MALFORMED, Op.GET),
        (b"SF\1\2\0\0", Status.MALFORMED, Op.GET),
        (b"SF\1\2\0\1" + bytes(256), Status.KEY_TOO_LONG, Op.GET),
        (b"SF\1\2\1\0\xff", Status.MALFORMED, Op.GET),
        (b"SF\1\1\1\0\1\0\1\0k", Status.VALUE_TOO_LARGE, Op.PUT),
        (b"SF\1\4\0\1\1\0" + bytes(256), Status.KEY_TOO_LONG, Op.LIST),
        (b"SF\1\4\1\0\1\0k\0", Status.MALFORMED, Op.LIST),
        (b"SF\1\4\1\0\1\0k\0\0", Status.MALFORMED, Op.LIST),
        (b"SF\1\4\1\0\1\0k\1\0", Status.MALFORMED, Op.LIST),
        (b"SF\1\4\1\0\1\0k\1\0\xff", Status.MALFORMED, Op.LIST),
        (b"SF\1\4\1\0\1\0k\1\0kk", Status.MALFORMED, Op.LIST),
        (b"SF\1\4\1\0\1\0k\0\1" + bytes(256), Status.KEY_TOO_LONG, Op.LIST),
        (b"SF\1\5\0", Status.MALFORMED, Op.SYNC),
        (b"SF\1\6\0", Status.MALFORMED, Op.REOPEN),
        (b"SF\2\5", Status.MALFORMED, Op.SYNC),
        (b"SF\1\x08" + bytes(8) + b"\1\0\1\x20\0\0k", Status.VALUE_TOO_LARGE, Op.TXN_PUT),
    ],
)
def test_the_status_of_what_is_no_request(frame: bytes, status: Status, op: Op) -> None:
    with pytest.raises(RequestError) as caught:
        decode_request(frame)
    assert (caught.value.status, caught.value.op) == (status, op)


def test_every_truncation_of_every_request_has_a_status() -> None:
    for request in (
        Request(Op.PUT, "/state/a", b"1", nonce=1),
        Request(Op.LIST, "/state/", limit=3),
        Request(Op.TXN_PUT, "k", b"x", txn=1),
        Request(Op.READ, "k", offset=1, length=2),
    ):
        frame = request.encode()
        for length in range(len(frame)):
            with pytest.raises(RequestError) as caught:
                decode_request(frame[:length])
            assert caught.value.status is Status.MALFORMED


def test_a_list_that_goes_on_behind_a_key() -> None:
    request = Request(Op.LIST, "/state/", limit=3, after="/state/b")
    frame = b"SF\1\4\7\0\3\0/state/\x08\0/state/b"
    assert request.encode() == frame
    assert decode_request(frame) == request
    # Without what it begins behind it is the frame that it always was.
    whole = len(Request(Op.LIST, "/state/", limit=3).encode())
    for length in (*range(whole), *range(whole + 1, len(frame))):
        with pytest.raises(RequestError) as caught:
            decode_request(frame[:length])
        assert caught.value.status is Status.MALFORMED
