"""The serving side of a transfer: one value of a peer's, put or got, on a stream of its own.

    stream's bytes -> `receive`, its end -> `end`, no more of it -> `abort`

Rules of this file
------------------
1. Everything is judged from the head, before anything is done (docs/spec/statefs.md, *Transfer*).
2. A value is set when all of it is here, by one call of the store: there is nothing to undo.
3. A put has one record, an aborted one too.  The number of one that was aborted stays free.
4. What is held is the head and at most the value that was announced and judged.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, Protocol

from nexus.dsoftbus.audit import Outcome
from nexus.dsoftbus.mux_transitions import ResetReason
from nexus.dsoftbus.replay import Verdict, has_epoch
from nexus.remotefs.state.acl import STATUS, ChangeRecord, Reject, Rejection, judge_transfer
from nexus.remotefs.state.acl import record_of as record_of_change
from nexus.remotefs.state.call import Call, digest_of
from nexus.remotefs.state.calls import Known
from nexus.remotefs.state.remote import RemoteState
from nexus.remotefs.state.replies import SERVICE
from nexus.wire.error import RemoteProtocolError
from nexus.wire.state import Op as StateOp
from nexus.wire.state import Status
from nexus.wire.transfer import (
    HEAD_BYTES,
    KEY_BYTES_MAX,
    Head,
    Op,
    Reply,
    Stage,
    decode_head,
    decode_reply,
)

_OPS: Final = {Op.PUT: StateOp.PUT, Op.GET: StateOp.GET}


class Gate(Protocol):
    """The judgement of the node's gateway on a peer (`nexus.dsoftbus.io.gate.PeerGate`)."""

    @property
    def peer(self) -> str:
        """Whose stream it is."""

    def admit(self, service: int, opcode: int) -> bool:
        """Take a token and ask the allowlist; a refusal is recorded."""

    def record(self, outcome: Outcome, service: int, opcode: int | None) -> None:
        """Record how an operation ended."""

    def look(self, correlation: int, service: int, payload: bytes) -> tuple[Verdict, bytes | None]:
        """Say whether a change was made already."""

    def begin(self, correlation: int, service: int, payload: bytes) -> tuple[Verdict, bytes | None]:
        """Say the same and take note of it."""

    def finish(self, correlation: int, reply: bytes) -> None:
        """Remember the answer of what was begun."""


class _Phase(Enum):
    HEAD = auto()
    KEY = auto()
    VALUE = auto()
    OVER = auto()


@dataclass(frozen=True, slots=True)
class Step:
    """A step on the stream: send, and then end it or not."""

    send: bytes = b""
    is_over: bool = False
    reset: ResetReason | None = None


class ServedTransfer:
    """One transfer."""

    def __init__(
        self, remote: RemoteState, gate: Gate, audit: Callable[[ChangeRecord], None]
    ) -> None:
        """Await a head."""
        self._remote = remote
        self._gate = gate
        self._audit = audit
        self._phase = _Phase.HEAD
        self._buffer = bytearray()
        self._head: Head | None = None
        self._asked = b""  # Head and key: what a repetition is known by.
        self._key = ""

    def receive(self, data: bytes) -> Step:
        """Take bytes of the stream, in any pieces."""
        if self._phase is _Phase.OVER:
            return Step()
        self._buffer += data
        if self._phase is _Phase.HEAD and len(self._buffer) >= HEAD_BYTES:
            step = self._take_head(self._cut(HEAD_BYTES))
            if step is not None:
                return step
        if self._phase is _Phase.KEY and len(self._buffer) >= self._known.key_bytes:
            step = self._take_key(self._cut(self._known.key_bytes))
            if step is not None:
                return step
        if self._phase is _Phase.VALUE and len(self._buffer) > self._known.value_bytes:
            self.abort()
            return Step(is_over=True, reset=ResetReason.NONSENSE)
        return Step()

    def end(self) -> Step:
        """Take the peer's end of the stream."""
        if self._phase is _Phase.OVER:
            return Step()
        if self._phase is not _Phase.VALUE:
            return self._malformed()
        if len(self._buffer) < self._known.value_bytes:
            self.abort()
            return Step(is_over=True, reset=ResetReason.NONSENSE)
        return self._commit(self._known)

    def abort(self) -> None:
        """Note that no more of the stream will come; nothing has changed."""
        if self._phase is _Phase.VALUE:
            self._record(Status.IO_ERROR)
        self._phase = _Phase.OVER
        self._buffer.clear()

    @property
    def _known(self) -> Head:
        assert self._head is not None, "no head yet"
        return self._head

    def _take_head(self, data: bytes) -> Step | None:
        try:
            self._head = head = decode_head(data)
        except RemoteProtocolError:
            return self._malformed()
        if not self._gate.admit(SERVICE, head.op):
            return self._done(head, Status.ACCESS_DENIED)
        self._asked = data
        if head.key_bytes > KEY_BYTES_MAX:
            return self._judge(head, None)
        self._phase = _Phase.KEY
        return None

    def _take_key(self, key: bytes) -> Step | None:
        self._asked += key
        return self._judge(self._known, key)

    def _judge(self, head: Head, key: bytes | None) -> Step | None:
        """Judge head and key; a put that may begin goes ahead."""
        if head.op is Op.PUT and has_epoch(head.identity):
            verdict, reply = self._gate.look(head.identity, SERVICE, self._asked)
            if verdict is not Verdict.RUN:
                return self._repeat(head, verdict, reply)
            known = self._remote.look(self._call(head))
            if isinstance(known, Status):
                is_ok = known is Status.OK
                return self._done(head, known, head.value_bytes if is_ok else 0)
            if known is Known.FORGOTTEN:
                return self._done(head, Status.IO_ERROR)
        judged = judge_transfer(_OPS[head.op], key, head.value_bytes)
        if isinstance(judged, Rejection):
            self._key = judged.key
            if head.op is Op.GET:
                self._gate.record(Outcome.OK, SERVICE, head.op)
                return self._done(head, STATUS[judged.why])
            return self._settle(head, STATUS[judged.why], judged.why)
        self._key = judged
        if head.op is Op.GET:
            return self._get(head)
        self._phase = _Phase.VALUE
        step = Step(Reply(head.op, Status.OK, Stage.GO_AHEAD).encode())
        if len(self._buffer) > head.value_bytes:
            return None  # `receive` refuses it.
        return step

    def _get(self, head: Head) -> Step:
        value = self._remote.get(self._key)
        self._gate.record(Outcome.OK, SERVICE, head.op)
        if value is None:
            return self._done(head, Status.NOT_FOUND)
        return self._done(head, Status.OK, len(value), value)

    def _commit(self, head: Head) -> Step:
        """Set the value; the number of a put that may be repeated is taken now."""
        if has_epoch(head.identity):
            verdict, reply = self._gate.begin(head.identity, SERVICE, self._asked)
            if verdict is not Verdict.RUN:
                # Its twin of another session was faster, or so many calls that it is forgotten.
                if verdict is not Verdict.DONE:
                    self._record(Status.IO_ERROR)
                return self._repeat(head, verdict, reply)
        status = self._remote.change(self._key, bytes(self._buffer), self._call(head))
        self._record(status)
        step = self._done(head, status, len(self._buffer) if status is Status.OK else 0)
        if has_epoch(head.identity):
            self._gate.finish(head.identity, step.send)
        return step

    def _call(self, head: Head) -> Call:
        return Call(self._gate.peer, head.identity, digest_of(SERVICE, self._asked))

    def _settle(self, head: Head, status: Status, why: Reject) -> Step:
        """Refuse a put for what its head says, and remember that."""
        step = self._done(head, status)
        if has_epoch(head.identity):
            verdict, _ = self._gate.begin(head.identity, SERVICE, self._asked)
            if verdict is Verdict.RUN:
                self._gate.finish(head.identity, step.send)
        self._record(why)
        return step

    def _repeat(self, head: Head, verdict: Verdict, reply: bytes | None) -> Step:
        """Answer what was asked before, as it was answered then, or not at all."""
        if verdict is Verdict.DONE and reply is not None:
            first = decode_reply(reply)
            return self._done(head, first.status, first.value_bytes)
        return self._done(head, Status.IO_ERROR)

    def _done(self, head: Head, status: Status, value_bytes: int = 0, value: bytes = b"") -> Step:
        self._phase = _Phase.OVER
        reply = Reply(head.op, status, Stage.DONE, value_bytes)
        step = Step(reply.encode() + value, is_over=True)
        self._buffer = bytearray()
        return step

    def _malformed(self) -> Step:
        self._phase = _Phase.OVER
        self._buffer.clear()
        self._gate.record(Outcome.MALFORMED, SERVICE, None)
        return Step(is_over=True, reset=ResetReason.NONSENSE)

    def _record(self, outcome: Status | Reject) -> None:
        record = record_of_change(StateOp.PUT, outcome, self._gate.peer, self._key)
        assert record is not None, "a put has a record"
        self._audit(record)

    def _cut(self, count: int) -> bytes:
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        return data
