"""Each rule of the oracles that look at frames: what breaks it, and what nearly does."""

from __future__ import annotations

import pytest

from nexus.campaign import (
    oracle_client,
    oracle_discovery,
    oracle_marker,
    oracle_tcp,
    oracle_wire,
)
from nexus.campaign.observation import WireFrame
from nexus.campaign.oracle_cases import MS, PUT, S, answer, event, lines, names, seen
from nexus.harness.report import packet_cases
from nexus.harness.report.event import Event
from nexus.harness.report.packet import ACK, FIN, SYN
from nexus.simulation.faults.fault import Fault
from nexus.wire.announce import PORT


def test_nothing_is_said_to_an_impostor() -> None:
    said = [event(5, "B", "stream", "SETTINGS", to="X"), event(6, "B", "stream", to="A")]
    assert names(oracle_wire.check(seen(said))) == ["impostor"]


def test_what_cannot_be_opened_was_said_without_a_session() -> None:
    sealed = [event(5, "B", "sealed", "40 bytes, no key", to="A")]
    assert names(oracle_wire.check(seen(sealed))) == ["unauthenticated-bytes"]


def test_a_session_that_was_broken_by_what_came() -> None:
    text = (
        "B| workload: audit 3 audit remote call outcome=denied-decrypt peer=node-a service=- op=-"
    )
    assert names(oracle_wire.check(seen(lines=lines(text)))) == ["damaged-session"]


SESSION_OK = "B| dsoftbusd: cross-vm session ok node-a"


HANDSHAKE = event(0, "A", "session", to="B")


def test_a_session_has_a_handshake_each() -> None:
    assert names(oracle_marker.check(seen([HANDSHAKE], lines=lines(SESSION_OK)))) == []
    assert names(oracle_marker.check(seen(lines=lines(SESSION_OK)))) == ["false-marker"]
    twice = seen([HANDSHAKE], lines=lines(SESSION_OK, SESSION_OK))
    assert names(oracle_marker.check(twice)) == ["false-marker"]
    impostor = seen([event(0, "X", "session", to="B")], lines=lines(SESSION_OK))
    assert names(oracle_marker.check(impostor)) == ["false-marker"]


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("B| dsoftbusd: remote statefs served", answer(0, "statefsd", "put")),
        ("B| dsoftbusd: remote packagefs served", answer(0, "packagefsd", "open")),
        (
            "B| dsoftbusd: remote proxy ok (peer=node-a service=samgrd)",
            answer(0, "samgrd", "resolve_status"),
        ),
        ("B| dsoftbusd: discovery peer learned", event(0, "A", "announce")),
        ("A| dsoftbusd: discovery announce sent", event(0, "A", "announce")),
    ],
)
def test_a_marker_has_its_cause(text: str, cause: Event) -> None:
    assert names(oracle_marker.check(seen([cause], lines=lines(text)))) == []
    assert names(oracle_marker.check(seen(lines=lines(text)))) == ["false-marker"]
    later = cause.model_copy(update={"ns": MS})
    assert names(oracle_marker.check(seen([later], lines=lines(text)))) == ["false-marker"]


SERVED = "B| dsoftbusd: remote statefs served"


def put(at_ms: int) -> Event:
    values = {"service": "statefsd", "operation": "put", "to": "B"}
    return event(at_ms, "A", "call", **values, correlation=7)


def put_answer(at_ms: int, status: str, after_ms: int) -> Event:
    values = {"service": "statefsd", "operation": "put", "to": "A", "status": status}
    return event(at_ms, "B", "answer", **values, correlation=7, latency_ns=after_ms * MS)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([put(0), put_answer(9, "ok, ok", 9)], []),  # TCP had something to repeat before it.
        ([put(0)], []),  # The session ended before it was sent.
        ([put(1), put_answer(9, "ok, ok", 8)], ["false-marker"]),
        ([put(1)], ["false-marker"]),
        ([put(0), put_answer(5, "denied", 5)], ["false-marker"]),
    ],
)
def test_what_was_served_may_be_answered_later(events: list[Event], expected: list[str]) -> None:
    assert names(oracle_marker.check(seen(events, lines=lines(SERVED)))) == expected


PROXIED = "B| dsoftbusd: remote proxy ok (peer=node-a service=bundlemgrd)"


def listing(at_ms: int, *, ends: str = "AB", service: str = "bundlemgrd") -> Event:
    values = {"service": service, "operation": "list", "to": ends[1]}
    return event(at_ms, ends[0], "call", **values, correlation=7)


def listing_answer(at_ms: int, after_ms: int) -> Event:
    values = {"service": "bundlemgrd", "operation": "list", "to": "A", "status": "ok, 1 bundle"}
    return event(at_ms, "B", "answer", **values, correlation=7, latency_ns=after_ms * MS)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([listing(0), listing_answer(9, 9)], []),  # TCP had something to repeat before it.
        ([listing(0)], []),  # The session ended before it was sent.
        ([listing(1), listing_answer(9, 8)], ["false-marker"]),
        ([listing(1)], ["false-marker"]),
        ([listing(0, service="samgrd")], ["false-marker"]),
        ([listing(0, ends="BA")], ["false-marker"]),
        ([listing(0, ends="XB")], ["false-marker"]),
    ],
)
def test_what_was_proxied_may_be_answered_later(events: list[Event], expected: list[str]) -> None:
    assert names(oracle_marker.check(seen(events, lines=lines(PROXIED)))) == expected


def test_each_proxied_call_needs_one_of_its_own() -> None:
    twice = seen([listing(0)], lines=lines(PROXIED, PROXIED))
    assert names(oracle_marker.check(twice)) == ["false-marker"]


@pytest.mark.parametrize(
    ("name", "expected"), [("policyd", []), ("logd", ["refused"]), ("policyd2", ["refused"])]
)
def test_a_policy_that_crashed_meanwhile_refuses(name: str, expected: list[str]) -> None:
    texts = (
        "workload: call a.0.0 put 1 a.0.0",
        f"B| init: service crashed name={name} cause=12",
        "workload: done a.0.0 refused access_denied",
    )
    assert names(oracle_client.check(seen(lines=lines(*texts)))) == expected


def test_a_client_has_its_answer_from_the_wire() -> None:
    good = seen([answer(0, "statefsd", "put")], lines=lines(*PUT))
    assert names(oracle_marker.check(good)) == []
    assert names(oracle_marker.check(seen(lines=lines(*PUT)))) == ["false-answer"]
    unknown = ("workload: call a.0.0 put 1 a.0.0", "workload: done a.0.0 unknown Failed")
    assert names(oracle_marker.check(seen(lines=lines(*unknown)))) == []


def frame(at_ms: int, data: bytes, *fates: str, number: int = 0, back: bool = False) -> WireFrame:
    ends = ("B", "A") if back else ("A", "B")
    return WireFrame(number or at_ms + 1, at_ms * MS, *ends, fates, data)


def announcement(at_ms: int, *fates: str) -> WireFrame:
    data = packet_cases.udp("10.42.0.10", PORT, "10.42.0.11", PORT, b"x")
    return frame(at_ms, data, *fates)


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        ([announcement(4000)], []),
        ([announcement(2600)], []),
        ([announcement(2000)], ["stale-discovery"]),
        ([], ["stale-discovery"]),
        ([announcement(3900, "loss")], ["stale-discovery"]),
        ([announcement(3900, "duplicate")], []),
    ],
)
def test_a_session_is_with_somebody_who_was_heard(
    frames: list[WireFrame], expected: list[str]
) -> None:
    ok = lines(SESSION_OK, start_ms=4000)
    made = seen([HANDSHAKE], lines=ok, frames=tuple(frames))
    assert names(oracle_discovery.check(made)) == expected
    # The dialler has looked some time before.
    dialled = seen([event(0, "B", "session", to="A")], lines=ok, frames=tuple(frames))
    assert names(oracle_discovery.check(dialled)) == []


def segment(at_ms: int, sequence: int, flags: int, length: int, *fates: str) -> WireFrame:
    data = packet_cases.tcp("10.42.0.10", 50_000, "10.42.0.11", 7, sequence, flags, bytes(length))
    return frame(at_ms, data, *fates)


OPENING = segment(0, 99, SYN, 0)


LOST = segment(10, 100, ACK, 8, "loss")


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ([], ["no-retransmission"]),
        ([segment(300, 100, ACK, 8)], []),
        ([segment(300, 96, ACK, 8)], []),  # Cut otherwise, but it has the first byte.
        ([segment(300, 108, ACK, 8)], ["no-retransmission"]),
        ([segment(300, 108, FIN | ACK, 0)], []),
        ([segment(1800, 108, FIN | ACK, 0)], ["no-retransmission"]),
        ([segment(1, 99, SYN, 0)], []),  # Its timer begins with two seconds.
    ],
)
def test_what_was_lost_is_sent_again(more: list[WireFrame], expected: list[str]) -> None:
    frames = tuple(sorted([OPENING, LOST, *more], key=lambda each: each.sent_ns))
    assert names(oracle_tcp.check(seen(frames=frames, end_ns=9 * S))) == expected
    pause = Fault("pause", "A", 0, 0, S)
    assert names(oracle_tcp.check(seen(frames=frames, end_ns=9 * S, requested=(pause,)))) == []


def test_a_run_that_ends_early_says_nothing_of_what_would_have_come() -> None:
    assert names(oracle_tcp.check(seen(frames=(OPENING, LOST), end_ns=S))) == []
