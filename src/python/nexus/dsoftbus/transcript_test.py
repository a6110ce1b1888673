"""The session that the guest's tests keep byte for byte, replayed by the host in either role."""

from __future__ import annotations

import re
from pathlib import Path

from nexus.dsoftbus.session import Session
from nexus.dsoftbus.session_events import Identity, Proven, Ready, Received
from nexus.dsoftbus.session_scene import public_key_of
from nexus.wire.gateway import Request, Response, Status, decode_frame

SOURCE = Path(__file__).parents[4] / "src/guest/lib/dsoftbus/transcript_test.zig"
ANSWER = b"SM\x01\x86" + bytes(9)


def recorded() -> dict[str, bytes]:
    """The messages of the guest's test, by name."""
    found = re.findall(
        r"^const (\w+) =\n((?:    \"[0-9a-f]+\".*\n)+)", SOURCE.read_text(), re.MULTILINE
    )
    return {name: bytes.fromhex("".join(re.findall('"(.*)"', text))) for name, text in found}


def key(number: int) -> bytes:
    return bytes([number]) * 32


def dialler() -> Session:
    identity = Identity(device_id="node-a", static_secret=key(1), ephemeral_secret=key(2))
    return Session.dial(identity, public_key_of(key(3)), 0)


def responder() -> Session:
    identity = Identity(device_id="node-b", static_secret=key(3), ephemeral_secret=key(4))
    return Session.accept(identity, 0)


def test_the_host_dials_the_guests_responder() -> None:
    messages, session = recorded(), dialler()
    assert session.take_output() == messages["hello"]
    (proven,) = session.receive(messages["reply"], 0)
    assert isinstance(proven, Proven)
    assert proven.device_id == "node-b"
    session.admit(0)
    assert session.take_output() == messages["proof_and_ping"]
    assert session.receive(messages["pong"], 0) == [Ready("node-b")]
    session.request(1, b"SM\x01\x06\x01x", 300)
    assert session.take_output() == messages["request"]
    (answer,) = session.receive(messages["response"], 0)
    assert isinstance(answer, Received)
    assert decode_frame(answer.frame) == Response(Status.OK, 1, ANSWER)


def test_the_host_answers_the_guests_dialler() -> None:
    messages, session = recorded(), responder()
    assert session.receive(messages["hello"], 0) == []
    assert session.take_output() == messages["reply"]
    (proven,) = session.receive(messages["proof_and_ping"], 0)
    assert isinstance(proven, Proven)
    assert proven.device_id == "node-a"
    assert session.admit(0) == [Ready("node-a")]
    assert session.take_output() == messages["pong"]
    (asked,) = session.receive(messages["request"], 0)
    assert isinstance(asked, Received)
    assert decode_frame(asked.frame) == Request(1, 1, 300, b"SM\x01\x06\x01x")
    session.send(Response(Status.OK, 1, ANSWER))
    assert session.take_output() == messages["response"]


def test_the_recording_is_whole() -> None:
    names = ["hello", "reply", "proof_and_ping", "pong", "request", "response"]
    assert list(recorded()) == names
