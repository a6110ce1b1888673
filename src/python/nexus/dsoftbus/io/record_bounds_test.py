"""Each record as the document that a reader gets, value by value, and what no document may say."""

from __future__ import annotations

from typing import Any  # Any: documents of any shape.

import jsonschema
import pytest

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
from nexus.dsoftbus.io.record import change_fields, config_schema, record_fields, record_schema
from nexus.dsoftbus.mux_transitions import Reject
from nexus.wire.log import Level

ODD = "a\n\x1b"
DIALECT = "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize(
    ("record", "fields"),
    [
        (
            AuditRecord(Outcome.OK, "node-b", 1, 6),
            ["remote-call", "info", "ok", "node-b", "samgrd", 6],
        ),
        (
            AuditRecord(Outcome.RATE, ODD, 200, 0),
            ["remote-call", "warn", Outcome.RATE.value, "a??", "#200", 0],
        ),
        (
            AuditRecord(Outcome.FAILED, None, None, None),
            ["remote-call", "warn", Outcome.FAILED.value, None, None, None],
        ),
        (
            AuditRecord(Outcome.OK, "node-b", 0, None),
            ["remote-call", "info", "ok", "node-b", "#0", None],
        ),
        (
            MuxRecord(Reject.CREDIT, ODD),
            ["mux-reject", "warn", Reject.CREDIT.value, "a??"],
        ),
        (FaultRecord(ODD), ["session-fault", "error", "fault", "a??"]),
        (FaultRecord(None), ["session-fault", "error", "fault", None]),
        (AddressRecord(ODD, "10.0.0.1", 7), ["unproven-address", "warn", "a??", "10.0.0.1", 7]),
        (StrangersRecord(ODD, 1, 2, 3, 4), ["strangers", "warn", "a??", 1, 2, 3, 4]),
        (DenialsRecord(ODD, 5, 6), ["denials", "warn", "a??", 5, 6]),
    ],
)
def test_a_record_says_each_thing_in_its_place(record: Record, fields: list[object]) -> None:
    assert list(record_fields(record).values()) == fields


def test_a_change_says_each_thing_in_its_place() -> None:
    key_hash = "0123456789abcdef"
    fields = change_fields(
        level=Level.WARN, operation="put", outcome="allow", peer=ODD, key_hash=key_hash
    )
    assert list(fields.values()) == ["state-change", "warn", "put", "allow", "a??", key_hash]


CALL = record_fields(AuditRecord(Outcome.OK, "node-b", 1, 6))
ADDRESS = record_fields(AddressRecord("node-b", "10.0.0.1", 7))
STRANGERS = record_fields(StrangersRecord("10.0.0.1", 0, 0, 0, 0))
DENIALS = record_fields(DenialsRecord("node-b", 0, 0))


@pytest.mark.parametrize(
    ("fields", "name", "low", "high"),
    [
        (CALL, "opcode", 0, 255),
        (ADDRESS, "port", 0, 65_535),
        (STRANGERS, "refused", 0, None),
        (STRANGERS, "evicted", 0, None),
        (STRANGERS, "timed_out", 0, None),
        (STRANGERS, "span_ms", 0, None),
        (DENIALS, "count", 0, None),
        (DENIALS, "span_ms", 0, None),
    ],
)
def test_a_number_of_a_document_is_within_its_bounds(
    fields: dict[str, object], name: str, low: int, high: int | None
) -> None:
    schema: Any = record_schema()
    for value in (low, 1 << 40 if high is None else high):
        jsonschema.validate({**fields, name: value}, schema)
    for value in (low - 1, *(() if high is None else (high + 1,))):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**fields, name: value}, schema)


def test_a_hash_is_sixteen_digits_or_none() -> None:
    schema: Any = record_schema()
    fields = change_fields(
        level=Level.INFO, operation="put", outcome="allow", peer="node-b", key_hash="-"
    )
    jsonschema.validate({**fields, "key_hash": "f" * 16}, schema)
    for wrong in ("", "f" * 15, "f" * 17, "F" * 16, "--"):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**fields, "key_hash": wrong}, schema)


def test_both_schemas_say_of_which_dialect_they_are() -> None:
    for schema in (record_schema(), config_schema()):
        assert schema["$schema"] == DIALECT
        jsonschema.Draft202012Validator.check_schema(schema)
