"""The gateway: which calls of a peer reach a local service, and what the peer is told.

The order of the checks is part of the contract (docs/spec/session.md), so that a refusal has one
reason:

    ready -> shape -> size -> rate -> service -> operation on the allowlist -> forward

A peer is told `refused` and nothing else; the reason is in the audit record.
"""

from __future__ import annotations

from dataclasses import dataclass

from nexus.dsoftbus.audit import AuditRecord, Outcome, record_of
from nexus.dsoftbus.policy import SERVICES, Policy, Service
from nexus.dsoftbus.rate import Bucket, Limit
from nexus.wire.error import RemoteProtocolError
from nexus.wire.gateway import (
    REQUEST_PAYLOAD_MAX,
    RESPONSE_PAYLOAD_MAX,
    Request,
    Response,
    Status,
    correlation_of,
    decode_frame,
)

_NS_PER_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class Forward:
    """The call may reach this service; pass the reply to `Gateway.complete`."""

    peer: str
    service: Service
    request: Request
    deadline_ns: int


@dataclass(frozen=True, slots=True)
class Answer:
    """The peer is told this, and the decision is recorded.

    `response` is None only where there is no session to answer on.
    """

    response: Response | None
    audit: AuditRecord


def decide(
    peer: str | None, frame: bytes, policy: Policy, bucket: Bucket | None, now_ns: int
) -> Outcome | tuple[Request, Service]:
    """Judge one frame: what to forward, or why not.

    Args:
        peer: The bound peer's device id; None is a connection that is not ready.
        frame: The plaintext as it came.
        policy: What is permitted.
        bucket: The peer's tokens; None is a peer without an allowance.
        now_ns: Virtual time.
    """
    if peer is None:
        return Outcome.UNAUTHENTICATED
    try:
        request = decode_frame(frame)
    except RemoteProtocolError:
        return Outcome.MALFORMED
    if not isinstance(request, Request):
        return Outcome.MALFORMED
    if len(request.payload) > REQUEST_PAYLOAD_MAX:
        return Outcome.OVERSIZED
    service = SERVICES.get(request.service)
    opcode = service.opcode_of(request.payload) if service else None
    refused = _judge(peer, request.service, opcode, policy, bucket, now_ns)
    if refused is not None or service is None:
        return refused or Outcome.SERVICE
    return request, service


def _judge(
    peer: str, service: int, opcode: int | None, policy: Policy, bucket: Bucket | None, now_ns: int
) -> Outcome | None:
    """Say why an operation is not for this peer at this time; opcode None is no operation."""
    if bucket is None or not bucket.take(now_ns):
        return Outcome.RATE
    if opcode is None or not policy.allows(peer, service, opcode):
        return Outcome.SERVICE
    return None


class Gateway:
    """The gateway of one node: its policy, and a bucket for each configured peer."""

    def __init__(self, policy: Policy, limit: Limit, peers: tuple[str, ...], now_ns: int) -> None:
        """Fill one bucket a peer.  A peer that is not configured has none, and is denied."""
        self._policy = policy
        self._buckets = {peer: Bucket(limit, now_ns) for peer in peers}

    def receive(self, peer: str | None, frame: bytes, now_ns: int) -> Forward | Answer:
        """Judge one frame of a session, or (peer None) of a connection that is none."""
        bucket = None if peer is None else self._buckets.get(peer)
        decision = decide(peer, frame, self._policy, bucket, now_ns)
        if isinstance(decision, Outcome):
            response = None
            if peer is not None:
                response = Response(Status.REFUSED, correlation_of(frame))
            return Answer(response, record_of(decision, peer, frame))
        assert peer is not None, "only a ready session is forwarded"
        request, service = decision
        return Forward(peer, service, request, now_ns + request.deadline_ms * _NS_PER_MS)

    def admit(self, peer: str, service: int, opcode: int, now_ns: int) -> Outcome | None:
        """Judge an operation that is asked for on a stream of its own; None lets it through."""
        return _judge(peer, service, opcode, self._policy, self._buckets.get(peer), now_ns)

    def complete(self, forward: Forward, reply: bytes | None, now_ns: int) -> Answer:
        """Answer a call with its service's reply; None means that it gave none."""
        frame = forward.request.encode()
        is_good = (
            reply is not None
            and len(reply) <= RESPONSE_PAYLOAD_MAX
            and now_ns <= forward.deadline_ns
        )
        if not is_good or reply is None:
            response = Response(Status.FAILED, forward.request.correlation)
            return Answer(response, record_of(Outcome.FAILED, forward.peer, frame))
        response = Response(Status.OK, forward.request.correlation, reply)
        return Answer(response, record_of(Outcome.OK, forward.peer, frame))
