"""Streams whose peer breaks a rule: every reject by its label, and that nothing piles up."""

from __future__ import annotations

import pytest

from nexus.dsoftbus.mux import MODEL, Mux
from nexus.dsoftbus.mux_scene import MuxPair
from nexus.dsoftbus.mux_stream import CREDIT_MAX
from nexus.dsoftbus.mux_transitions import (
    MuxRejectError,
    Reject,
    ResetReason,
)
from nexus.dsoftbus.noise import Role
from nexus.wire import mux as wire
from nexus.wire.error import LocalProtocolError


def fresh() -> Mux:
    """A responder's mux with the dialler's streams 1 (open) and 3 (closed by the dialler)."""
    pair = MuxPair(own_b=wire.Settings(3, 600, 100)).settle()
    pair.a.open("one", 0)
    three = pair.a.open("three", 0)
    pair.b.open("own", 0)
    pair.a.close(three)
    pair.cross()
    return pair.b


def octets(*frames: wire.Frame | bytes) -> list[bytes]:
    return [frame if isinstance(frame, bytes) else frame.encode() for frame in frames]


REJECTS: list[tuple[str, Reject, list[bytes]]] = [
    ("message over the limit", Reject.FRAME_OVERSIZE, octets(wire.Data(1, bytes(596)))),
    ("unknown type", Reject.MALFORMED, [b"\x17" + bytes(4)]),
    ("truncated", Reject.MALFORMED, [b"\x14\1\0\0\0\1"]),
    ("no data", Reject.MALFORMED, [b"\x13\1\0\0\0"]),
    ("trailing", Reject.MALFORMED, [wire.Close(1).encode() + b"x"]),
    ("stream 0", Reject.UNKNOWN_FRAME, [b"\x15\0\0\0\0"]),
    ("data of no stream", Reject.UNKNOWN_FRAME, octets(wire.Data(9, b"x"))),
    ("data of none of ours", Reject.UNKNOWN_FRAME, octets(wire.Data(4, b"x"))),
    ("ack of no stream", Reject.UNKNOWN_FRAME, octets(wire.OpenAck(4))),
    ("open of 0", Reject.INVALID_TRANSITION, [b"\x11\0\0\0\0\0\1x"]),
    ("settings out of range", Reject.MALFORMED, [b"\x10\1\1\0\xff\1\0\0\1\0\0\0"]),
    ("data before its ack", Reject.INVALID_TRANSITION, octets(wire.Data(2, b"x"))),
    ("credit before its ack", Reject.INVALID_TRANSITION, octets(wire.Credit(2, 1))),
    ("close before its ack", Reject.INVALID_TRANSITION, octets(wire.Close(2))),
    ("settings twice", Reject.INVALID_TRANSITION, octets(MODEL)),
    ("settings version", Reject.MALFORMED, [b"\x10\2" + MODEL.encode()[2:]]),
    ("data after close", Reject.INVALID_TRANSITION, octets(wire.Data(3, b"x"))),
    ("close twice", Reject.INVALID_TRANSITION, octets(wire.Close(3))),
    ("ack of its own", Reject.INVALID_TRANSITION, octets(wire.OpenAck(1))),
    ("ack twice", Reject.INVALID_TRANSITION, octets(wire.OpenAck(2), wire.OpenAck(2))),
    ("number of ours", Reject.INVALID_TRANSITION, octets(wire.Open(4, 0, "x"))),
    ("number used", Reject.INVALID_TRANSITION, octets(wire.Open(1, 0, "x"))),
    (
        "number going back",
        Reject.INVALID_TRANSITION,
        octets(wire.Reset(1, 0), wire.Open(9, 0, "x"), wire.Reset(9, 0), wire.Open(7, 0, "x")),
    ),
    ("data after reset", Reject.INVALID_TRANSITION, octets(wire.Reset(1, 0), wire.Data(1, b"x"))),
    ("over the credit", Reject.CREDIT, octets(wire.Data(1, bytes(60)), wire.Data(1, bytes(41)))),
    ("credit of nothing", Reject.CREDIT, octets(wire.Credit(1, 0))),
    ("credit overflow", Reject.CREDIT, octets(wire.Credit(1, CREDIT_MAX))),
    ("too many", Reject.STREAM_LIMIT, octets(wire.Open(5, 0, "a"), wire.Open(7, 0, "b"))),
    ("name in use", Reject.DUPLICATE_NAME, octets(wire.Open(5, 0, "one"))),
    ("empty name", Reject.INVALID_NAME, [b"\x11\5\0\0\0\0\0"]),
    ("long name", Reject.INVALID_NAME, [b"\x11\5\0\0\0\0\x41" + b"x" * 65]),
    ("no utf-8", Reject.INVALID_NAME, [b"\x11\5\0\0\0\0\1\xff"]),
    ("bad priority", Reject.MALFORMED, [b"\x11\5\0\0\0\x08\1x"]),
]


@pytest.mark.parametrize(
    ("reject", "frames"), [r[1:] for r in REJECTS], ids=[r[0] for r in REJECTS]
)
def test_a_broken_rule_ends_the_session_with_its_reject(
    reject: Reject, frames: list[bytes]
) -> None:
    mux = fresh()
    for frame in frames[:-1]:
        mux.receive(frame)
    with pytest.raises(MuxRejectError) as caught:
        mux.receive(frames[-1])
    assert caught.value.reject is reject
    assert str(caught.value).startswith("mux.reject.")
    # Nothing works afterwards.
    with pytest.raises(MuxRejectError):
        mux.receive(wire.Credit(2, 1).encode())
    with pytest.raises(LocalProtocolError):
        mux.open("x", 0)
    assert mux.stream_count == 0


def test_reject_before_the_peer_is_authenticated() -> None:
    with pytest.raises(MuxRejectError) as caught:
        Mux(Role.RESPONDER).receive(MODEL.encode())
    assert caught.value.reject is Reject.UNAUTHENTICATED


@pytest.mark.parametrize(
    ("frame", "reject"),
    [
        (wire.Open(1, 0, "x").encode(), Reject.INVALID_TRANSITION),
        (wire.Reset(1, 0).encode(), Reject.INVALID_TRANSITION),
    ],
)
def test_reject_at_the_beginning(frame: bytes, reject: Reject) -> None:
    mux = Mux(Role.RESPONDER)
    mux.start()
    with pytest.raises(MuxRejectError) as caught:
        mux.receive(frame)
    assert caught.value.reject is reject


def test_a_data_frame_over_the_models_limit_is_oversize() -> None:
    pair = MuxPair().settle()
    pair.a.open("x", 0)
    pair.cross()
    with pytest.raises(MuxRejectError) as caught:
        pair.b.receive(b"\x13\1\0\0\0" + bytes(wire.DATA_BYTES_MAX + 1))
    assert caught.value.reject is Reject.FRAME_OVERSIZE


@pytest.mark.parametrize(
    ("counts", "reject"),
    [
        ((60, 41), Reject.CREDIT),
        ((100, 1), Reject.CREDIT),
        ((101,), Reject.CREDIT),
        ((596,), Reject.FRAME_OVERSIZE),
        ((0,), Reject.MALFORMED),
    ],
)
def test_nothing_works_after_data_that_breaks_a_rule_on_the_short_way_either(
    counts: tuple[int, ...], reject: Reject
) -> None:
    mux = fresh()
    *before, last = counts
    assert all(mux.receive_data(1, count) for count in before)
    with pytest.raises(MuxRejectError) as caught:
        mux.receive_data(1, last)
    assert caught.value.reject is reject
    assert mux.stream_count == 0
    with pytest.raises(LocalProtocolError):
        mux.open("x", 0)
    for frame in (wire.Open(5, 0, "five").encode(), wire.Credit(2, 1).encode()):
        with pytest.raises(MuxRejectError) as caught:
            mux.receive(frame)
        assert caught.value.reject is Reject.INVALID_TRANSITION


def test_every_label_has_a_test() -> None:
    tested = {reject for _, reject, _ in REJECTS} | {Reject.UNAUTHENTICATED}
    assert tested == set(Reject)


def test_opens_that_are_refused_do_not_pile_up() -> None:
    mux = Mux(Role.RESPONDER)
    mux.start()
    mux.receive(MODEL.encode())

    def open_and_refuse_all() -> None:
        for number in range(1, 10_000, 2):  # The peer never reads our resets.
            mux.receive(wire.Open(number, 0, "x").encode())
            mux.reset(number, ResetReason.UNKNOWN_STREAM)

    with pytest.raises(MuxRejectError) as caught:
        open_and_refuse_all()
    assert caught.value.reject is Reject.STREAM_LIMIT
    assert "reads no answer" in str(caught.value)
