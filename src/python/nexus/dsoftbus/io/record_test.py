"""Every record that can be made is one that the schema describes."""

from __future__ import annotations

from itertools import product

import jsonschema
import pytest

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
)
from nexus.dsoftbus.io.record import change_fields, record_fields, record_schema
from nexus.dsoftbus.mux_transitions import Reject
from nexus.wire.log import Level

RECORDS = [
    AuditRecord(outcome, peer, service, opcode)
    for outcome, peer, service, opcode in product(
        Outcome, (None, "node-a", "b\n\x1b[2J"), (None, 1, 200), (None, 0, 255)
    )
]


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(record_schema())


def test_every_decision_is_described_by_the_schema() -> None:
    validator = jsonschema.Draft202012Validator(record_schema())
    for record in RECORDS:
        fields = record_fields(record)
        validator.validate(fields)
        assert str(fields["outcome"]) in record.message
        assert "\x1b" not in str(fields)


@pytest.mark.parametrize("reject", Reject)
def test_every_reject_is_described_by_the_schema(reject: Reject) -> None:
    fields = record_fields(MuxRecord(reject, "node-a"))
    jsonschema.validate(fields, record_schema())
    assert fields["outcome"] == reject.value


@pytest.mark.parametrize(
    "record",
    [
        FaultRecord(None),
        FaultRecord("a\nb"),
        AddressRecord("node-b", "10.42.0.66", 34567),
        StrangersRecord("10.42.0.77", 1, 2, 3, 10_000),
        DenialsRecord("node-a", 900, 10_000),
    ],
)
def test_every_other_record_is_described_by_the_schema(record: Record) -> None:
    fields = record_fields(record)
    jsonschema.validate(fields, record_schema())
    assert "\n" not in str(fields)


@pytest.mark.parametrize("verb", state.Verb)
def test_every_change_of_a_peer_is_described_by_the_schema(verb: state.Verb) -> None:
    fields = change_fields(
        level=Level.INFO, operation=verb.value, outcome="allow", peer="node-a", key_hash="-"
    )
    jsonschema.validate(fields, record_schema())
    assert fields["operation"] == verb.value


def test_a_change_of_state_is_described_by_the_schema() -> None:
    fields = change_fields(
        level=Level.WARN, operation="put", outcome="reject status", peer="a\nb", key_hash="-"
    )
    jsonschema.validate(fields, record_schema())
    assert (fields["event"], fields["peer"]) == ("state-change", "a?b")
    for wrong in ({"outcome": "maybe"}, {"operation": "get"}, {"key_hash": "/state/shared/k"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**fields, **wrong}, record_schema())


@pytest.mark.parametrize(
    "fields", [{}, {"event": "remote-call"}, {**record_fields(RECORDS[0]), "payload": "secret"}]
)
def test_anything_else_is_not(fields: dict[str, object]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(fields, record_schema())
