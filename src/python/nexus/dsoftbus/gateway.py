"""The gateway: which calls of a peer reach a local service, and what the peer is told.

The order of the checks is part of the contract (docs/spec/session.md), so that a refusal has one
reason:

    ready -> shape -> size -> rate -> service -> operation on the allowlist -> forward

A peer is told `refused` and nothing else; the reason is in the audit record.  Every frame costs a
token, whatever is wrong with it: each costs this node work and a record.
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
    opcode: int


@dataclass(frozen=True, slots=True)
class Answer:
    """The peer is told this, and the decision is recorded.

    `response` is None only where there is no session to answer on.
    """

    response: Response | None
    audit: AuditRecord


def decide(
    peer: str | None, frame: bytes, policy: Policy, bucket: Bucket | None, now_ns: int
) -> Outcome | tuple[Request, Service, int]:
    """Judge one frame: the request, its service and operation to forward, or why not.

    Args:
        peer: The bound peer's device id; None is a connection that is not ready.
        frame: The plaintext as it came.
        policy: What is permitted.
        bucket: The peer's tokens; None is a peer without an allowance.
        now_ns: Virtual time.
    """
    if peer is None:
        return Outcome.UNAUTHENTICATED
    has_token = bucket is not None and bucket.take(now_ns)
    try:
        request = decode_frame(frame)
    except RemoteProtocolError:
        return Outcome.MALFORMED
    if not isinstance(request, Request):
        return Outcome.MALFORMED
    if len(request.payload) > REQUEST_PAYLOAD_MAX:
        return Outcome.OVERSIZED
    if not has_token:
        return Outcome.RATE
    service = SERVICES.get(request.service)
    opcode = None if service is None else service.opcode_of(request.payload)
    if service is None or opcode is None or not policy.allows(peer, request.service, opcode):
        return Outcome.SERVICE
    return request, service, opcode


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
        request, service, opcode = decision
        deadline_ns = now_ns + request.deadline_ms * _NS_PER_MS
        return Forward(peer, service, request, deadline_ns, opcode)

    def admit(self, peer: str, service: int, opcode: int, now_ns: int) -> Outcome | None:
        """Judge an operation that is asked for on a stream of its own; None lets it through."""
        bucket = self._buckets.get(peer)
        if bucket is None or not bucket.take(now_ns):
            return Outcome.RATE
        return None if self._policy.allows(peer, service, opcode) else Outcome.SERVICE

    def charge(self, peer: str, now_ns: int) -> None:
        """Take a token for what cannot even be judged as a frame."""
        bucket = self._buckets.get(peer)
        if bucket is not None:
            bucket.take(now_ns)

    def complete(self, forward: Forward, reply: bytes | None, now_ns: int) -> Answer:
        """Answer a call with its service's reply; None means that it gave none."""
        request = forward.request
        outcome = Outcome.FAILED
        response = Response(Status.FAILED, request.correlation)
        is_short = reply is not None and len(reply) <= RESPONSE_PAYLOAD_MAX
        if reply is not None and is_short and now_ns <= forward.deadline_ns:
            outcome = Outcome.OK
            response = Response(Status.OK, request.correlation, reply)
        return Answer(response, AuditRecord(outcome, forward.peer, request.service, forward.opcode))
