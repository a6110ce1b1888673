"""The words and files of a run of the program, each compared whole, for each way to end."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any  # Any: JSON, as it is read.

import pytest

from nexus.harness import arguments, plan_support, program
from nexus.harness.arguments import Options
from nexus.harness.engine import Engine, EngineUnavailableError
from nexus.harness.phase import Phase
from nexus.harness.plan import Expectation, Plan, PlanError
from nexus.harness.plan_support import say
from nexus.harness.program import Program
from nexus.simulation.machine_fake import Action, FakeMachine

HELLO = Expectation("A", Phase.LAUNCH, "hello")
PLAN = plan_support.plan([HELLO], "A", until=Phase.LAUNCH)


def run(
    out: Path,
    script: Sequence[tuple[int, Action]],
    *argv: str,
    plan: Plan = PLAN,
    error: Exception | None = None,
    sandbox: str = "",
) -> tuple[int, dict[str, Any], str]:
    """Return the exit code, the summary and the line of the result."""

    def boot(plan: Plan, options: Options) -> Engine:
        return plan_support.engine(plan, {"A": FakeMachine(script)})

    def load(options: Options) -> Plan:
        if error is not None:
            raise error
        return plan

    options = arguments.parse(["--world", "w/fake.toml", "--out", str(out), *argv])
    code = Program(options, load, boot, sandbox=sandbox).run()
    summary = json.loads((out / "summary.json").read_text())
    return code, summary, (out / "result.txt").read_text()


def test_a_run_that_passes_says_what_it_saw(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, summary, result = run(tmp_path, say(1, "other", "hello"))
    assert (code, result) == (0, "passed: 1 of 1 markers seen in 1.500 ms\n")
    captured = capsys.readouterr()
    assert captured.out.splitlines() == [
        "     1.500 ms  A    launch  hello",
        "os2vm: passed: 1 of 1 markers seen in 1.500 ms [exit 0]",
        f"os2vm: artifacts in {tmp_path}",
    ]
    assert captured.err == ""
    run_of = summary["deterministic"]
    assert {name: summary[name] for name in ("outcome", "exit_code", "expected_outcome")} == {
        "outcome": "passed",
        "exit_code": 0,
        "expected_outcome": "passed",
    }
    assert (summary["engine"], summary["is_reproducible"]) == ("fake", True)
    assert run_of["phases"] == [
        {
            "name": "launch",
            "budget_ns": 5_000_000_000,
            "start_ns": 0,
            "end_ns": 1_500_000,
            "duration_ns": 1_500_000,
        }
    ]
    assert run_of["expectations"] == [
        {
            "machine": "A",
            "phase": "launch",
            "marker": "hello",
            "is_pattern": False,
            "seen_ns": 1_500_000,
        }
    ]
    assert (run_of["machine"], run_of["phase"], run_of["first_missing_marker"]) == (None,) * 3
    assert (run_of["frames_sent"], run_of["faults"], run_of["seed"]) == ({"A": 0}, {}, 1)
    assert sorted(run_of["digests"]) == ["capture", "configs", "drives", "images", "logs", "trace"]


def test_a_run_that_fails_says_what_a_person_looks_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, summary, result = run(tmp_path, say(1, "other"))
    message = (
        "every machine waits for ever and no frame is in flight; first missing: marker 'hello' on"
        " machine A"
    )
    assert (code, result) == (13, f"deadlock: {message}\n")
    captured = capsys.readouterr()
    assert captured.err.splitlines() == [
        "--- the last lines of uart-A.log",
        "  other",
        "os2vm: machine A waits for ever, unless something arrives",
        f"os2vm: deadlock: {message} [exit 13]",
    ]
    assert captured.out.splitlines() == [f"os2vm: artifacts in {tmp_path}"]
    assert summary["deterministic"]["first_missing_marker"] == "hello"
    assert summary["deterministic"]["phases"][0]["end_ns"] is None
    assert summary["deterministic"]["phases"][0]["duration_ns"] is None


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (
            ["--expect-outcome", "deadlock"],
            0,
            ["os2vm: expected deadlock, got deadlock", "os2vm: deadlock: {} [exit 0]"],
        ),
        (
            ["--expect-outcome", "deadlock", "--expect-message", "in flight"],
            0,
            [
                "os2vm: expected deadlock with 'in flight', got deadlock",
                "os2vm: deadlock: {} [exit 0]",
            ],
        ),
        (
            ["--expect-outcome", "deadlock", "--expect-message", "moon"],
            18,
            ["os2vm: expected deadlock with 'moon', got deadlock", "os2vm: deadlock: {} [exit 18]"],
        ),
        (
            ["--expect-outcome", "passed", "--expect-message", "in flight"],
            13,
            ["os2vm: deadlock: {} [exit 13]"],
        ),
        (
            ["--expect-outcome", "guest-panic"],
            18,
            ["os2vm: expected guest-panic, got deadlock", "os2vm: deadlock: {} [exit 18]"],
        ),
    ],
)
def test_what_was_expected_is_said_beside_what_came(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], argv: list[str], code: int, said: list[str]
) -> None:
    found, summary, result = run(tmp_path, [], *argv)
    message = result.removeprefix("deadlock: ").rstrip("\n")
    captured = capsys.readouterr()
    lines = [
        line for line in (captured.err or captured.out).splitlines() if "machine A w" not in line
    ]
    assert found == summary["exit_code"] == code
    lines = [line for line in lines if "artifacts" not in line]
    assert lines == [line.format(message) for line in said]
    assert summary["expected_outcome"] == argv[1]


def test_a_pass_with_another_message_than_expected_is_no_success(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, _ = run(tmp_path, say(1, "hello"), "--expect-message", "2 of 2")
    assert code == 18
    assert capsys.readouterr().err.splitlines()[-2:] == [
        "os2vm: expected passed with '2 of 2', got passed",
        "os2vm: passed: 1 of 1 markers seen in 1.500 ms [exit 18]",
    ]


@pytest.mark.parametrize(
    ("error", "code", "lines"),
    [
        (PlanError("one\ntwo\x07"), 20, ["bad-configuration: one [exit 20]", r"two\x07"]),
        (EngineUnavailableError("/box/x: no"), 22, ["engine-unavailable: x: no [exit 22]"]),
        (
            ValueError("a\nb"),
            21,
            ["host-fault: unexpected ValueError: a (see traceback.txt) [exit 21]"],
        ),
    ],
)
def test_a_run_that_never_began_has_a_line_for_each_mistake(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    code: int,
    lines: list[str],
) -> None:
    found, summary, result = run(tmp_path, [], "--seed", "9", error=error, sandbox="/box")
    first, *more = lines
    label = first.partition(":")[0]
    assert found == code
    assert capsys.readouterr().err.splitlines() == [
        f"os2vm: {first}",
        *(f"os2vm: {label}: {line}" for line in more),
    ]
    assert result.count("\n") == 1
    assert result.rstrip("\n") == "; ".join([first.partition(" [exit")[0], *more])
    run_of = summary["deterministic"]
    assert (run_of["world"], run_of["seed"], run_of["digests"]) == ("fake", 9, None)
    assert (summary["engine"], summary["is_reproducible"]) == ("auto", False)
    assert summary["wall"]["phases_ms"] == {}
    assert (tmp_path / "traceback.txt").exists() is (code == 21)


def test_a_run_without_a_seed_that_never_began_has_seed_0(tmp_path: Path) -> None:
    _, summary, _ = run(tmp_path, [], error=PlanError("x"))
    assert summary["deterministic"]["seed"] == 0


def test_wall_time_is_from_the_beginning_of_the_program_and_by_phase(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = iter(range(0, 10**6, 2))
    monkeypatch.setattr(program, "_clock_ms", lambda: float(next(ticks)))
    _, summary, _ = run(tmp_path, say(1, "hello"))
    wall = summary["wall"]
    assert sorted(wall["phases_ms"]) == ["build", "launch"]
    assert 0 < wall["phases_ms"]["build"] < wall["total_ms"]
    assert sum(wall["phases_ms"].values()) < wall["total_ms"]


def test_the_clock_of_the_program_counts_milliseconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.monotonic", lambda: 1.5)
    assert program._clock_ms() == 1500.0


def test_wall_time_is_rounded_to_microseconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = iter(number * 1.0013 for number in range(10**6))
    monkeypatch.setattr(program, "_clock_ms", lambda: next(ticks))
    _, summary, _ = run(tmp_path, say(1, "hello"))
    wall = summary["wall"]
    found = [*wall["phases_ms"].values(), wall["total_ms"]]
    assert all(ms == round(ms, 3) for ms in found)
    assert all(ms != round(ms, 2) for ms in found)


def test_the_timeline_has_phases_lines_markers_and_what_never_came(tmp_path: Path) -> None:
    plan = plan_support.plan([HELLO, Expectation("A", Phase.SESSION, "never")], "A")
    run(tmp_path, say(1, "other", "hello"), plan=plan)
    lines = (tmp_path / "timeline.jsonl").read_text().splitlines()
    events = [json.loads(line) for line in lines]
    assert [(e["ns"], e["machine"], e["kind"], e["text"]) for e in events] == [
        (0, "", "phase", "launch begins"),
        (1_500_000, "", "phase", "launch is proven"),
        (1_500_000, "", "phase", "discovery begins"),
        (1_500_000, "", "phase", "discovery is proven"),
        (1_500_000, "", "phase", "session begins"),
        (1_500_000, "A", "console", "other"),
        (1_500_000, "A", "marker", "hello"),
        (1_500_000, "A", "missing", "never came: never"),
    ]
    assert [e["values"] for e in events if e["kind"] == "marker"] == [{"phase": "launch"}]


def test_a_link_to_nowhere_is_told_without_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    options = arguments.parse(["--world", "w", "--out", str(tmp_path / "file" / "\x07")])
    code = Program(
        options, lambda _: PLAN, lambda *_: plan_support.engine(PLAN, {"A": FakeMachine()})
    ).run()
    assert code == 21
    assert (
        capsys.readouterr()
        .err.splitlines()[-1]
        .startswith(f"os2vm: host-fault: cannot write to {tmp_path}/file")
    )
