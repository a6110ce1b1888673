"""The four refusals of remote callers, end to end over two sessions.

Node A dials, node B serves.  B's gateway forwards to a fake samgrd that records what reaches it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from nexus.dsoftbus.audit import AuditRecord, Outcome, record_of
from nexus.dsoftbus.binding import Pin, Verdict, bind
from nexus.dsoftbus.discovery import PeerTable
from nexus.dsoftbus.gateway import Answer, Gateway
from nexus.dsoftbus.policy import Policy, Rule
from nexus.dsoftbus.rate import Limit
from nexus.dsoftbus.session_events import Event, Proven, Received, Refusal, Refused
from nexus.dsoftbus.session_scene import KEY_A, KEY_B, Pair
from nexus.dsoftbus.transitions import State
from nexus.wire import samgr
from nexus.wire.announce import Announce
from nexus.wire.gateway import Request, Response, Status, decode_frame
from nexus.wire.stream import frame_message

RESOLVE = samgr.Request(samgr.Op.RESOLVE_STATUS, "bundlemgrd").encode()
REGISTER = samgr.Request(samgr.Op.REGISTER, "evil", 1, 2).encode()
OK_REPLY = samgr.SlotReply(samgr.Op.RESOLVE_STATUS, samgr.Status.OK).encode()


@dataclass
class NodeB:
    """The serving node: binding, gateway, audit, and what reached its services."""

    pair: Pair
    gateway: Gateway
    table: PeerTable = field(default_factory=lambda: PeerTable(1000))
    reached: list[bytes] = field(default_factory=list)
    audit: list[AuditRecord] = field(default_factory=list)

    def serve(self) -> None:
        """Carry bytes, decide on every event, answer, until all is silent."""
        while True:
            moved = self.pair.cross()
            if self.pair.a.state is State.PROVEN:
                self.pair.a.admit(0)
                moved = True
            events, self.pair.events_b = self.pair.events_b, []
            for event in events:
                self._handle(event)
            if not (moved or events):
                return

    def _handle(self, event: Event) -> None:
        if isinstance(event, Proven):
            live = self.table.find(event.device_id, 0)
            verdict = bind(event.device_id, live, Pin("node-a", KEY_A), event.public_key)
            if verdict is Verdict.BOUND:
                self.pair.events_b += self.pair.b.admit(0)
            else:
                self.audit.append(record_of(Outcome.UNAUTHENTICATED, event.device_id))
                self.pair.b.close()
        elif isinstance(event, Refused) and event.refusal is Refusal.UNAUTHENTICATED:
            self.audit.append(record_of(Outcome.UNAUTHENTICATED, None))
        elif isinstance(event, Received):
            self._answer(event.frame)

    def _answer(self, frame: bytes) -> None:
        verdict = self.gateway.receive(self.pair.b.peer_id, frame, 0)
        if not isinstance(verdict, Answer):
            self.reached.append(verdict.request.payload)
            verdict = self.gateway.complete(verdict, OK_REPLY, 0)
        self.audit.append(verdict.audit)
        assert verdict.response is not None
        self.pair.b.send(verdict.response)


def node(*rules: Rule, announced_key: bytes | None = KEY_A) -> NodeB:
    gateway = Gateway(Policy(rules), Limit(8, 1), ("node-a",), 0)
    served = NodeB(Pair(KEY_B), gateway)
    if announced_key is not None:
        announce = Announce("node-a", 34567, announced_key)
        served.table.hear(announce, "10.42.0.10", is_configured=True, now_ns=0)
    return served


def responses(served: NodeB) -> list[Response]:
    frames = [decode_frame(e.frame) for e in served.pair.events_a if isinstance(e, Received)]
    assert all(isinstance(frame, Response) for frame in frames)
    return [frame for frame in frames if isinstance(frame, Response)]


ALLOWED = Rule("node-a", 1, 6)


@pytest.mark.parametrize(
    "messages", [0, 1, 2], ids=["at once", "after message 1", "after message 2"]
)
def test_reject_remote_unauthenticated_remote_call(messages: int) -> None:
    served = node(ALLOWED)
    a, b = served.pair.a, served.pair.b
    for sender, receiver in ((a, b), (b, a))[:messages]:
        receiver.receive(sender.take_output(), 0)
    call = frame_message(Request(1, 1, 1000, RESOLVE).encode())
    served.pair.events_b += served.pair.b.receive(call, 0)
    served.pair.a.close()
    served.serve()
    assert served.reached == []
    assert served.pair.b.state is State.CLOSED
    assert [record.outcome for record in served.audit] == [Outcome.UNAUTHENTICATED]
    assert served.audit[0].peer is None
    # Nor does the gateway answer a caller without a session, whatever the policy says.
    verdict = served.gateway.receive(None, Request(1, 1, 1000, RESOLVE).encode(), 0)
    assert isinstance(verdict, Answer)
    assert verdict.response is None
    assert verdict.audit.outcome is Outcome.UNAUTHENTICATED


@pytest.mark.parametrize("announced_key", [None, KEY_B], ids=["not announced", "other key"])
def test_a_finished_handshake_is_not_yet_an_authenticated_caller(
    announced_key: bytes | None,
) -> None:
    served = node(ALLOWED, announced_key=announced_key)
    served.serve()
    assert served.pair.b.state is State.CLOSED
    assert served.pair.a.state is State.CONFIRMING
    assert [(r.outcome, r.peer) for r in served.audit] == [(Outcome.UNAUTHENTICATED, "node-a")]


@pytest.mark.parametrize(
    ("rules", "service", "payload"),
    [
        ((), 1, RESOLVE),
        ((Rule("node-c", 1, 6),), 1, RESOLVE),
        ((Rule("node-a", 2, 1),), 1, RESOLVE),
        ((ALLOWED,), 1, REGISTER),
        ((ALLOWED,), 2, b"BN\x01\x01"),
        ((ALLOWED,), 3, b"PK\x01\x01"),
        ((ALLOWED,), 200, RESOLVE),
        ((ALLOWED,), 1, b"BN\x01\x06"),
    ],
)
def test_reject_remote_disallowed_service_proxy(
    rules: tuple[Rule, ...], service: int, payload: bytes
) -> None:
    served = node(*rules)
    served.serve()
    served.pair.a.request(service, payload, 1000)
    served.serve()
    assert served.reached == []
    assert responses(served) == [Response(Status.REFUSED, 1)]
    assert [record.outcome for record in served.audit] == [Outcome.SERVICE]
    # The refusal costs the honest session nothing.
    assert served.pair.b.state is State.READY


def test_reject_remote_oversized_remote_request() -> None:
    served = node(ALLOWED)
    served.serve()
    # 257 bytes: one more than a request may carry, and well within a session message.
    frame = bytearray(Request(1, 9, 1000, RESOLVE.ljust(256, b"x")).encode())
    frame[2:4] = (257).to_bytes(2, "little")
    served.pair.a._frames.seal(bytes(frame) + b"x")
    served.serve()
    assert served.reached == []
    assert responses(served) == [Response(Status.REFUSED, 9)]
    assert [record.outcome for record in served.audit] == [Outcome.OVERSIZED]
    # Beyond a session message there is nothing to answer: its bytes are not even awaited.
    events = served.pair.b.receive((1041).to_bytes(2, "big"), 0)
    assert events == [Refused(Refusal.OVERSIZED)]


CALLS: list[tuple[str, Callable[[NodeB], object], str]] = [
    (
        "ok",
        lambda s: s.pair.a.request(1, RESOLVE, 1000),
        "outcome=ok peer=node-a service=samgrd op=6",
    ),
    (
        "other operation",
        lambda s: s.pair.a.request(1, REGISTER, 1000),
        "outcome=denied-service peer=node-a service=samgrd op=1",
    ),
    (
        "malformed",
        lambda s: s.pair.a._frames.seal(b"\x01\x01junk"),
        "outcome=denied-malformed peer=node-a service=- op=-",
    ),
]


@pytest.mark.parametrize(("call", "text"), [c[1:] for c in CALLS], ids=[c[0] for c in CALLS])
def test_reject_remote_audit_remote_call_logged(call: Callable[[NodeB], object], text: str) -> None:
    served = node(ALLOWED)
    served.serve()
    call(served)
    served.serve()
    assert [record.message for record in served.audit] == [f"audit remote call {text}"]
    assert len(responses(served)) == 1
    # Who, what and how it ended; never what was said, never a key.
    for record in served.audit:
        shown = repr(record) + record.message
        assert "bundlemgrd" not in shown
        assert "evil" not in shown
        assert KEY_A.hex() not in shown


def test_a_peer_over_its_rate_is_refused_and_recorded() -> None:
    served = node(ALLOWED)
    served.serve()
    for _ in range(10):
        served.pair.a.request(1, RESOLVE, 1000)
    served.serve()
    assert len(served.reached) == 8
    statuses = [response.status for response in responses(served)]
    assert statuses == [Status.OK] * 8 + [Status.REFUSED] * 2
    assert [record.outcome for record in served.audit[8:]] == [Outcome.RATE] * 2
