"""Audit records as JSON, and the schemas of what goes in and out.

The models here are for documents: the records themselves are made in `nexus.dsoftbus.audit`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, RootModel
from pydantic.json_schema import JsonSchemaValue

from nexus.config.fields import Model
from nexus.contract import state
from nexus.dsoftbus.audit import (
    AddressRecord,
    AuditRecord,
    DenialsRecord,
    FaultRecord,
    MuxRecord,
    Outcome,
    Record,
    StrangersRecord,
    printable,
    service_name,
)
from nexus.dsoftbus.io.configuration import BusConfig
from nexus.dsoftbus.mux_transitions import Reject
from nexus.wire.log import Level

_OUTCOMES = tuple(outcome.value for outcome in Outcome)
_REJECTS = tuple(reject.value for reject in Reject)
_VERBS = tuple(verb.value for verb in state.Verb)
_ENDINGS = (
    state.Ending.ALLOW.value,
    state.Ending.STATUS.value,
    *(f"{state.Ending.REJECT.value} {reject.value}" for reject in state.Reject),
)


class CallRecord(Model):
    """A decision about a remote call: the peer, the service, the operation, and how it ended."""

    event: Literal["remote-call"] = "remote-call"
    level: Literal["info", "warn"]
    outcome: Literal[_OUTCOMES]  # type: ignore[valid-type]  # The table is the type.
    peer: str | None
    service: str | None
    opcode: Annotated[int, Field(ge=0, le=255)] | None


class StreamRecord(Model):
    """A session that ended because its peer broke the rules of streams."""

    event: Literal["mux-reject"] = "mux-reject"
    level: Literal["warn"] = "warn"
    outcome: Literal[_REJECTS]  # type: ignore[valid-type]  # The table is the type.
    peer: str


class FaultedSession(Model):
    """A session that ended because of a defect on this side; its log has the trace."""

    event: Literal["session-fault"] = "session-fault"
    level: Literal["error"] = "error"
    outcome: Literal["fault"] = "fault"
    peer: str | None


class UnprovenAddress(Model):
    """A peer was dialled at an address that could not prove the peer's key."""

    event: Literal["unproven-address"] = "unproven-address"
    level: Literal["warn"] = "warn"
    peer: str
    address: str
    port: Annotated[int, Field(ge=0, le=65535)]


class Strangers(Model):
    """The connections of one source in an interval, beyond those with a record."""

    event: Literal["strangers"] = "strangers"
    level: Literal["warn"] = "warn"
    source: str
    refused: Annotated[int, Field(ge=0)]
    evicted: Annotated[int, Field(ge=0)]
    timed_out: Annotated[int, Field(ge=0)]
    span_ms: Annotated[int, Field(ge=0)]


class Denials(Model):
    """The number of a peer's denials without a record of their own, since there were too many."""

    event: Literal["denials"] = "denials"
    level: Literal["warn"] = "warn"
    peer: str
    count: Annotated[int, Field(ge=0)]
    span_ms: Annotated[int, Field(ge=0)]


class StateChange(Model):
    """A change of a node's state that a peer asked for; of the key a part of its hash."""

    event: Literal["state-change"] = "state-change"
    level: Literal["info", "warn"]
    operation: Literal[_VERBS]  # type: ignore[valid-type]  # The table is the type.
    # Refused before the store was asked, and for what; or by the store.
    outcome: Literal[_ENDINGS]  # type: ignore[valid-type]  # The tables are the type.
    peer: str
    key_hash: Annotated[str, Field(pattern="^([0-9a-f]{16}|-)$")]


class AnyRecord(
    RootModel[
        CallRecord
        | StreamRecord
        | FaultedSession
        | UnprovenAddress
        | Strangers
        | Denials
        | StateChange
    ]
):
    """One line of the audit."""


# A line of the audit, as JSON has it.
Fields = dict[str, object]


def record_fields(record: Record) -> Fields:
    """Turn a record into what its schema describes."""
    if isinstance(record, MuxRecord):
        return StreamRecord(outcome=record.reject.value, peer=printable(record.peer)).model_dump()
    if not isinstance(record, AuditRecord):
        return _other_fields(record)
    service = None if record.service is None else service_name(record.service)
    if record.service is not None and service is None:
        service = f"#{record.service}"
    return CallRecord(
        level="info" if record.outcome is Outcome.OK else "warn",
        outcome=record.outcome.value,
        peer=None if record.peer is None else printable(record.peer),
        service=service,
        opcode=record.opcode,
    ).model_dump()


def _other_fields(
    record: FaultRecord | AddressRecord | StrangersRecord | DenialsRecord,
) -> Fields:
    made: Model
    match record:
        case FaultRecord(peer):
            made = FaultedSession(peer=None if peer is None else printable(peer))
        case AddressRecord(peer, address, port):
            made = UnprovenAddress(peer=printable(peer), address=address, port=port)
        case StrangersRecord(source, refused, evicted, timed_out, span_ms):
            made = Strangers(
                source=printable(source),
                refused=refused,
                evicted=evicted,
                timed_out=timed_out,
                span_ms=span_ms,
            )
        case DenialsRecord(peer, count, span_ms):
            made = Denials(peer=printable(peer), count=count, span_ms=span_ms)
    return made.model_dump()


def change_fields(
    *, level: Level, operation: str, outcome: str, peer: str, key_hash: str
) -> Fields:
    """Make the line of a change of state."""
    fields = {
        "level": level.name.lower(),
        "operation": operation,
        "outcome": outcome,
        "peer": printable(peer),
        "key_hash": key_hash,
    }
    return StateChange.model_validate(fields).model_dump()


def record_schema() -> JsonSchemaValue:
    """Build the schema of a line of the audit."""
    return _with_dialect(AnyRecord.model_json_schema(mode="serialization"))


def config_schema() -> JsonSchemaValue:
    """Build the schema of `bus.toml`; what holds between its values is not in it."""
    return _with_dialect(BusConfig.model_json_schema())


def _with_dialect(schema: JsonSchemaValue) -> JsonSchemaValue:
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
