"""The whole matrix of small policies, the order of the checks, and the answers to a peer."""

from __future__ import annotations

from itertools import product

import pytest

from nexus.dsoftbus.audit import AuditRecord, Outcome, printable, record_of
from nexus.dsoftbus.gateway import Answer, Forward, Gateway, decide, of_frame
from nexus.dsoftbus.policy import SERVICES, Policy, Rule
from nexus.dsoftbus.rate import Bucket, Limit
from nexus.wire.gateway import Ping, Request, Response, Status
from nexus.wire.log import Level

RESOLVE = b"SM\x01\x06\x01x"
LIST = b"BN\x01\x01"
RULES = (Rule("node-a", 1, 6), Rule("node-a", 2, 1))


def request(payload: bytes = RESOLVE, *, service: int = 1, correlation: int = 5) -> bytes:
    return Request(service, correlation, 1000, payload).encode()


def oversized() -> bytes:
    head = bytearray(request(bytes(256)))
    head[2:4] = (257).to_bytes(2, "little")
    return bytes(head) + b"\0"


def gateway(rules: tuple[Rule, ...] = RULES, burst: int = 9) -> Gateway:
    return Gateway(Policy(rules), Limit(burst, 1), ("node-a", "node-b"), 0)


def test_the_whole_matrix_of_small_policies() -> None:
    payloads = {(1, 6): RESOLVE, (1, 1): b"SM\x01\x01", (2, 1): LIST, (2, 3): b"BN\x01\x03"}
    peers = ("node-a", "node-b")
    every = [Rule(peer, *key) for peer, key in product(peers, payloads)]
    for index, asked in enumerate(every):
        frame = request(payloads[(asked.service, asked.opcode)], service=asked.service)
        for other, rule in enumerate(every):
            verdict = gateway((rule,)).receive(asked.peer, frame, 0)
            assert isinstance(verdict, Forward) == (index == other)
        without = tuple(rule for rule in every if rule != asked)
        assert isinstance(gateway(without).receive(asked.peer, frame, 0), Answer)
        assert isinstance(gateway(()).receive(asked.peer, frame, 0), Answer)


@pytest.mark.parametrize("frame", [request(), request(LIST, service=2)])
def test_a_call_that_is_permitted_is_forwarded(frame: bytes) -> None:
    assert isinstance(gateway().receive("node-a", frame, 0), Forward)


@pytest.mark.parametrize(
    ("frame", "outcome"),
    [
        (b"", Outcome.MALFORMED),
        (request()[:-1], Outcome.MALFORMED),
        (request() + b"\0", Outcome.MALFORMED),
        (Ping(1).encode(), Outcome.MALFORMED),
        (Response(Status.OK, 1).encode(), Outcome.MALFORMED),
        (b"\x10" * 20, Outcome.MALFORMED),
        (oversized(), Outcome.OVERSIZED),
        (request(service=0), Outcome.SERVICE),
        (request(service=9), Outcome.SERVICE),
        (request(b"BN\x01\x01"), Outcome.SERVICE),
        (request(b"SM\x02\x06\x01x"), Outcome.SERVICE),
        (request(b"SM\x00\x06\x01x"), Outcome.SERVICE),
        (request(b"SM\x01"), Outcome.SERVICE),
        (request(b"SM\x01\x01\x01" + bytes(8) + b"x"), Outcome.SERVICE),
        (request(b"PK\x01\x01", service=3), Outcome.SERVICE),
    ],
)
def test_each_frame_has_one_outcome(frame: bytes, outcome: Outcome) -> None:
    verdict = gateway().receive("node-a", frame, 0)
    assert isinstance(verdict, Answer)
    assert verdict.audit.outcome is outcome
    assert verdict.response is not None
    assert verdict.response.status is Status.REFUSED
    assert verdict.response.payload == b""


def test_an_operation_for_the_nodes_own_services_is_denied_whatever_the_rules_say() -> None:
    append = b"LO\x01\x01"
    rules = Policy([Rule("node-a", 5, 1), Rule("node-a", 5, 3)])
    full = Bucket(Limit(2, 1), 0)
    asked = Request(5, 1, 1, append)
    assert decide("node-a", asked, rules, full, 0) is Outcome.SERVICE
    assert decide("node-a", Request(5, 1, 1, b"LO\x01\x03"), rules, full, 0) is not Outcome.SERVICE


def test_the_order_of_the_checks() -> None:
    empty, none = Policy(), Bucket(Limit(0, 0), 0)
    full = Bucket(Limit(9, 9), 0)
    # Each frame fails this check and every later one; the earlier reason is the one given.
    assert decide(None, of_frame(oversized()[:-1]), empty, none, 0) is Outcome.UNAUTHENTICATED
    assert decide("node-a", of_frame(oversized()[:-1]), empty, none, 0) is Outcome.MALFORMED
    assert decide("node-a", of_frame(oversized()), empty, none, 0) is Outcome.OVERSIZED
    assert decide("node-a", of_frame(request(service=9)), empty, none, 0) is Outcome.RATE
    assert decide("node-a", of_frame(request(service=9)), empty, full, 0) is Outcome.SERVICE
    assert decide("node-a", of_frame(request()), empty, full, 0) is Outcome.SERVICE


@pytest.mark.parametrize("frame", [b"", oversized(), request(service=9), Ping(1).encode()])
def test_every_frame_costs_a_token(frame: bytes) -> None:
    here = gateway(burst=1)
    here.receive("node-a", frame, 0)
    verdict = here.receive("node-a", request(), 0)
    assert isinstance(verdict, Answer)
    assert verdict.audit.outcome is Outcome.RATE


def test_what_cannot_be_judged_as_a_frame_costs_a_token() -> None:
    here = gateway(burst=1)
    here.charge("node-a", 0)
    assert isinstance(here.receive("node-a", request(), 0), Answer)


def test_an_operation_on_a_stream_is_judged_as_a_call_is() -> None:
    here = gateway((*RULES, Rule("node-x", 1, 6)), burst=2)
    assert here.admit("node-a", 1, 6, 0) is None
    assert here.admit("node-a", 1, 1, 0) is Outcome.SERVICE
    assert here.admit("node-a", 1, 6, 0) is Outcome.RATE
    assert here.admit("node-b", 1, 6, 0) is Outcome.SERVICE
    assert here.admit("node-x", 1, 6, 0) is Outcome.RATE
    # One allowance for both ways.
    verdict = here.receive("node-b", request(), 0)
    assert isinstance(verdict, Answer)
    assert verdict.audit.outcome is Outcome.SERVICE
    assert here.admit("node-b", 1, 6, 0) is Outcome.RATE


def test_peers_have_buckets_of_their_own() -> None:
    here = gateway((*RULES, Rule("node-b", 1, 6)), burst=1)
    assert isinstance(here.receive("node-a", request(), 0), Forward)
    assert isinstance(here.receive("node-b", request(), 0), Forward)


def test_a_peer_without_an_allowance_is_denied() -> None:
    verdict = gateway((Rule("node-x", 1, 6),)).receive("node-x", request(), 0)
    assert isinstance(verdict, Answer)
    assert verdict.audit.outcome is Outcome.RATE


@pytest.mark.parametrize(
    ("reply", "now_ns", "status", "outcome"),
    [
        (b"SM\x01\x86", 1_000_000_000, Status.OK, Outcome.OK),
        (bytes(512), 0, Status.OK, Outcome.OK),
        (bytes(513), 0, Status.FAILED, Outcome.FAILED),
        (None, 0, Status.FAILED, Outcome.FAILED),
        (b"SM\x01\x86", 1_000_000_001, Status.FAILED, Outcome.FAILED),
    ],
)
def test_a_forwarded_call_is_answered_once_under_its_id(
    reply: bytes | None, now_ns: int, status: Status, outcome: Outcome
) -> None:
    here = gateway()
    forward = here.receive("node-a", request(correlation=77), 0)
    assert isinstance(forward, Forward)
    assert forward.service is SERVICES[1]
    answer = here.complete(forward, reply, now_ns)
    assert answer.response is not None
    assert (answer.response.status, answer.response.correlation) == (status, 77)
    assert answer.audit == AuditRecord(outcome, "node-a", 1, 6)


@pytest.mark.parametrize(
    ("record", "message", "level"),
    [
        (
            record_of(Outcome.OK, "node-a", request()),
            "audit remote call outcome=ok peer=node-a service=samgrd op=6",
            Level.INFO,
        ),
        (
            record_of(Outcome.SERVICE, "node-a", request(service=9)),
            "audit remote call outcome=denied-service peer=node-a service=#9 op=6",
            Level.WARN,
        ),
        (
            record_of(Outcome.UNAUTHENTICATED, None),
            "audit remote call outcome=denied-unauthenticated peer=- service=- op=-",
            Level.WARN,
        ),
        (
            record_of(Outcome.MALFORMED, "a b\n", Ping(1).encode()),
            "audit remote call outcome=denied-malformed peer=a?b? service=- op=-",
            Level.WARN,
        ),
    ],
)
def test_the_text_of_a_record(record: AuditRecord, message: str, level: Level) -> None:
    assert record.message == message
    assert record.level is level
    assert record.append().message == message


def test_ids_of_unknown_origin_are_shown_byte_for_byte() -> None:
    assert printable("né~\x7f") == "n??~?"
