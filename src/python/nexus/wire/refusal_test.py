"""The reason for which each malformed frame is refused, and what the encoders refuse to send."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from nexus.wire import announce, bundle, front, gateway, log, policy, samgr
from nexus.wire.bundle_image import ENTRIES_MAX, Entry, decode_image, encode_image
from nexus.wire.error import LocalProtocolError, Reason, RemoteProtocolError

KEY = b"\x11" * 32
NODE9 = announce.Announce("node9", 37020, KEY, ("samgrd",)).encode()


def replaced(frame: bytes, at: int, value: bytes) -> bytes:
    return frame[:at] + value + frame[at + len(value) :]


REQUEST = gateway.Request(1, 2, 1000, b"SM\x01\x06\x01x").encode()
RESPONSE = gateway.Response(gateway.Status.OK, 7, b"xy").encode()

REMOTE = [
    # An input shorter than the magic is truncated, not of another magic.
    (announce.decode_announce, b"", Reason.TRUNCATED),
    (announce.decode_announce, b"NXS", Reason.TRUNCATED),
    (announce.decode_announce, b"XXX", Reason.TRUNCATED),
    (announce.decode_announce, b"NXSC", Reason.BAD_MAGIC),
    (announce.decode_announce, replaced(NODE9, 4, b"\2"), Reason.UNSUPPORTED_VERSION),
    (announce.decode_announce, replaced(NODE9, 5, b"\0"), Reason.DEVICE_ID_LENGTH),
    (announce.decode_announce, replaced(NODE9, 5, b"\x41"), Reason.DEVICE_ID_LENGTH),
    (announce.decode_announce, replaced(NODE9, 6, b"\xff"), Reason.UTF8),
    (announce.decode_announce, replaced(NODE9, 45, b"\x11"), Reason.SERVICE_COUNT),
    (announce.decode_announce, replaced(NODE9, 46, b"\0"), Reason.SERVICE_NAME_LENGTH),
    (announce.decode_announce, replaced(NODE9, 46, b"\x41"), Reason.SERVICE_NAME_LENGTH),
    (announce.decode_announce, replaced(NODE9, 47, b"\xff"), Reason.UTF8),
    (announce.decode_announce, replaced(NODE9, 46, b"\7"), Reason.TRUNCATED),
    # The first thing wrong, in the order of the fields, is the reason.
    (announce.decode_announce, b"NXSB\2\0", Reason.UNSUPPORTED_VERSION),
    (samgr.decode_request, b"SM\2\6\1x", Reason.UNSUPPORTED_VERSION),
    (samgr.decode_request, b"SX\1\6\1x", Reason.BAD_MAGIC),
    (samgr.decode_request, b"SM\1\3", Reason.UNSUPPORTED_OPERATION),
    (samgr.decode_request, b"SM\1\6\0", Reason.NAME_LENGTH),
    (samgr.decode_request, b"SM\1\6\x31" + b"x" * 49, Reason.NAME_LENGTH),
    (samgr.decode_request, b"SM\1\6\1xy", Reason.TRAILING_BYTES),
    (samgr.decode_request, b"SM\1\4\0", Reason.TRAILING_BYTES),
    (samgr.decode_reply, b"SM\1\6" + bytes(9), Reason.UNSUPPORTED_OPERATION),
    (samgr.decode_reply, b"SM\1\x86\4" + bytes(8), Reason.UNKNOWN_STATUS),
    (samgr.decode_reply, b"SM\1\x86\0" + bytes(7) + b"\1", Reason.RESERVED_NOT_ZERO),
    (bundle.decode_request, b"BN\1\2", Reason.UNSUPPORTED_OPERATION),
    (bundle.decode_reply, b"BN\1\x81\0\1\0\1", Reason.RESERVED_NOT_ZERO),
    (bundle.decode_reply, b"BN\1\x83\0\1\0\0\0", Reason.TRUNCATED),
    (front.decode_request, b"DS\1\0", Reason.UNSUPPORTED_OPERATION),
    (front.decode_request, b"DS\1\1\0", Reason.NAME_LENGTH),
    (policy.decode_request, b"PO\1\4" + bytes(14), Reason.UNSUPPORTED_VERSION),
    (policy.decode_request, b"PO\2\4" + bytes(12) + b"\0", Reason.NAME_LENGTH),
    (policy.decode_reply, b"PO\2\x84" + bytes(5) + b"\1", Reason.RESERVED_NOT_ZERO),
    (log.decode_request, b"LO\3\3", Reason.UNSUPPORTED_VERSION),
    (log.decode_request, b"LO\1\1\5" + bytes(5), Reason.OUT_OF_RANGE),
    (log.decode_request, b"LO\1\1\1\x41" + bytes(4) + b"x" * 65, Reason.OVERSIZED),
    (log.decode_reply, bytes(log.REPLY_BYTES_MAX + 1), Reason.OVERSIZED),
    (gateway.decode_frame, b"", Reason.TRUNCATED),
    (gateway.decode_frame, b"\0" * 16, Reason.UNKNOWN_TYPE),
    (gateway.decode_frame, b"\x10" * 16, Reason.UNKNOWN_TYPE),
    (gateway.decode_frame, bytes(gateway.FRAME_BYTES_MAX + 1), Reason.OVERSIZED),
    (gateway.decode_frame, replaced(REQUEST, 16, b"\1"), Reason.RESERVED_NOT_ZERO),
    (gateway.decode_frame, replaced(REQUEST, 12, bytes(4)), Reason.OUT_OF_RANGE),
    (gateway.decode_frame, replaced(REQUEST, 12, b"\x61\xea\0\0"), Reason.OUT_OF_RANGE),
    (gateway.decode_frame, replaced(REQUEST, 2, b"\5"), Reason.TRAILING_BYTES),
    (gateway.decode_frame, replaced(REQUEST, 2, b"\7"), Reason.TRUNCATED),
    (gateway.decode_frame, replaced(RESPONSE, 1, b"\4"), Reason.UNKNOWN_STATUS),
    (gateway.decode_frame, replaced(RESPONSE, 1, b"\1"), Reason.OUT_OF_RANGE),
    (gateway.decode_frame, replaced(RESPONSE, 2, b"\1\2"), Reason.OVERSIZED),
    (gateway.decode_frame, replaced(RESPONSE, 12, b"\1"), Reason.RESERVED_NOT_ZERO),
    (gateway.decode_frame, b"\3\0\0\0\0\0\0\1" + bytes(8), Reason.RESERVED_NOT_ZERO),
    (decode_image, b"NXBX\1\0\0", Reason.BAD_MAGIC),
    (decode_image, b"NXBI\1\xff\xff", Reason.OVERSIZED),
    (decode_image, b"NXBI\1\1\0\0\0\0\0\1\0" + bytes(4), Reason.UNKNOWN_TYPE),
    (decode_image, b"NXBI\1\0\0\0", Reason.TRAILING_BYTES),
]


@pytest.mark.parametrize(("decode", "frame", "reason"), REMOTE)
def test_a_malformed_frame_is_refused_with_its_reason(
    decode: Callable[[bytes], object], frame: bytes, reason: Reason
) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        decode(frame)
    assert caught.value.reason is reason


LOCAL = [
    (lambda: announce.Announce("", 1, KEY).encode(), Reason.DEVICE_ID_LENGTH),
    (lambda: announce.Announce("é" * 33, 1, KEY).encode(), Reason.DEVICE_ID_LENGTH),
    (lambda: announce.Announce("x", 65536, KEY).encode(), Reason.OUT_OF_RANGE),
    (lambda: announce.Announce("x", 1, KEY[:31]).encode(), Reason.OUT_OF_RANGE),
    (lambda: announce.Announce("x", 1, KEY, ("s",) * 17).encode(), Reason.SERVICE_COUNT),
    (lambda: announce.Announce("x", 1, KEY, ("",)).encode(), Reason.SERVICE_NAME_LENGTH),
    (lambda: samgr.Request(samgr.Op.RESOLVE_STATUS, "x" * 49).encode(), Reason.NAME_LENGTH),
    (lambda: samgr.Request(samgr.Op.SENDER_PID, "x").encode(), Reason.OUT_OF_RANGE),
    (lambda: front.Request(front.Op.BUNDLE_LIST, "x").encode(), Reason.OUT_OF_RANGE),
    (lambda: front.Request(front.Op.MALFORMED).encode(), Reason.OUT_OF_RANGE),
    (lambda: log.Append(log.Level.INFO, "x" * 65, "").encode(), Reason.OVERSIZED),
    (lambda: log.Append(log.Level.INFO, "", "x" * 257).encode(), Reason.OVERSIZED),
    (lambda: log.Append(log.Level.INFO, "", "", "x" * 513).encode(), Reason.OVERSIZED),
    (lambda: policy.Request(policy.Op.CHECK_CAP, 0, 0, "").encode(), Reason.NAME_LENGTH),
    (lambda: gateway.Request(1, 1, 1, bytes(257)).encode(), Reason.OVERSIZED),
    (lambda: gateway.Request(1, 1, 0, b"").encode(), Reason.OUT_OF_RANGE),
    (lambda: gateway.Request(1, 1 << 64, 1, b"").encode(), Reason.OUT_OF_RANGE),
    (lambda: gateway.Response(gateway.Status.OK, 1, bytes(513)).encode(), Reason.OVERSIZED),
    (lambda: gateway.Response(gateway.Status.FAILED, 1, b"x").encode(), Reason.OUT_OF_RANGE),
    (lambda: bundle.ImageReply(bundle.Status.OK, bytes(8192)).encode(), Reason.OVERSIZED),
    (lambda: encode_image([Entry("", "", "", b"")] * (ENTRIES_MAX + 1)), Reason.OVERSIZED),
]


@pytest.mark.parametrize(("encode", "reason"), LOCAL)
def test_what_the_protocol_cannot_say_is_not_sent(
    encode: Callable[[], bytes], reason: Reason
) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        encode()
    assert caught.value.reason is reason


def test_the_widest_announce_is_read_back() -> None:
    wide = announce.Announce("d" * 64, 65535, KEY, tuple(f"{i:02}" + "s" * 62 for i in range(16)))
    frame = wide.encode()
    assert len(frame) == announce.ANNOUNCE_BYTES_MAX == 1145
    assert announce.decode_announce(frame) == wide


def test_the_widest_request_and_one_byte_more() -> None:
    frame = gateway.Request(1, 1, 1, bytes(256)).encode()
    assert len(frame) == 274
    # One byte more is well-formed: that it is too long is the gateway's to say.
    longer = replaced(frame, 2, b"\1\1") + b"\0"
    read = gateway.decode_frame(longer)
    assert isinstance(read, gateway.Request)
    assert len(read.payload) == 257


@pytest.mark.parametrize(("length", "expected"), [(11, 0), (12, 7), (18, 7)])
def test_a_frame_that_cannot_be_read_is_answered_by_its_id(length: int, expected: int) -> None:
    frame = (b"\1\1\0\0" + (7).to_bytes(8, "little") + bytes(6))[:length]
    assert gateway.correlation_of(frame) == expected


def test_image_golden_bytes_both_ways() -> None:
    entries = [Entry("system", "1.0.0-a", "build.prop", b"ro=1\n")]
    image = encode_image(entries)
    assert image == (
        b"NXBI\x01\x01\x00\x06system\x071.0.0-a\x0a\x00build.prop\x00\x00\x05\x00\x00\x00ro=1\n"
    )
    assert decode_image(image) == entries
    for length in range(len(image)):
        with pytest.raises(RemoteProtocolError):
            decode_image(image[:length])
