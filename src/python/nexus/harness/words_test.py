"""The words of a run for people and pipelines, to the letter.

They are exit codes, last words, reports of test cases, and the forms of texts and times.
"""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest

from nexus.harness import child, junit, last_words, wording
from nexus.harness.outcome import BY_LABEL, FAULT_TEXTS, GUEST_FAULTS, MISSING, Outcome
from nexus.harness.phase import GUEST_PHASES, RANK, Phase
from nexus.harness.plan import Expectation
from nexus.harness.summary import Deterministic, ExpectationSummary, describe_unrun

# Exit codes are an interface: pipelines know them by number.
CODES = {
    "passed": 0,
    "forbidden-marker": 10,
    "guest-panic": 11,
    "time-budget": 12,
    "deadlock": 13,
    "garbled-log": 14,
    "instruction-budget": 15,
    "service-crash": 16,
    "misplaced-marker": 17,
    "unexpected-outcome": 18,
    "bad-configuration": 20,
    "host-fault": 21,
    "engine-unavailable": 22,
    "missing-launch": 30,
    "missing-discovery": 31,
    "missing-session": 41,
    "missing-remote": 51,
    "missing-end": 61,
    "interrupted": 130,
}


def test_each_outcome_has_its_name_and_its_code() -> None:
    assert {outcome.label: outcome.exit_code for outcome in Outcome} == CODES
    assert {label: outcome.exit_code for label, outcome in BY_LABEL.items()} == CODES
    assert [MISSING[phase].exit_code for phase in GUEST_PHASES] == [30, 31, 41, 51, 61]
    assert {outcome.exit_code for outcome in GUEST_FAULTS} == {10, 11, 14, 16, 17}
    assert [(text, outcome.exit_code) for text, outcome in FAULT_TEXTS] == [
        ("kernel: service crashed", 16),
        ("panic", 11),
        (" FAIL", 10),
    ]
    assert sorted(GUEST_PHASES, key=RANK.__getitem__) == list(GUEST_PHASES)


@pytest.mark.parametrize(
    ("ns", "plain", "aligned"),
    [
        (0, "0.000 ms", "     0.000 ms"),
        (999, "0.000 ms", "     0.000 ms"),
        (1_000, "0.001 ms", "     0.001 ms"),
        (1_999_999, "1.999 ms", "     1.999 ms"),
        (123_456_789_012, "123456.789 ms", "123456.789 ms"),
    ],
)
def test_times_are_milliseconds_to_the_microsecond(ns: int, plain: str, aligned: str) -> None:
    assert (wording.format_ms(ns), wording.format_ns(ns)) == (plain, aligned)


def test_what_is_missing_is_said_with_what_was_begun() -> None:
    marker = Expectation("A", Phase.LAUNCH, "up")
    pattern = Expectation("A", Phase.LAUNCH, "u.", is_pattern=True)
    assert wording.describe_missing(marker, b"") == "marker 'up' on machine A"
    assert wording.describe_missing(pattern, b"") == "a line like 'u.' on machine A"
    for length, shown in ((80, "x" * 80), (81, "x" * 80 + "...")):
        said = wording.describe_missing(marker, b"x" * length)
        assert said == (
            f"marker 'up' on machine A (its last output {shown!r} has no newline, so it is not a"
            " line yet)"
        )
    assert r"'\\xff'" in wording.describe_missing(marker, b"\xff")


def test_last_words_are_twelve_lines_of_each_console_and_then_the_states(
    capsys: pytest.CaptureFixture[str],
) -> None:
    files = {
        **last_words.files_of({"A": ["pc 0x80000000", "a\x1bb"]}),
        "uart-A.log": b"".join(b"line %d\r\n" % number for number in range(13)),
        "uart-B.log": b"\xff\t::set x\n::error:: y\n  ::warning z",
        "uart-C.log": b"",
        "trace.txt": b"not shown",
    }
    assert files["state-A.txt"] == b"pc 0x80000000\na\x1bb\n"
    last_words.show(files)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "--- the last lines of uart-A.log",
        *(f"  line {number}" for number in range(1, 13)),
        "--- the last lines of uart-B.log",
        "  \\xff\t::set x",
        r"  \x3a:error:: y",
        r"    \x3a:warning z",
        "--- the last of them has no newline, so it is not a line yet",
        "--- the last state of machine A",
        "  pc 0x80000000",
        r"  a\x1bb",
    ]


def run_of(*entries: ExpectationSummary, **values: object) -> Deterministic:
    unrun = describe_unrun("world", [], 1, Phase.END, "missing-launch", "marker \x07")
    return unrun.model_copy(update={"expectations": list(entries), **values})


def seen(marker: str, seen_ns: int | None, machine: str = "A") -> ExpectationSummary:
    return ExpectationSummary(
        machine=machine, phase="launch", marker=marker, is_pattern=False, seen_ns=seen_ns
    )


def cases_of(text: str) -> list[tuple[str, str, str, list[str]]]:
    return [
        (each.attrib["classname"], each.attrib["name"], each.attrib["time"], [c.tag for c in each])
        for each in ET.fromstring(text.encode()).iter("testcase")
    ]


def test_a_run_that_failed_has_one_culprit_and_what_came_after_it_is_skipped() -> None:
    run = run_of(
        seen("first", 1_500_000_000),
        seen("second", None),
        seen("second", None, "B"),
        seen("third", None),
        machine="A",
        phase="launch",
        first_missing_marker="second",
        virtual_ns=2_000_000_001,
    )
    text = junit.build(run, expected_outcome="passed", is_success=False)
    assert text.startswith('<?xml version="1.0" encoding="utf-8"?>\n<testsuites>\n  <testsuite ')
    assert text.endswith("</testsuites>\n")
    assert cases_of(text) == [
        ("world.launch", "A: first", "1.500000000", []),
        ("world.launch", "A: second", "0.000000000", ["failure"]),
        ("world.launch", "B: second", "0.000000000", ["skipped"]),
        ("world.launch", "A: third", "0.000000000", ["skipped"]),
        ("world.verdict", "passed", "2.000000001", ["failure"]),
    ]
    suite = ET.fromstring(text.encode())[0].attrib
    assert suite == {
        "name": "world",
        "tests": "5",
        "failures": "2",
        "errors": "0",
        "skipped": "2",
        "time": "2.000000001",
    }
    messages = [each.attrib["message"] for each in ET.fromstring(text.encode()).iter("failure")]
    assert messages == ["missing-launch: not seen", r"missing-launch: marker \x07"]


def test_a_run_that_failed_as_it_was_to_fail_is_a_success() -> None:
    run = run_of(seen("first", None), machine="A", phase="launch", first_missing_marker="first")
    text = junit.build(run, expected_outcome="missing-launch", is_success=True)
    assert [(name, tags) for _, name, _, tags in cases_of(text)] == [
        ("A: first", ["skipped"]),
        ("missing-launch", ["system-out"]),
    ]
    assert 'failures="0"' in text
    assert r"missing-launch: marker \x07</system-out>" in text


def test_a_run_that_never_began_has_no_digests_and_no_times() -> None:
    run = describe_unrun("w", ["a=1"], 7, Phase.SESSION, "host-fault", "m")
    assert run.model_dump() == {
        "world": "w",
        "settings": ["a=1"],
        "seed": 7,
        "until": "session",
        "outcome": "host-fault",
        "message": "m",
        "phase": "build",
        "virtual_ns": 0,
        "frames_not_captured": 0,
        **dict.fromkeys(("machine", "first_missing_marker", "digests")),
        **{name: [] for name in ("phases", "expectations")},
        **{name: {} for name in ("machine_states", "instructions", "frames_sent", "faults")},
    }


PATIENT = (
    "import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(60)"
)


@pytest.mark.parametrize(
    ("program", "code"), [(PATIENT, -9), ("print(flush=True); import time; time.sleep(60)", -15)]
)
def test_a_process_is_asked_to_end_and_made_to(program: str, code: int) -> None:
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        child.stop(process, 0.2)
        assert process.returncode == code
        child.stop(process, 0.2)
        assert process.returncode == code
