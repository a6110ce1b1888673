"""The text and the level of each record, to the letter, and values that no record shows."""

from __future__ import annotations

import pytest

from nexus.dsoftbus.audit import (
    SCOPE,
    AddressRecord,
    AuditRecord,
    DenialsRecord,
    FaultRecord,
    MuxRecord,
    Outcome,
    Record,
    StrangersRecord,
    is_denial,
    printable,
    record_of,
    service_name,
)
from nexus.dsoftbus.mux_transitions import Reject
from nexus.wire.gateway import Request
from nexus.wire.log import Append, Level

PUT = Request(4, 7, 1000, b"SS\1\1rest of it").encode()


@pytest.mark.parametrize(
    ("record", "level", "message"),
    [
        (
            AuditRecord(Outcome.OK, "node-b", 4, 1),
            Level.INFO,
            "audit remote call outcome=ok peer=node-b service=statefsd op=1",
        ),
        (
            AuditRecord(Outcome.FAILED, "node-b", 1, 0),
            Level.WARN,
            "audit remote call outcome=failed peer=node-b service=samgrd op=0",
        ),
        (
            AuditRecord(Outcome.SERVICE, "node b", 200, 255),
            Level.WARN,
            "audit remote call outcome=denied-service peer=node?b service=#200 op=255",
        ),
        (
            AuditRecord(Outcome.MALFORMED, None, None, None),
            Level.WARN,
            "audit remote call outcome=denied-malformed peer=- service=- op=-",
        ),
        (
            AuditRecord(Outcome.UNAUTHENTICATED, "", 0, 0),
            Level.WARN,
            "audit remote call outcome=denied-unauthenticated peer=- service=#0 op=0",
        ),
        (
            MuxRecord(Reject.INVALID_NAME, "x\n"),
            Level.WARN,
            "audit mux outcome=mux.reject.invalid_stream_name peer=x?",
        ),
        (FaultRecord("node-b"), Level.ERROR, "audit session outcome=fault peer=node-b"),
        (FaultRecord(None), Level.ERROR, "audit session outcome=fault peer=-"),
        (
            AddressRecord("node-b", "10.0.0.9", 34567),
            Level.WARN,
            "audit address outcome=unproven peer=node-b address=10.0.0.9:34567",
        ),
        (
            StrangersRecord("10.0.0.9", 1, 2, 3, 10_000),
            Level.WARN,
            "audit strangers source=10.0.0.9 refused=1 evicted=2 timeout=3 ms=10000",
        ),
        (
            DenialsRecord("node-b", 4, 9_999),
            Level.WARN,
            "audit denials peer=node-b count=4 ms=9999",
        ),
    ],
)
def test_a_record_says_this_so_loudly(record: Record, level: Level, message: str) -> None:
    assert (record.level, record.message) == (level, message)


def test_the_log_gets_a_decision_under_the_scope_of_the_bus() -> None:
    record = AuditRecord(Outcome.OK, "node-b", 4, 1)
    assert SCOPE == "dsoftbusd"
    assert record.append() == Append(Level.INFO, "dsoftbusd", record.message, nonce=None)
    assert record.append(9) == Append(Level.INFO, "dsoftbusd", record.message, nonce=9)


def test_only_a_call_that_a_service_had_is_not_a_denial() -> None:
    reached = {outcome for outcome in Outcome if not is_denial(outcome)}
    assert reached == {Outcome.OK, Outcome.FAILED}


@pytest.mark.parametrize(
    ("frame", "service", "opcode"),
    [
        (b"", None, None),
        (PUT, 4, 1),
        (PUT[: len(PUT) - 10], 4, 1),
        (PUT[: len(PUT) - 11], 4, None),
        (PUT[: len(PUT) - 14], 4, None),
        (PUT[: len(PUT) - 15], None, None),
        (b"\2" + PUT[1:], None, None),
    ],
    ids=["nothing", "whole", "to the opcode", "before it", "a head", "half a head", "no request"],
)
def test_a_record_says_what_the_frame_is_about_as_far_as_it_goes(
    frame: bytes, service: int | None, opcode: int | None
) -> None:
    found = record_of(Outcome.MALFORMED, "node-b", frame)
    assert found == AuditRecord(Outcome.MALFORMED, "node-b", service, opcode)


def test_services_have_names() -> None:
    names = [service_name(number) for number in range(7)]
    assert names == [None, "samgrd", "bundlemgrd", "packagefsd", "statefsd", "logd", None]


def test_what_is_not_printable_is_a_question_mark_for_each_byte() -> None:
    assert printable("!~az\x20\x7f\x1b\u00fc\n=") == "!~az?????" + "?="
