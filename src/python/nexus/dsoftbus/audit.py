"""The record of a gateway decision: who asked what, and how it ended.

Never a payload, never a key: what a record must not show is not in it to begin with.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from nexus.contract import audit
from nexus.dsoftbus.mux_transitions import Reject
from nexus.dsoftbus.policy import SERVICES
from nexus.wire.gateway import REQUEST_HEAD_BYTES, SERVICE_AT, Type
from nexus.wire.log import Append, Level

SCOPE: Final = audit.SCOPE

Outcome = audit.Outcome


def is_denial(outcome: Outcome) -> bool:
    """Whether the call never reached a service."""
    return outcome not in (Outcome.OK, Outcome.FAILED)


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One decision."""

    outcome: Outcome
    peer: str | None
    service: int | None
    opcode: int | None

    @property
    def level(self) -> Level:
        """INFO for a call that went well, WARN for every other."""
        return Level.INFO if self.outcome is Outcome.OK else Level.WARN

    @property
    def message(self) -> str:
        """The text that logd gets."""
        service = "-" if self.service is None else service_name(self.service) or f"#{self.service}"
        opcode = "-" if self.opcode is None else str(self.opcode)
        return audit.CALL.format(
            outcome=self.outcome.value,
            peer=printable(self.peer or "-"),
            service=service,
            op=opcode,
        )

    def append(self, nonce: int | None = None) -> Append:
        """The request to logd."""
        return Append(self.level, SCOPE, self.message, nonce=nonce)


@dataclass(frozen=True, slots=True)
class MuxRecord:
    """A session that ended because its peer broke the rules of streams."""

    reject: Reject
    peer: str

    @property
    def level(self) -> Level:
        """Never what should happen."""
        return Level.WARN

    @property
    def message(self) -> str:
        """The text that logd gets."""
        return audit.MUX.format(reject=self.reject.value, peer=printable(self.peer))


@dataclass(frozen=True, slots=True)
class FaultRecord:
    """A session that ended because of a defect on this side; the local log has its trace."""

    peer: str | None

    @property
    def level(self) -> Level:
        """Never what should happen."""
        return Level.ERROR

    @property
    def message(self) -> str:
        """The text that logd gets."""
        return audit.FAULT.format(peer=printable(self.peer or "-"))


@dataclass(frozen=True, slots=True)
class AddressRecord:
    """A peer was dialled at an address that could not prove the peer's key."""

    peer: str
    address: str
    port: int

    @property
    def level(self) -> Level:
        """Another host may claim to be there."""
        return Level.WARN

    @property
    def message(self) -> str:
        """The text that logd gets."""
        where = f"{self.address}:{self.port}"
        return audit.ADDRESS.format(peer=printable(self.peer), address=where)


@dataclass(frozen=True, slots=True)
class StrangersRecord:
    """The connections of one source in an interval, beyond those with a record."""

    source: str
    refused: int
    evicted: int
    timed_out: int
    span_ms: int

    @property
    def level(self) -> Level:
        """Never what should happen."""
        return Level.WARN

    @property
    def message(self) -> str:
        """The text that logd gets."""
        return audit.STRANGERS.format(
            source=printable(self.source),
            refused=self.refused,
            evicted=self.evicted,
            timeout=self.timed_out,
            ms=self.span_ms,
        )


@dataclass(frozen=True, slots=True)
class DenialsRecord:
    """The number of a peer's denials without a record of their own, since there were too many."""

    peer: str
    count: int
    span_ms: int

    @property
    def level(self) -> Level:
        """Never what should happen."""
        return Level.WARN

    @property
    def message(self) -> str:
        """The text that logd gets."""
        peer = printable(self.peer)
        return audit.DENIALS.format(peer=peer, count=self.count, ms=self.span_ms)


Record = AuditRecord | MuxRecord | FaultRecord | AddressRecord | StrangersRecord | DenialsRecord


def record_of(outcome: Outcome, peer: str | None, frame: bytes = b"") -> AuditRecord:
    """Make the record of a frame, as far as the frame says what it is about."""
    is_request = len(frame) >= REQUEST_HEAD_BYTES and frame[0] == Type.REQUEST
    service = frame[SERVICE_AT] if is_request else None
    opcode = frame[REQUEST_HEAD_BYTES + 3] if len(frame) >= REQUEST_HEAD_BYTES + 4 else None
    return AuditRecord(outcome, peer, service, opcode if is_request else None)


def service_name(number: int) -> str | None:
    """Return the name of a service that the gateway knows."""
    service = SERVICES.get(number)
    return None if service is None else service.name


def printable(text: str) -> str:
    """Show an id of unknown origin: whatever is outside `!`..`~` becomes `?`, byte for byte."""
    return "".join(chr(byte) if 0x21 <= byte <= 0x7E else "?" for byte in text.encode())
