"""The gateway's judgement, memory and record, for a node that serves a peer on a stream.

A gateway frame is judged before it reaches a handler.  What comes on a stream of its own is known
to its handler only, which asks here: the same allowance, allowlist, memory of answers and audit.
"""

from __future__ import annotations

from collections.abc import Callable

from nexus.dsoftbus.audit import AuditRecord, Outcome, Record
from nexus.dsoftbus.gateway import Gateway
from nexus.dsoftbus.io.clock import Clock
from nexus.dsoftbus.replay import ReplayTable, Verdict


class PeerGate:
    """One node's gate, for one peer."""

    __slots__ = ("_audit", "_clock", "_gateway", "_replay", "peer")

    def __init__(
        self,
        gateway: Gateway,
        replay: ReplayTable,
        audit: Callable[[Record], None],
        peer: str,
        clock: Clock,
    ) -> None:
        """Ask for `peer`."""
        self._gateway = gateway
        self._replay = replay
        self._audit = audit
        self.peer = peer
        self._clock = clock

    def admit(self, service: int, opcode: int) -> bool:
        """Take a token and ask the allowlist; a refusal is recorded."""
        refused = self._gateway.admit(self.peer, service, opcode, self._clock.now_ns())
        if refused is not None:
            self.record(refused, service, opcode)
        return refused is None

    def record(self, outcome: Outcome, service: int, opcode: int | None) -> None:
        """Record how an operation ended."""
        self._audit(AuditRecord(outcome, self.peer, service, opcode))

    def look(self, correlation: int, service: int, payload: bytes) -> tuple[Verdict, bytes | None]:
        """Say whether a change was made already, and what its answer was."""
        return self._replay.look(self.peer, correlation, service, payload)

    def begin(self, correlation: int, service: int, payload: bytes) -> tuple[Verdict, bytes | None]:
        """Say the same, and take note of it; `finish` must follow on RUN."""
        return self._replay.begin(self.peer, correlation, service, payload)

    def finish(self, correlation: int, reply: bytes) -> None:
        """Remember the answer of what `begin` let run."""
        self._replay.finish(self.peer, correlation, reply)
