"""The gateway: which calls of a peer reach a local service, and which answer the peer gets.

The order of the checks is part of the contract (docs/spec/session.md), so that a refusal has one
reason:

    ready -> shape -> size -> rate -> service -> operation on the allowlist -> forward

A peer is told `refused` and nothing else; the reason is in the audit record.  Every call costs a
token, whatever is wrong with it: each costs this node work and a record.

A call comes as a frame or as a message (docs/spec/rpc.md).  Each has a front end, which makes a
request of its bytes; the decision is the same.
"""

from __future__ import annotations

from dataclasses import dataclass

from nexus.dsoftbus.audit import AuditRecord, Outcome, record_of
from nexus.dsoftbus.policy import SERVICES, Policy, Service
from nexus.dsoftbus.rate import Bucket, Limit
from nexus.wire import rpc, rpc_answer, rpc_call
from nexus.wire.error import LocalProtocolError, Reason, RemoteProtocolError
from nexus.wire.gateway import (
    REQUEST_PAYLOAD_MAX,
    RESPONSE_PAYLOAD_MAX,
    Request,
    Response,
    Status,
    correlation_of,
    decode_frame,
)
from nexus.wire.methods import Method

_NS_PER_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class Forward:
    """The call may reach this service; pass the reply to `Gateway.complete`."""

    peer: str
    service: Service
    request: Request
    deadline_ns: int
    opcode: int
    # The method of a call that came as a message, which is answered by one.
    method: Method | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The peer is told this, and the decision is recorded.

    `response` is None only where there is no session to answer on.  A call that came as a message
    is answered by `message`, which says the same.
    """

    response: Response | None
    audit: AuditRecord
    message: bytes | None = None

    def encode(self) -> bytes | None:
        """Return what goes to the peer, if anything does."""
        if self.message is not None:
            return self.message
        return None if self.response is None else self.response.encode()


def of_frame(frame: bytes) -> Request | Outcome:
    """Make a request of a frame, or say why it is malformed."""
    try:
        request = decode_frame(frame)
    except RemoteProtocolError:
        return Outcome.MALFORMED
    return request if isinstance(request, Request) else Outcome.MALFORMED


def of_message(read: rpc_call.Read) -> Request | Outcome:
    """Make a request of a message that was read, or say why it is malformed."""
    if read.request is not None:
        return read.request
    return Outcome.OVERSIZED if read.reason is Reason.OVERSIZED else Outcome.MALFORMED


def decide(
    peer: str | None,
    asked: Request | Outcome,
    policy: Policy,
    bucket: Bucket | None,
    now_ns: int,
) -> Outcome | tuple[Request, Service, int]:
    """Judge one call: the request, its service and operation to forward, or why not.

    Args:
        peer: The bound peer's device id; None is a connection that is not ready.
        asked: What a front end has made of the bytes.
        policy: What is permitted.
        bucket: The peer's tokens; None is a peer without an allowance.
        now_ns: Virtual time.
    """
    if peer is None:
        return Outcome.UNAUTHENTICATED
    has_token = bucket is not None and bucket.take(now_ns)
    if isinstance(asked, Outcome):
        return asked
    if len(asked.payload) > REQUEST_PAYLOAD_MAX:
        return Outcome.OVERSIZED
    if not has_token:
        return Outcome.RATE
    service = SERVICES.get(asked.service)
    opcode = None if service is None else service.opcode_of(asked.payload)
    if service is None or opcode is None or opcode in service.never:
        return Outcome.SERVICE  # Whatever the rules say.
    if not policy.allows(peer, asked.service, opcode):
        return Outcome.SERVICE
    return asked, service, opcode


class Gateway:
    """The gateway of one node: its policy, and a bucket for each configured peer."""

    def __init__(self, policy: Policy, limit: Limit, peers: tuple[str, ...], now_ns: int) -> None:
        """Fill one bucket a peer.  A peer that is not configured has none, and is denied."""
        self._policy = policy
        self._buckets = {peer: Bucket(limit, now_ns) for peer in peers}

    def receive(self, peer: str | None, frame: bytes, now_ns: int) -> Forward | Answer:
        """Judge one frame of a session, or (peer None) of a connection without one."""
        decision = self._decide(peer, of_frame(frame), now_ns)
        if isinstance(decision, Outcome):
            response = None
            if peer is not None:
                response = Response(Status.REFUSED, correlation_of(frame))
            return Answer(response, record_of(decision, peer, frame))
        return _forward(peer, decision, now_ns, None)

    def receive_message(self, peer: str | None, message: bytes, now_ns: int) -> Forward | Answer:
        """Judge one message, as `receive` judges the frame that it stands for."""
        read = rpc_call.read_call(message)
        decision = self._decide(peer, of_message(read), now_ns)
        if isinstance(decision, Outcome):
            opcode = None if read.method is None else read.method.opcode
            audit = AuditRecord(decision, peer, read.service, opcode)
            return _told(Response(Status.REFUSED, read.correlation), audit, peer)
        return _forward(peer, decision, now_ns, read.method)

    def _decide(
        self, peer: str | None, asked: Request | Outcome, now_ns: int
    ) -> Outcome | tuple[Request, Service, int]:
        bucket = None if peer is None else self._buckets.get(peer)
        return decide(peer, asked, self._policy, bucket, now_ns)

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
        request, method = forward.request, forward.method
        is_short = reply is not None and len(reply) <= RESPONSE_PAYLOAD_MAX
        if reply is None or not is_short or now_ns > forward.deadline_ns:
            return _failed(forward)
        done = AuditRecord(Outcome.OK, forward.peer, request.service, forward.opcode)
        if method is None:
            return Answer(Response(Status.OK, request.correlation, reply), done)
        number = request.correlation & rpc.NUMBER_MAX
        try:
            message = rpc_answer.encode_reply(method, number, reply)
        except (RemoteProtocolError, LocalProtocolError):
            return _failed(forward)  # It is not a reply of the method.
        return Answer(Response(Status.OK, number, reply), done, message)


def _forward(
    peer: str | None,
    decision: tuple[Request, Service, int],
    now_ns: int,
    method: Method | None,
) -> Forward:
    assert peer is not None, "only a ready session is forwarded"
    request, service, opcode = decision
    deadline_ns = now_ns + request.deadline_ms * _NS_PER_MS
    return Forward(peer, service, request, deadline_ns, opcode, method)


def _failed(forward: Forward) -> Answer:
    request, correlation = forward.request, forward.request.correlation
    audit = AuditRecord(Outcome.FAILED, forward.peer, request.service, forward.opcode)
    if forward.method is None:
        return Answer(Response(Status.FAILED, correlation), audit)
    return _told(Response(Status.FAILED, correlation & rpc.NUMBER_MAX), audit, forward.peer)


def _told(response: Response, audit: AuditRecord, peer: str | None) -> Answer:
    """Tell the caller of a message; a connection without a session gets no answer."""
    if peer is None:
        return Answer(None, audit)
    return Answer(response, audit, rpc_answer.encode_refusal(response.correlation, response.status))
