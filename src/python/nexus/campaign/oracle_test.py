"""Each rule of the oracles: what breaks it, and what nearly does."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Any  # Any: a stand-in, or a value of a wrong type.

import pytest

from nexus.campaign import (
    oracle_audit,
    oracle_client,
    oracle_discovery,
    oracle_marker,
    oracle_state,
    oracle_tcp,
    oracle_wire,
)
from nexus.campaign.judging import Violation
from nexus.campaign.observation import Line, Observation, Step, WireFrame
from nexus.campaign.observation_cases import observation
from nexus.config.keys import derive_test_secret
from nexus.harness.plan import NodeIdentity
from nexus.harness.report import packet_cases
from nexus.harness.report.event import Event
from nexus.harness.report.packet import ACK, FIN, SYN
from nexus.harness.report.story import Secrets
from nexus.remotefs.state.block import MemoryDevice
from nexus.remotefs.state.store import Store
from nexus.simulation.faults.fault import Fault, Happened
from nexus.wire.announce import PORT

MS = 1_000_000
S = 1000 * MS
KEY = oracle_state.FOLDER + "1"
HASH = sha256(KEY.encode()).hexdigest()[:16]
ALLOW = f"audit remote statefs put allow peer=node-a key={HASH}"


def identity(device_id: str, seed: str | None = None) -> NodeIdentity:
    return NodeIdentity(device_id, derive_test_secret(seed or device_id), True)


SECRETS = Secrets(
    identities={
        "A": identity("node-a"),
        "B": identity("node-b"),
        "X": identity("node-a", "impostor"),
    }
)


def lines(*texts: str, machine: str = "A", start_ms: int = 0) -> tuple[Line, ...]:
    """A line every millisecond; one with `B| ` before it is of machine B."""
    made = []
    for n, text in enumerate(texts):
        where, _, rest = text.partition("| ")
        label, said = (where, rest) if rest else (machine, text)
        made.append(Line((start_ms + n) * MS, label, said))
    return tuple(made)


def seen(events: Iterable[Event] = (), **given: Any) -> Observation:
    made = observation(secrets=SECRETS, **given)
    # The events that the frames would have shown.
    made.__dict__["_heard"] = (tuple(events), ())
    return made


def event(at_ms: int, machine: str, kind: str, text: str = "", **values: str | int) -> Event:
    return Event.model_validate(
        {"ns": at_ms * MS, "machine": machine, "kind": kind, "text": text, "values": values}
    )


def answer(at_ms: int, service: str, operation: str, status: str = "ok, ok") -> Event:
    values = {"service": service, "operation": operation, "status": status, "to": "A"}
    return event(at_ms, "B", "answer", **values)


def names(found: Iterable[Violation]) -> list[str]:
    return [violation.name for violation in found]


def disk(**entries: str) -> dict[tuple[str, int], bytes]:
    device = MemoryDevice(bytes(64 * 512))
    store = Store(device)
    for key, value in entries.items():
        store.put(oracle_state.FOLDER + key.removeprefix("k"), value.encode())
    store.sync()
    return {("B", 2): bytes(device.content)}


PUT = ("workload: call a.0.0 put 1 a.0.0", "workload: done a.0.0 ok")


def test_state_that_is_there_is_good() -> None:
    good = seen(lines=lines(*PUT), disks=disk(k1="a.0.0"))
    assert names(oracle_state.check(good)) == []


def test_state_that_is_gone_is_not() -> None:
    gone = seen(lines=lines(*PUT), disks=disk())
    assert names(oracle_state.check(gone)) == ["not-linearizable"]
    # Changes that were not synced may be there, once power has failed.
    cut = Happened("power-cut/B/0/0", 0, 5 * MS)
    assert names(oracle_state.check(seen(lines=lines(*PUT), disks=disk(), happened=(cut,)))) == []
    synced = (*PUT, "workload: call a.1.0 sync", "workload: done a.1.0 ok")
    lost = seen(lines=lines(*synced), disks=disk(), happened=(cut,))
    assert names(oracle_state.check(lost)) == ["not-linearizable"]


def test_a_value_that_nobody_wrote() -> None:
    texts = ("workload: call a.0.0 get 1", "workload: done a.0.0 value b")
    found = names(oracle_state.check(seen(lines=lines(*texts), disks=disk())))
    assert found == ["unwritten-value", "not-linearizable"]


def test_a_disk_that_cannot_be_read_is_damaged_unless_it_lies() -> None:
    rubbish = {("B", 2): b"NX?!" + bytes(64 * 512 - 4)}
    assert names(oracle_state.check(seen(disks=rubbish))) == ["damaged-disk"]
    rot = Happened("latent/B/2/0/0", 0, MS)
    assert names(oracle_state.check(seen(disks=rubbish, happened=(rot,)))) == []


def audited(*records: str, texts: tuple[str, ...] = PUT, **given: Any) -> Observation:
    logged = tuple(f"B| workload: audit {n} {record}" for n, record in enumerate(records))
    late = lines(*logged, "B| workload: audited 9", start_ms=5000)
    return seen(lines=(*lines(*texts), *late), **given)


def test_a_record_for_each_change_and_no_other() -> None:
    assert names(oracle_audit.check(audited(ALLOW))) == []
    assert names(oracle_audit.check(audited())) == ["missing-audit"]
    assert names(oracle_audit.check(audited(ALLOW, ALLOW))) == ["false-audit"]
    other = ALLOW.replace("node-a", "node-c")
    assert names(oracle_audit.check(audited(other))) == ["false-audit", "missing-audit"]


def test_a_record_on_the_console_is_one_too() -> None:
    assert names(oracle_audit.check(audited(texts=(*PUT, f"B| dsoftbusd: {ALLOW}")))) == []


def test_what_was_before_the_log_began_is_not_asked_for() -> None:
    texts = (*PUT, "B| workload: boot 00")
    assert names(oracle_audit.check(audited(texts=texts))) == []
    killed = Happened("service-kill/B/0/0", 0, 2 * MS)
    assert names(oracle_audit.check(audited(happened=(killed,)))) == []


def test_a_change_that_found_nothing_has_no_record_that_it_was_made() -> None:
    texts = ("workload: call a.0.0 delete 1", "workload: done a.0.0 absent")
    made = ALLOW.replace("put", "delete")
    assert names(oracle_audit.check(audited(made, texts=texts))) == ["false-audit"]
    refused = made.replace("allow", "reject status")
    assert names(oracle_audit.check(audited(refused, texts=texts))) == []


def test_what_the_gateway_should_have_refused() -> None:
    passed = "audit remote statefs put reject status peer=node-a key=0123456789abcdef"
    assert names(oracle_audit.check(audited(ALLOW, passed))) == ["gate-passed"]
    refused = passed.replace("status", "outside_acl")
    assert names(oracle_audit.check(audited(ALLOW, refused))) == []


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (("workload: call a.0.0 abuse list", "workload: done a.0.0 ok"), ["unauthorised"]),
        (("workload: call a.0.0 abuse list", "workload: done a.0.0 refused no"), []),
        (("workload: call a.0.0 abuse list", "workload: done a.0.0 unknown Failed"), []),
        (("workload: call a.0.0 sync", "workload: done a.0.0 refused access_denied"), ["refused"]),
        (("workload: done a.0.0 ok",), ["stray-answer"]),
        (("workload: call a.0.0 package", "workload: done a.0.0 unknown HandleLives"), ["leak"]),
    ],
)
def test_what_a_client_sees(texts: tuple[str, ...], expected: list[str]) -> None:
    assert names(oracle_client.check(seen(lines=lines(*texts)))) == expected


def test_a_store_whose_disk_has_lied_may_refuse() -> None:
    texts = ("workload: call a.0.0 sync", "workload: done a.0.0 refused integrity_violation")
    rot = Happened("latent/B/2/0/0", 0, MS)
    assert names(oracle_client.check(seen(lines=lines(*texts), happened=(rot,)))) == []


def test_a_client_is_alive_within_the_bound() -> None:
    steps = (Step(0, "A", "at 1000 ms alive key 0, 60 tries"),)
    late_ns = S + oracle_client.ALIVE_NS
    boot = lines("workload: boot aa")

    def check(end_ns: int, *more: Line) -> list[str]:
        made = seen(lines=(*boot, *more), steps=steps, heal_ns=S, end_ns=end_ns)
        return names(oracle_client.check(made))

    assert check(late_ns + 1) == ["not-alive"]
    assert check(late_ns) == []  # It ended before there was anything to say.
    assert check(late_ns + 1, Line(late_ns, "A", "workload: alive aa")) == []
    assert check(late_ns + 2, Line(late_ns + 1, "A", "workload: alive aa")) == ["not-alive"]
    # A machine that started again does its steps again, by a clock that began then.
    assert check(late_ns + 1, Line(S, "A", "workload: boot bb")) == []


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
