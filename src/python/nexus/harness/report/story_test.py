"""A capture of two nodes as a story: addresses, handshake, streams, calls; opened and sealed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nexus.config.keys import derive_test_secret, public_key_of
from nexus.dsoftbus.noise import Handshake, Role, Transport
from nexus.dsoftbus.session import PROLOGUE
from nexus.harness.plan import NodeIdentity
from nexus.harness.report.capture import Frame
from nexus.harness.report.event import Event
from nexus.harness.report.keys import SessionKeys, publics_of
from nexus.harness.report.opened import Opened
from nexus.harness.report.packet import ACK, SYN
from nexus.harness.report.packet_cases import arp, tcp, udp
from nexus.harness.report.story import Listener, Secrets
from nexus.wire import mux, samgr
from nexus.wire.announce import PORT, Announce
from nexus.wire.gateway import Ping, Pong, Request, Response, Status
from nexus.wire.methods import METHODS

SECRET_A, SECRET_B = derive_test_secret("node-a"), derive_test_secret("node-b")
EPHEMERAL_A, EPHEMERAL_B = derive_test_secret("ephemeral a"), derive_test_secret("ephemeral b")
PUBLIC_A = public_key_of(EPHEMERAL_A)
A, B = ("10.42.0.10", 1024), ("10.42.0.11", 34568)
BY_PLAYING = Secrets(
    identities={"B": NodeIdentity("node-b", SECRET_B, is_test_key=True)},
    ephemerals={"B": publics_of([EPHEMERAL_B])},
)
OPEN = "node-a > node-b: handshake complete"


class Wire:
    """Two nodes with a session; what each says becomes a frame a millisecond later."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self._sequence = {"A": 99, "B": 499}
        for machine, flags in (("A", SYN), ("B", SYN | ACK)):
            self._segment(machine, flags)
        self._one = Handshake(
            Role.INITIATOR,
            prologue=PROLOGUE,
            static_secret=SECRET_A,
            ephemeral_secret=EPHEMERAL_A,
            remote_static=public_key_of(SECRET_B),
        )
        self._other = Handshake(
            Role.RESPONDER,
            prologue=PROLOGUE,
            static_secret=SECRET_B,
            ephemeral_secret=EPHEMERAL_B,
        )
        for machine, payload in (("A", b""), ("B", b"node-b"), ("A", b"node-a")):
            writer, reader = (
                (self._one, self._other) if machine == "A" else (self._other, self._one)
            )
            message = writer.write(payload)
            reader.read(message)
            self.send(machine, message)
        self.keys = SessionKeys("node-a", "node-b", *self._one.keys_for_test_worlds_only())
        self._ways: dict[str, Transport] = {
            "A": self._one.into_transport(),
            "B": self._other.into_transport(),
        }

    def say(self, machine: str, frame: bytes) -> None:
        """Seal a frame and send it."""
        self.send(machine, self._ways[machine].encrypt(frame))

    def send(self, machine: str, message: bytes) -> None:
        """Send a message with its length."""
        self._segment(machine, ACK, len(message).to_bytes(2, "big") + message)

    def _segment(self, machine: str, flags: int, payload: bytes = b"") -> None:
        ends = (*A, *B) if machine == "A" else (*B, *A)
        self.put(machine, tcp(*ends, self._sequence[machine], flags, payload))
        self._sequence[machine] += len(payload) + bool(flags & SYN)

    def put(self, machine: str, data: bytes) -> None:
        """Put a frame on the wire as it is."""
        number = len(self.frames) + 1
        self.frames.append(Frame(number, machine, number * 1_000_000, data))


def heard(listener: Listener, wire: Wire) -> list[Event]:
    """List the events that the frames mean, without the frames themselves."""
    return [event for event in _all(listener, wire) if event.kind != "frame"]


def _all(listener: Listener, wire: Wire) -> Iterator[Event]:
    for frame in wire.frames:
        yield from listener.take(frame)


SAID: list[tuple[str, bytes, str, str]] = [
    ("A", mux.Settings(32, 4096, 9000).encode(), "stream", "SETTINGS 32 streams, credit 9000"),
    ("A", mux.Open(1, 3, "files").encode(), "stream", "OPEN 1 'files' priority 3"),
    ("B", mux.OpenAck(1).encode(), "stream", "OPEN_ACK 1 'files'"),
    ("A", mux.Data(1, b"12345").encode(), "data", "DATA 1 'files' 5 bytes"),
    ("B", mux.Credit(1, 77).encode(), "credit", "CREDIT 1 'files' 77"),
    ("B", mux.Credit(9, 1).encode(), "credit", "CREDIT 9 '?' 1"),
    ("A", mux.Close(1).encode(), "stream", "CLOSE 1 'files'"),
    ("B", mux.Reset(1, 4).encode(), "stream", "RESET 1 'files' reason 4"),
    ("A", Ping(5).encode(), "keepalive", "ping"),
    ("B", Pong(5).encode(), "keepalive", "pong"),
]


@pytest.mark.parametrize("way", ["played", "known"])
def test_what_two_nodes_say(way: str) -> None:
    wire = Wire()
    for machine, frame, _, _ in SAID:
        wire.say(machine, frame)
    opened: list[Opened] = []
    secrets = BY_PLAYING if way == "played" else Secrets(known={PUBLIC_A: wire.keys})
    listener = Listener(secrets, opened.append)
    events = heard(listener, wire)
    assert [(e.machine, e.kind, e.text) for e in events] == [
        ("A", "handshake", "message 1 (e, es), 48 bytes"),
        ("B", "handshake", "message 2 (e, ee), 54 bytes"),
        ("A", "handshake", "message 3 (s, se), 70 bytes"),
        ("A", "session", OPEN),
        *((machine, kind, text) for machine, _, kind, text in SAID),
    ]
    assert [event.ns // 1_000_000 for event in events] == [3, 4, 5, 5, *range(6, 16)]
    assert {event.values["connection"] for event in events} == {1}
    assert [event.values["to"] for event in events] == ["BA"[e.machine == "B"] for e in events]
    assert listener.keys == {PUBLIC_A: wire.keys}
    assert opened == [
        Opened((6 + at) * 1_000_000, 1, machine == "A", frame)
        for at, (machine, frame, _, _) in enumerate(SAID)
    ]


def test_values_are_those_that_the_page_counts() -> None:
    wire = Wire()
    for machine, frame, _, _ in SAID:
        wire.say(machine, frame)
    by_text = {event.text: event.values for event in heard(Listener(BY_PLAYING), wire)}
    to_a, to_b = {"connection": 1, "to": "A"}, {"connection": 1, "to": "B"}
    assert by_text["SETTINGS 32 streams, credit 9000"] == {"credit": 9000} | to_b
    assert by_text["DATA 1 'files' 5 bytes"] == {"stream": "1 'files'", "bytes": 5} | to_b
    assert by_text["CREDIT 1 'files' 77"] == {"stream": "1 'files'", "credit": 77} | to_a
    assert by_text["CLOSE 1 'files'"] == to_b


def test_a_call_and_its_answer_have_their_values() -> None:
    wire = Wire()
    payload = METHODS[0].request(METHODS[0].params("logd"))
    wire.say("A", Request(1, 6, 1000, payload).encode())
    wire.say("A", Request(200, 7, 1000, b"xxxx").encode())
    reply = samgr.SlotReply(samgr.Op.RESOLVE_STATUS, samgr.Status.NOT_FOUND).encode()
    wire.say("B", Response(Status.OK, 6, reply).encode())
    wire.say("B", Response(Status.REFUSED, 7).encode())
    wire.say("B", Response(Status.FAILED, 8).encode())
    events = heard(Listener(BY_PLAYING), wire)[4:]
    assert [event.text for event in events] == [
        "samgrd resolve_status #6",
        "service 200 ? #7",
        "samgrd resolve_status #6: ok, not_found after 2000 us",
        "service 200 ? #7: refused after 2000 us",
        "? ? #8: failed after 0 us",
    ]
    assert [(event.kind, event.values.get("latency_ns")) for event in events] == [
        ("call", None),
        ("call", None),
        ("answer", 2_000_000),
        ("answer", 2_000_000),
        ("answer", 0),
    ]
    assert events[2].values == {
        "service": "samgrd",
        "operation": "resolve_status",
        "correlation": 6,
        "status": "ok, not_found",
        "latency_ns": 2_000_000,
        "connection": 1,
        "to": "A",
    }


def test_without_keys_messages_are_named_by_their_lengths() -> None:
    wire = Wire()
    wire.say("A", b"x" * 10)
    for secrets in (
        Secrets(),
        Secrets(identities=BY_PLAYING.identities),
        Secrets(ephemerals=BY_PLAYING.ephemerals),
        Secrets(known={public_key_of(EPHEMERAL_B): wire.keys}),
    ):
        listener = Listener(secrets)
        events = heard(listener, wire)
        assert [event.kind for event in events] == ["handshake"] * 3 + ["sealed"]
        assert events[-1].text == "26 bytes, no key"
        assert listener.keys == {}


def test_a_message_that_is_not_authentic_costs_no_nonce() -> None:
    wire = Wire()
    wire.send("A", bytes(40))
    wire.say("A", Ping(1).encode())
    events = heard(Listener(BY_PLAYING), wire)[4:]
    assert [event.text for event in events] == ["40 bytes that are not authentic", "ping"]


def test_a_frame_that_cannot_be_read_is_said_and_what_follows_is_read() -> None:
    wire = Wire()
    wire.say("B", bytes([mux.STREAM_TYPE_FIRST]) + b"\xff")
    wire.say("B", b"\xff")
    wire.say("B", Pong(1).encode())
    events = heard(Listener(BY_PLAYING), wire)[4:]
    assert [event.kind for event in events] == ["stream", "stream", "keepalive"]
    assert all("a frame that cannot be read: " in event.text for event in events[:2])


def test_a_length_that_no_message_has_is_said_once() -> None:
    wire = Wire()
    for _ in range(3):
        wire._segment("A", ACK, b"\0\0\0\0")
    wire.say("B", Pong(1).encode())
    events = heard(Listener(BY_PLAYING), wire)[4:]
    assert [(event.machine, event.kind, event.text) for event in events] == [
        ("A", "sealed", "a length that no message has"),
        ("B", "keepalive", "pong"),
    ]


def test_a_frame_names_who_is_there_as_soon_as_it_has_spoken() -> None:
    wire = Wire()
    wire.frames.clear()
    wire.put("A", arp(A[0], B[0]))
    wire.put("B", arp(B[0], A[0]))
    wire.put("A", arp(A[0], B[0]))
    wire.put("A", arp(A[0], A[0]))
    wire.put("A", b"short")
    listener = Listener(Secrets())
    frames = list(_all(listener, wire))
    assert [frame.values.get("to") for frame in frames] == [None, "A", "B", None, None]
    assert [frame.values["number"] for frame in frames] == [1, 2, 3, 4, 5]
    assert [frame.values["bytes"] for frame in frames] == [42, 42, 42, 42, 5]
    assert listener.machines == {A[0]: "A", B[0]: "B"}
    assert frames[0].text == f"ARP {A[0]} > {B[0]} who has {B[0]}?"


def test_an_announcement_is_read_and_a_damaged_one_is_named() -> None:
    wire = Wire()
    wire.frames.clear()
    announces = [
        Announce("node-a", 34568, bytes(range(32)), ("samgrd", "logd")),
        Announce("node-a", 34568, bytes(range(32))),
    ]
    for announce in announces:
        wire.put("A", udp(A[0], PORT, "239.42.0.1", PORT, announce.encode()))
    wire.put("A", udp(A[0], PORT, "239.42.0.1", PORT, b"NXSB"))
    wire.put("A", udp(A[0], PORT, "239.42.0.1", PORT + 1, announces[0].encode()))
    wire.put("A", udp(A[0], PORT, "239.42.0.1", PORT, announces[0].encode())[:-1])
    events = heard(Listener(Secrets()), wire)
    assert [(event.ns, event.kind) for event in events] == [
        (number * 1_000_000, "announce") for number in (1, 2, 3)
    ]
    head = "'node-a' port 34568 key 0001020304050607... "
    assert [event.text for event in events[:2]] == [head + "(samgrd, logd)", head + "(no services)"]
    assert events[2].text.startswith("malformed: ")
