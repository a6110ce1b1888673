"""The values that the page's template gets, each compared whole: the template is another matter."""

from __future__ import annotations

import json
from typing import Any  # Any: JSON, as it is read.

import pytest

from nexus.harness.activity import Activity
from nexus.harness.report import page
from nexus.harness.report.event import KINDS, MAIN_KINDS, Event, Kind
from nexus.harness.report.page_test import console, summary
from nexus.harness.summary import ExpectationSummary, Summary

NAMES = """
    style script run notes missing hints tails last calls sessions
    windows markers machines labels faults files coverage flame data
"""


@pytest.fixture(autouse=True)
def template(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the template write down what it got."""
    parts = ", ".join(f"'{name}': {name}" for name in NAMES.split())
    monkeypatch.setattr(page, "_resource", lambda name: "{{ {" + parts + "} | tojson }}")


def values_of(run: Summary, events: list[Event], **given: Any) -> dict[str, Any]:
    consoles = given.pop("consoles", {"A": b"", "B": b""})
    beside = given.pop("beside", [])
    held: dict[str, Any] = json.loads(page.render(run, events, consoles, beside, **given))
    return held


def cells(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> list[list[Any]]:
    """The rows of a table, which has these columns and no other."""
    assert all(set(row) == set(columns) for row in rows)
    return [[row[column] for column in columns] for row in rows]


def answer(ms: int, status: str, **values: str | int) -> Event:
    values = {"to": "A", "service": "logd", "operation": "append", "status": status, **values}
    return Event(ns=ms * 1_000_000, machine="B", kind="answer", text="", values=values)


def test_what_is_said_of_the_run_itself() -> None:
    values = values_of(summary(faults={"loss": 2, "overflow": 1}), [], beside=["a.log", "b.log"])
    assert values["run"] == {
        "world": "os2vm",
        "outcome": "passed",
        "message": "2 of 2 markers seen",
        "seed": 1,
        "virtual_ms": "10.000000",
        "engine": "nexus.emulator (native)",
        "exit_code": 0,
        "expected_outcome": "passed",
    }
    assert (values["faults"], values["files"]) == ("loss 2, overflow 1", ["a.log", "b.log"])
    assert (values["labels"], values["missing"], values["notes"]) == (["A", "B"], None, [])
    assert (values["coverage"], values["flame"], values["tails"]) == (None, "", [])
    assert values["style"] == values["script"]


def test_a_run_whose_summary_is_lost_has_only_what_is_known() -> None:
    run = values_of(summary(outcome="unknown"), [])["run"]
    assert {name for name, value in run.items() if value == "unknown"} == {
        "outcome",
        "seed",
        "virtual_ms",
        "exit_code",
    }


@pytest.mark.parametrize(
    ("changed", "missing"),
    [
        ({}, None),
        (
            {"first_missing_marker": "up\x07", "machine": "B", "phase": "launch"},
            {"machine": "B", "phase": "launch", "marker": r"up\x07"},
        ),
        ({"first_missing_marker": "up"}, {"machine": "?", "phase": "?", "marker": "up"}),
    ],
)
def test_the_marker_that_is_missing(
    changed: dict[str, object], missing: dict[str, str] | None
) -> None:
    assert values_of(summary(**changed), [])["missing"] == missing


def test_markers_and_machines_are_rows() -> None:
    given: dict[str, Any] = {"machine": "A", "phase": "launch", "is_pattern": False}
    run = summary(
        expectations=[
            ExpectationSummary(marker="up\t", seen_ns=1_500_000, **given),
            ExpectationSummary(marker="end", seen_ns=None, **given),
            ExpectationSummary(marker="at once", seen_ns=0, **given),
        ],
        instructions={"A": 1_234_567, "B": 0, "C": 999},
        frames_sent={"A": 3},
        machine_states={"A": "idle"},
    )
    values = values_of(run, [])
    assert values["markers"] == [
        {"phase": "launch", "machine": "A", "text": r"up\x09", "ms": "1.500000"},
        {"phase": "launch", "machine": "A", "text": "end", "ms": None},
        {"phase": "launch", "machine": "A", "text": "at once", "ms": "0.000000"},
    ]
    columns = ("label", "instructions", "busy", "idle", "frames", "state")
    assert cells(values["machines"], columns) == [
        ["A", "1,234,567", "100.0%", "0.0%", 3, "idle"],
        ["B", "0", "0.0%", "100.0%", 0, "unknown"],
        ["C", "999", "0.1%", "99.9%", 0, "unknown"],
    ]
    machines = values_of(summary(virtual_ns=0), [])["machines"]
    assert [(row["busy"], row["idle"]) for row in machines] == [("0.0%", "100.0%")]


def test_calls_are_rows_with_their_latency_and_whether_they_went_well() -> None:
    events = [
        answer(1, "ok", latency_ns=2_999),
        answer(2, "ok, not_found", latency_ns=0),
        answer(3, "refused", to="C"),
        Event(ns=4, machine="B", kind="answer", text="", values={}),
        console(5, "no call"),
    ]
    columns = (
        "ns",
        "ms",
        "caller",
        "callee",
        "service",
        "operation",
        "status",
        "class",
        "latency_us",
    )
    assert cells(values_of(summary(), events)["calls"], columns) == [
        [1_000_000, "1.000000", "A", "B", "logd", "append", "ok", "", 2],
        [2_000_000, "2.000000", "A", "B", "logd", "append", "ok, not_found", "", 0],
        [3_000_000, "3.000000", "C", "B", "logd", "append", "refused", "bad", 0],
        [4, "0.000004", "?", "B", "?", "?", "?", "bad", 0],
    ]


@pytest.mark.parametrize(
    ("kind", "text", "is_there"),
    [
        *((kind, "x", True) for kind in ("announce", "handshake", "session", "stream", "sealed")),
        *((kind, "audit denied", False) for kind in ("call", "marker", "frame", "fault")),
        ("console", "x", False),
        ("console", "an audit of it", True),
        ("console", "it was denied", True),
    ],
)
def test_the_table_of_sessions_has_what_is_of_sessions(
    kind: Kind, text: str, is_there: bool
) -> None:
    event = Event(ns=2_500_000, machine="A\x07", kind=kind, text=text)
    row = {
        "ns": 2_500_000,
        "ms": "2.500000",
        "machine": r"A\x07",
        "kind": kind,
        "text": text,
    }
    assert values_of(summary(), [event])["sessions"] == [row] * is_there


def test_the_last_events_are_the_newest_of_the_main_kinds() -> None:
    events = [
        Event(ns=number, machine="A", kind=kind, text=f"{kind} {number}")
        for number in range(30)
        for kind in ("frame", "marker")
    ]
    assert "frame" not in MAIN_KINDS
    last = values_of(summary(), events)["last"]
    assert [row["text"] for row in last] == [f"marker {number}" for number in range(5, 30)]


def test_the_ends_of_consoles_begin_with_the_machine_at_fault() -> None:
    consoles = {
        "A": b"".join(b"line %d\n" % number for number in range(13)),
        "B": b"\xffhalf",
        "C": b"",
        "D": b"\n",
    }
    run = summary(outcome="deadlock", machine="B")
    assert values_of(run, [], consoles=consoles)["tails"] == [
        ["B", [r"\\xffhalf"]],
        ["A", [f"line {number}" for number in range(1, 13)]],
        ["D", [""]],
    ]


@pytest.mark.parametrize(
    ("length", "shown"),
    [
        (399, "x" * 399),
        (400, "x" * 400),
        (401, "x" * 400 + "... (401 characters)"),
    ],
)
def test_a_long_text_is_shortened_wherever_it_is_shown(length: int, shown: str) -> None:
    text = "x" * length
    events = [Event(ns=1, machine="A", kind="session", text=text)]
    values = values_of(summary(outcome="deadlock"), events, consoles={"A": text.encode()})
    assert values["tails"] == [["A", [shown]]]
    assert [row["text"] for row in values["sessions"]] == [shown]
    assert values["data"]["events"][0][3] == shown


def test_a_console_is_read_from_its_last_bytes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "CONSOLE_BYTES_READ", 5)
    values = values_of(summary(outcome="deadlock"), [], consoles={"A": b"first\nsecond\nx\n"})
    assert values["tails"] == [["A", ["nd", "x"]]]


def test_the_data_of_the_script_has_machines_and_kinds_by_number() -> None:
    activity = Activity()
    activity.note(100_000, {"B": 5_000})
    events = [
        Event(ns=5, machine="B", kind="call", text="a\x07", values={"to": "A"}),
        Event(ns=11_000_000, machine="Z", kind="frame", text="b", values={"to": "Z"}),
        Event(ns=3, machine="A", kind="console", text="c"),
    ]
    recorded = {"activity.json": activity.render().encode()}
    data = values_of(summary(), events, recorded=recorded)["data"]
    numbers = [list(KINDS).index(kind) for kind in ("call", "frame", "console")]
    assert data == {
        "kinds": list(KINDS),
        "main": list(MAIN_KINDS),
        "labels": ["A", "B"],
        "end_ns": 10_000_000,
        "events": [
            [5, 1, numbers[0], r"a\x07", 0],
            [11_000_000, -1, numbers[1], "b", -1],
            [3, 0, numbers[2], "c", -1],
        ],
        "busy": {"ns": 100_000, "lanes": [[], [50]]},
    }
    late = values_of(summary(), events[:2])["data"]
    assert (late["end_ns"], late["busy"]) == (11_000_000, None)
    assert values_of(summary(virtual_ns=7), [])["data"]["end_ns"] == 7


def test_what_is_left_out_of_a_long_run_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "EVENTS_MAX", 6)
    monkeypatch.setattr(page, "CALLS_MAX", 2)
    of_sessions = [console(number, f"audit {number}") for number in range(3)]
    answers = [answer(number, "ok") for number in range(3, 6)]
    values = values_of(summary(), of_sessions + answers, notes=["a note"])
    assert values["notes"] == ["a note", "The table of calls has the last 2 of 3."]
    assert [call["ns"] for call in values["calls"]] == [4_000_000, 5_000_000]
    assert [row["text"] for row in values["sessions"]] == ["audit 1", "audit 2"]
    values = values_of(summary(), of_sessions + answers[:2] + of_sessions[:2])
    assert values["notes"] == ["1 older events are left out; timeline.jsonl has them."]
    assert len(values["data"]["events"]) == 6
    assert len(values["calls"]) == 2


def test_a_page_of_files_takes_the_consoles_by_their_names() -> None:
    artifacts = {
        "uart-A.log": b"a",
        "trace.txt": b"",
        "uart-B.log": b"b",
        "coverage.info": b"SF:x\nLF:2\nLH:1\nend_of_record\n",
    }
    text = page.of_files(summary(outcome="deadlock"), [], artifacts, ["a note"])
    values = json.loads(text)
    assert (values["labels"], values["files"]) == (["A", "B"], list(artifacts))
    assert (values["tails"], values["notes"]) == ([["A", ["a"]], ["B", ["b"]]], ["a note"])
    assert values["coverage"]["total"]["hit"] == 1
