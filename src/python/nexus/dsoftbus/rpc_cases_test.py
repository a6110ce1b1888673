"""Calls as messages: the table that the guest's tests are held to as well."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final  # Any: rows of a table in JSON.

import pytest

from nexus.contract.rpc import STREAM, STREAM_PRIORITY
from nexus.dsoftbus.gateway import Answer, Forward, Gateway
from nexus.dsoftbus.policy import Policy, Rule
from nexus.dsoftbus.rate import Limit
from nexus.wire import mux, rpc, rpc_answer, rpc_call
from nexus.wire.error import LocalProtocolError, Reason, RemoteProtocolError
from nexus.wire.gateway import DEADLINE_MS_MAX, Request, Status, decode_frame
from nexus.wire.method_frames import method_of, read_request, request_frame
from nexus.wire.method_replies import reply_frame
from nexus.wire.methods import METHODS, Method, read_results

SOURCE = Path(__file__).parents[4] / "src/guest/lib/dsoftbus/rpc_cases.json"
Row = dict[str, Any]
CASES: Final[dict[str, list[Row]]] = json.loads(SOURCE.read_text())
PEER: Final = "node-b"
FORBIDDEN: Final = ("statefsd", "delete")
RULES: Final = [
    Rule(PEER, method.service, method.opcode)
    for method in METHODS
    if (method.service_name, method.name) != FORBIDDEN
]


def rows(kind: str, are_meant: Callable[[Row], bool] = lambda row: True) -> pytest.MarkDecorator:
    """Run a test for each row of a table, or for those that are meant."""
    meant = [row for row in CASES[kind] if are_meant(row)]
    return pytest.mark.parametrize("row", meant, ids=lambda row: row.get("name"))


def gateway(tokens: int = 1) -> Gateway:
    return Gateway(Policy(RULES), Limit(tokens, 1), (PEER,), 0)


def name_of(row: Row) -> int:
    """Return the number that the caller names the row's call by, with its epoch."""
    return int(row["epoch"]) << 32 | int(row["correlation"])


def the_method(row: Row) -> Method:
    method = method_of(row["service"], row["method"])
    assert method is not None
    return method


def test_the_negotiation_is_these_frames() -> None:
    frames = {row["name"]: bytes.fromhex(row["frame"]) for row in CASES["negotiation"]}
    offer = mux.Open(1, STREAM_PRIORITY, STREAM)
    assert mux.decode_frame(frames["the dialler offers"]) == offer
    assert mux.decode_frame(frames["the other side offers"]) == mux.Open(2, 0, STREAM)
    assert mux.decode_frame(frames["taken"]) == mux.OpenAck(1)
    assert mux.decode_frame(frames["declined"]) == mux.Reset(1, 1)


@rows("heads", lambda row: row["verdict"].isdigit())
def test_a_table_says_how_long_its_message_is(row: Row) -> None:
    assert rpc.message_length(bytes.fromhex(row["head"])) == int(row["verdict"])


@rows("heads", lambda row: not row["verdict"].isdigit())
def test_a_table_without_a_next_message_is_refused(row: Row) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        rpc.message_length(bytes.fromhex(row["head"]))
    assert (caught.value.reason is Reason.OVERSIZED) == (row["verdict"] == "oversized")


@rows("methods")
def test_a_call_and_its_answer_are_these_bytes(row: Row) -> None:
    method, request = the_method(row), bytes.fromhex(row["request"])
    name = name_of(row)
    read = rpc_call.read_call(bytes.fromhex(row["call"]))
    assert read.request == Request(row["service"], name, row["deadline_ms"], request)
    results = read_results(method, bytes.fromhex(row["reply"]))
    assert rpc_answer.encode_results(row["correlation"], results).hex() == row["answer"]
    answer = rpc_answer.read_answer(bytes.fromhex(row["answer"]))
    assert (answer.correlation, answer.status) == (row["correlation"], Status.OK)
    assert rpc_answer.read_results(method, answer) == results


@rows("methods", lambda row: the_method(row).name == "stats")
def test_the_frame_of_stats_has_no_message(row: Row) -> None:
    """Its reply's frame says more than its results."""
    assert read_request(row["service"], bytes.fromhex(row["request"])) is None


@rows("methods", lambda row: the_method(row).name != "stats")
def test_a_frame_is_read_as_the_call_and_written_again(row: Row) -> None:
    method, request = the_method(row), bytes.fromhex(row["request"])
    spoken = read_request(row["service"], request)
    assert spoken is not None
    assert (spoken.method, spoken.nonce) == (method, None)
    written = rpc_call.encode_call(method, name_of(row), row["deadline_ms"], spoken.params)
    assert written.hex() == row["call"]
    assert request_frame(method, spoken.params) == request
    results = read_results(method, bytes.fromhex(row["reply"]))
    assert read_results(method, reply_frame(spoken, results)) == results


def test_every_method_is_in_the_table() -> None:
    assert {(row["service"], row["method"]) for row in CASES["methods"]} == {
        (method.service, method.number) for method in METHODS
    }


@rows("refusals")
def test_a_refusal_is_these_bytes(row: Row) -> None:
    status = Status.__members__[row["status"].upper()]
    assert status == row["number"]
    assert rpc_answer.encode_refusal(row["correlation"], status).hex() == row["answer"]
    answer = rpc_answer.read_answer(bytes.fromhex(row["answer"]))
    assert (answer.correlation, answer.status) == (row["correlation"], status)


def number(value: int) -> int | None:
    return None if value == -1 else value


@rows("calls", lambda row: row["verdict"] == "forward")
def test_the_gateway_forwards_this_of_a_message(row: Row) -> None:
    verdict = gateway().receive_message(PEER, bytes.fromhex(row["message"]), 0)
    assert isinstance(verdict, Forward)
    assert verdict.request.payload.hex() == row["request"]
    assert (verdict.request.service, verdict.opcode) == (row["service"], row["op"])
    assert verdict.request.correlation == row["correlation"]


@rows("calls", lambda row: row["verdict"] != "forward")
def test_the_gateway_refuses_a_message_for_this(row: Row) -> None:
    verdict = gateway().receive_message(PEER, bytes.fromhex(row["message"]), 0)
    assert isinstance(verdict, Answer)
    assert verdict.audit.outcome.value == f"denied-{row['verdict']}"
    assert (verdict.audit.service, verdict.audit.opcode) == (
        number(row["service"]),
        number(row["op"]),
    )
    assert verdict.audit.message == row["record"]
    assert verdict.response is not None
    told = rpc_answer.read_answer(verdict.encode() or b"")
    assert (told.correlation, told.status) == (row["correlation"], Status.REFUSED)


@rows("calls")
def test_without_a_token_only_the_reason_differs(row: Row) -> None:
    verdict = gateway(tokens=0).receive_message(PEER, bytes.fromhex(row["message"]), 0)
    assert isinstance(verdict, Answer)
    shape = row["verdict"] if row["verdict"] in ("malformed", "oversized") else "rate"
    assert verdict.audit.outcome.value == f"denied-{shape}"
    assert verdict.audit.service == number(row["service"])


def fits_a_frame(row: Row) -> bool:
    read = rpc_call.read_call(bytes.fromhex(row["message"]))
    if read.request is None or read.method is None:
        return False
    return len(read.request.payload) <= 256


def essence(verdict: Answer | Forward) -> object:
    return verdict.request if isinstance(verdict, Forward) else verdict.audit


@rows("calls", fits_a_frame)
def test_a_frame_of_the_same_call_has_the_same_verdict(row: Row) -> None:
    """The decision is one: what differs is only how the bytes become a request."""
    message = bytes.fromhex(row["message"])
    request = rpc_call.read_call(message).request
    assert request is not None
    by_message = gateway().receive_message(PEER, message, 0)
    by_frame = gateway().receive(PEER, request.encode(), 0)
    assert type(by_message) is type(by_frame)
    assert essence(by_message) == essence(by_frame)


def reading_of(message: bytes) -> tuple[str, int, int]:
    """Return what a caller makes of an answer, whose it is, and the status within, or -1."""
    method = method_of(1, 0)
    assert method is not None
    try:
        answer = rpc_answer.read_answer(message)
        if answer.status is not Status.OK:
            return answer.status.name.lower(), answer.correlation, -1
        status = int(rpc_answer.read_results(method, answer).status)
    except RemoteProtocolError:
        return "failed", rpc.correlation_of(message), -1
    return "results", answer.correlation, status


@rows("answers")
def test_a_caller_makes_this_of_an_answer(row: Row) -> None:
    found = reading_of(bytes.fromhex(row["message"]))
    assert found == (row["verdict"], row["correlation"], row["status"])


@rows("methods")
def test_a_call_that_is_cut_anywhere_is_malformed(row: Row) -> None:
    message = bytes.fromhex(row["call"])
    for length in range(1, len(message)):
        verdict = gateway().receive_message(PEER, message[:length], 0)
        assert isinstance(verdict, Answer)
        assert verdict.audit.message == (
            f"audit remote call outcome=denied-malformed peer={PEER} service=- op=-"
        )
        assert verdict.response is not None
        assert verdict.response.correlation == (row["correlation"] if length >= 24 else 0)


def test_what_no_message_can_say_is_not_sent() -> None:
    method = METHODS[0]
    for deadline_ms in (0, DEADLINE_MS_MAX + 1):
        with pytest.raises(LocalProtocolError):
            rpc_call.encode_call(method, 1, deadline_ms, method.params())
    with pytest.raises(LocalProtocolError):
        rpc_call.encode_call(method, 1, 1, method.params("n" * 2048))


def test_a_frame_is_no_call_of_a_method_if_it_says_more_or_less() -> None:
    for service, frame in (
        (9, b"SM\x01\x06\x01a"),
        (2, b"SM\x01\x06\x01a"),
        (1, b"SM\x01\x06\x02a"),
        (1, b"SM\x01\x06"),
        (1, b"SM\x02\x06\x01a"),
        (1, b"SM\x01\x01\x01a"),
        (1, b"SM\x01\x06\x01\xff"),
        (4, b"SF\x01\x06"),
        (4, b"SF\x01\x07\0"),
        (4, b"SF\x01\x08\1\0\0\0\0\0\0"),
        (4, b"SF\x01\x09\1\0\0\0\0\0\0"),
        (4, b"SF\x03\x05"),
        (4, b"SF\x02\x05\0\0"),
        (4, b"SF\x01\x01\x01\x00\x01\x00\x00\x00a"),
        (4, b"SF\x01\x04\x01\x00\x10\x00a\x00\x00"),
        (4, b"SF\x01\x04\x01\x00\x10\x00a\x02\x00b"),
        (4, b"SF\x01\x04\x01\x00\x10\x00a\x01\x00bc"),
        (4, b"SF\x01\x04\x01\x00\x10\x00a\x01"),
        (5, b"LO\x01\x02"),
        (5, b"LO\x01\x03"),
        (3, b""),
    ):
        assert read_request(service, frame) is None, frame


def test_a_nonce_is_taken_off_and_put_back() -> None:
    spoken = read_request(4, b"SF\x02\x05" + (77).to_bytes(8, "little"))
    assert spoken is not None
    assert (spoken.method.name, spoken.nonce) == ("sync", 77)
    reply = reply_frame(spoken, spoken.method.results())
    assert reply == b"SF\x02\x85\x00" + (77).to_bytes(8, "little")


def test_a_response_and_an_answer_have_the_same_statuses() -> None:
    for status in (Status.REFUSED, Status.FAILED, Status.BUSY):
        frame = decode_frame(b"\x02" + bytes([status]) + bytes(14))
        answer = rpc_answer.read_answer(rpc_answer.encode_refusal(0, status))
        assert getattr(frame, "status") is answer.status  # noqa: B009 (a union of frames)
