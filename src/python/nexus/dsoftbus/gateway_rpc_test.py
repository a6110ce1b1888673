"""The gateway over messages and over the frames that they stand for: one decision."""

from __future__ import annotations

from typing import Any  # Any: fields of generated kinds, known when it runs.

from hypothesis import given
from hypothesis import strategies as st

from nexus.dsoftbus.audit import Outcome
from nexus.dsoftbus.gateway import Answer, Forward, Gateway
from nexus.dsoftbus.policy import Policy, Rule
from nexus.dsoftbus.rate import Limit
from nexus.wire import rpc
from nexus.wire.gateway import Request, Status, correlation_of
from nexus.wire.method_frames import read_request, request_frame
from nexus.wire.methods import METHODS, Method
from nexus.wire.rpc_answer import read_answer
from nexus.wire.rpc_call import _read_any_call, encode_call, read_call

PEER = "node-b"
EVERYTHING = frozenset((method.service, method.opcode) for method in METHODS)


def gateway(rules: frozenset[tuple[int, int]], tokens: int = 1) -> Gateway:
    allowed = [Rule(PEER, service, opcode) for service, opcode in rules]
    return Gateway(Policy(allowed), Limit(tokens, 1), (PEER,), 0)


def params_of(method: Method) -> st.SearchStrategy[Any]:
    kinds: dict[str, st.SearchStrategy[Any]] = {
        "text": st.text(max_size=30) | st.integers(0, 300).map("k".__mul__),
        "data": st.binary(max_size=200),
    }
    fields = {
        field.name: kinds[field.kind.name]
        if field.kind.name in kinds
        else st.integers(0, (1 << field.kind.bits) - 1)
        for field in method.params.LAYOUT.fields
    }
    return st.builds(method.params, **fields)


methods = st.sampled_from(METHODS)
calls = methods.flatmap(lambda method: st.tuples(st.just(method), params_of(method)))
names = st.integers(0, (1 << 64) - 1)
rules = st.frozensets(st.sampled_from([(m.service, m.opcode) for m in METHODS]))


def has_frame(call: tuple[Method, Any]) -> bool:
    """Whether a call can be written as a frame: a long name has no room there."""
    method, params = call
    return read_call(encode_call(method, 1, 1, params)).request is not None


def frame_of(request: Request, name: int, deadline_ms: int) -> bytes:
    """Write a request as a frame, also one whose payload is too long for it."""
    head = Request(request.service, name, deadline_ms, b"").encode()
    length = len(request.payload).to_bytes(2, "little")
    return head[:2] + length + head[4:] + request.payload


def essence(verdict: Forward | Answer) -> object:
    """Return the parts of a verdict that are the same for a message and for its frame."""
    if isinstance(verdict, Forward):
        return verdict.request, verdict.opcode, verdict.deadline_ns
    return verdict.audit


def check_refusal(verdict: Forward | Answer, correlation: int) -> None:
    """If a message was refused, its answer says so to the call by its number."""
    if isinstance(verdict, Answer):
        answer = read_answer(verdict.encode() or b"")
        assert (answer.status, answer.correlation) == (Status.REFUSED, correlation)


def check_frame_refusal(verdict: Forward | Answer, frame: bytes) -> None:
    """If a frame was refused, a response says so to the call by its number."""
    if isinstance(verdict, Answer):
        assert verdict.response is not None
        assert verdict.response.correlation == correlation_of(frame)


@given(calls.filter(has_frame), names, st.integers(1, 60_000), rules, st.integers(0, 1))
def test_a_message_is_judged_as_its_frame(
    call: tuple[Method, Any],
    name: int,
    deadline_ms: int,
    allowed: frozenset[tuple[int, int]],
    tokens: int,
) -> None:
    method, params = call
    message = encode_call(method, name, deadline_ms, params)
    by_message = gateway(allowed, tokens).receive_message(PEER, message, 0)
    request = read_call(message).request
    assert request is not None
    frame = frame_of(request, name, deadline_ms)
    by_frame = gateway(allowed, tokens).receive(PEER, frame, 0)
    assert essence(by_message) == essence(by_frame)
    check_refusal(by_message, name & rpc.NUMBER_MAX)
    assert getattr(by_frame, "opcode", method.opcode) == method.opcode
    check_frame_refusal(by_frame, frame)


@given(st.integers(0x100, 300), names)
def test_a_name_that_no_frame_has_room_for_is_oversized(length: int, name: int) -> None:
    resolve = METHODS[0]
    message = encode_call(resolve, name, 1000, resolve.params("k" * length))
    verdict = gateway(EVERYTHING).receive_message(PEER, message, 0)
    assert isinstance(verdict, Answer)
    assert verdict.audit.outcome is Outcome.OVERSIZED


@given(calls.filter(lambda call: has_frame(call) and call[0].name != "stats"))
def test_a_frame_is_the_call_that_it_was_written_of(call: tuple[Method, Any]) -> None:
    method, params = call
    spoken = read_request(method.service, request_frame(method, params))
    assert spoken is not None
    assert (spoken.method, spoken.params, spoken.nonce) == (method, params, None)


def check_reading(whole: bytes) -> None:
    """Both readers make the same of a message, and the gateway judges what they read."""
    read = read_call(whole)
    assert read == _read_any_call(whole)
    verdict = gateway(EVERYTHING).receive_message(PEER, whole, 0)
    check_refusal(verdict, read.correlation)
    assert read.request == getattr(verdict, "request", read.request)


def test_a_whole_message_has_one_reading() -> None:
    check_reading(encode_call(METHODS[0], 1, 1000, METHODS[0].params("logd")))


@given(calls, names, st.data())
def test_a_damaged_message_has_one_reading_and_always_an_answer(
    call: tuple[Method, Any], name: int, data: st.DataObject
) -> None:
    method, params = call
    message = bytearray(encode_call(method, name, 1000, params))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(8, len(message) - 1))
        message[at] = data.draw(st.sampled_from((0, 1, 2, 3, 4, 8, 0x7F, 0x80, 0xFF)))
    del message[data.draw(st.integers(len(message) // 2, len(message))) :]
    check_reading(bytes(message))


@given(st.binary(max_size=200))
def test_any_bytes_have_an_answer(octets: bytes) -> None:
    verdict = gateway(frozenset()).receive_message(PEER, octets, 0)
    assert isinstance(verdict, Answer)
    assert read_answer(verdict.encode() or b"").correlation == rpc.correlation_of(octets)


def test_nobody_is_told_anything_before_there_is_a_session() -> None:
    method = METHODS[0]
    message = encode_call(method, 1, 1000, method.params("x"))
    verdict = gateway(frozenset({(method.service, method.opcode)})).receive_message(
        None, message, 0
    )
    assert isinstance(verdict, Answer)
    assert verdict.audit.outcome is Outcome.UNAUTHENTICATED
    assert verdict.encode() is None


def test_a_reply_that_is_late_missing_or_of_another_method_is_no_answer() -> None:
    method = METHODS[0]
    message = encode_call(method, 7 << 32 | 5, 1000, method.params("x"))
    served = gateway(frozenset({(method.service, method.opcode)}), tokens=10)
    forward = served.receive_message(PEER, message, 0)
    assert isinstance(forward, Forward)
    good = b"SM\x01\x86\x00" + bytes(8)
    for reply, now_ns, outcome in (
        (good, 1_000_000_000, Outcome.OK),
        (good, 1_000_000_001, Outcome.FAILED),
        (None, 0, Outcome.FAILED),
        (b"", 0, Outcome.FAILED),
        (good[:-1], 0, Outcome.FAILED),
        (good + b"\0", 0, Outcome.FAILED),
        (b"BN\x01\x81\x00\x01\x00\x00", 0, Outcome.FAILED),
        (bytes(513), 0, Outcome.FAILED),
    ):
        answer = served.complete(forward, reply, now_ns)
        assert answer.audit.outcome is outcome, reply
        told = read_answer(answer.encode() or b"")
        assert told.status is (Status.OK if outcome is Outcome.OK else Status.FAILED)
        assert told.correlation == 5
