"""Calls of a session as the timeline shows them: frames and messages, in the same words."""

from __future__ import annotations

from typing import Any, cast

import pytest

from nexus.harness.report import session
from nexus.harness.report.session import Said, Session
from nexus.wire import mux, samgr
from nexus.wire.error import ProtocolError
from nexus.wire.gateway import Request, Response, Status
from nexus.wire.methods import METHODS
from nexus.wire.rpc_answer import encode_refusal, encode_reply
from nexus.wire.rpc_call import encode_call

NAME = 7 << 32 | 5
RESOLVE = METHODS[0]
REPLY = samgr.SlotReply(samgr.Op.RESOLVE_STATUS, samgr.Status.NOT_FOUND).encode()
PARAMS = RESOLVE.params("logd")


class Heard:
    """A session whose frames are given as they were opened."""

    def __init__(self, stream: str) -> None:
        self.session = Session(cast("Any", None), lambda *_: None, lambda _: None)
        self.say(0, mux.Open(1, 0, stream), 0)

    def say(self, side: int, frame: mux.Frame, now_ns: int) -> list[Said]:
        """Return what is said of a frame; one that cannot be read, as the session says it."""
        try:
            return list(self.session._stream(side, frame, now_ns))
        except ProtocolError as exc:
            return [Said("stream", f"a frame that cannot be read: {exc}")]


FRAMES = (
    Request(1, NAME, 1000, RESOLVE.request(PARAMS)).encode(),
    Response(Status.OK, NAME, REPLY).encode(),
    Response(Status.REFUSED, NAME).encode(),
)
MESSAGES = (
    encode_call(RESOLVE, NAME, 1000, PARAMS),
    encode_reply(RESOLVE, 5, REPLY),
    encode_refusal(5, Status.REFUSED),
)


@pytest.mark.parametrize(("stream", "said"), [("gateway", FRAMES), ("rpc/2", MESSAGES)])
@pytest.mark.parametrize("piece", [1, 7, 1000])
def test_a_call_and_its_answer_read_the_same(
    stream: str, said: tuple[bytes, bytes, bytes], piece: int
) -> None:
    heard = Heard(stream)
    events: list[Said] = []
    for side, octets, now_ns in ((0, said[0], 0), (1, said[1], 5000), (0, said[0], 6000)):
        for at in range(0, len(octets), piece):
            events += heard.say(side, mux.Data(1, octets[at : at + piece]), now_ns)
    events += heard.say(1, mux.Data(1, said[2]), 9000)
    assert [(event.kind, event.text) for event in events] == [
        ("call", f"samgrd resolve_status #{NAME}"),
        ("answer", f"samgrd resolve_status #{NAME}: ok, not_found after 5 us"),
        ("call", f"samgrd resolve_status #{NAME}"),
        ("answer", f"samgrd resolve_status #{NAME}: refused after 3 us"),
    ]


@pytest.mark.parametrize(
    ("stream", "side", "octets"),
    [
        ("gateway", 0, b"\2" + FRAMES[0][1:]),
        ("gateway", 1, b"\1" + FRAMES[1][1:]),
        ("rpc/2", 0, b"\1" + MESSAGES[0][1:]),
        ("rpc/2", 1, b"\1" + MESSAGES[1][1:]),
        ("rpc/2", 0, MESSAGES[0][:8] + bytes([2]) + MESSAGES[0][9:]),
        ("rpc/2", 1, MESSAGES[1][:8] + bytes([2]) + MESSAGES[1][9:]),
    ],
)
def test_what_cannot_be_read_is_said(stream: str, side: int, octets: bytes) -> None:
    heard = Heard(stream)
    [event] = heard.say(side, mux.Data(1, octets), 0)
    assert "cannot be read" in event.text


def test_no_more_methods_are_kept_than_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that is never answered must not cost a reader more and more."""
    monkeypatch.setattr(session, "_CALLS_MAX", 2)
    heard = Heard("rpc/2")
    for number in range(1, 5):
        heard.say(0, mux.Data(1, encode_call(RESOLVE, number, 1000, PARAMS)), 0)
    assert list(heard.session._methods) == [(0, 1), (0, 2)]


@pytest.mark.parametrize(
    ("status", "payload", "shown"),
    [
        (Status.OK, REPLY, "ok, not_found"),
        (Status.OK, REPLY[:4] + b"\xee" + REPLY[5:], "ok, 238"),
        (Status.OK, REPLY[:4], "ok"),
        (Status.FAILED, b"", "failed"),
    ],
)
def test_the_status_inside_an_answer_is_named_or_a_number(
    status: Status, payload: bytes, shown: str
) -> None:
    heard = Heard("gateway")
    heard.say(0, mux.Data(1, FRAMES[0]), 0)
    [answer] = heard.say(1, mux.Data(1, Response(status, NAME, payload).encode()), 1_999)
    assert answer.text == f"samgrd resolve_status #{NAME}: {shown} after 1 us"
    assert answer.values["status"] == shown


def test_calls_of_both_sides_and_of_one_number_are_apart() -> None:
    heard = Heard("gateway")
    list(heard.session._stream(1, mux.Open(2, 0, "gateway"), 0))
    heard.say(0, mux.Data(1, FRAMES[0]), 0)
    heard.say(1, mux.Data(2, FRAMES[0]), 1_000)
    [of_peer] = heard.say(0, mux.Data(2, FRAMES[2]), 4_000)
    [of_own] = heard.say(1, mux.Data(1, FRAMES[2]), 9_000)
    assert (of_peer.values["latency_ns"], of_own.values["latency_ns"]) == (3_000, 9_000)
    [again] = heard.say(1, mux.Data(1, FRAMES[2]), 9_000)
    assert again.text == f"? ? #{NAME}: refused after 0 us", "an answer answers once"


def test_no_more_calls_are_kept_than_a_peer_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "_CALLS_MAX", 2)
    heard = Heard("gateway")
    for number in range(1, 4):
        request = Request(1, number, 1000, RESOLVE.request(PARAMS)).encode()
        heard.say(0, mux.Data(1, request), 0)
    assert [name for _, name in heard.session._calls] == [1, 2]
