"""The program on scripted machines: exit codes, artifacts after every ending, expected failures."""

from __future__ import annotations

import json
import signal
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any  # Any: JSON, as it is read, and stand-ins.

import jsonschema
import pytest

from nexus.core.errors import NexusError
from nexus.entry.signals_support import usual_signals
from nexus.harness import arguments, plan_support
from nexus.harness.arguments import Options
from nexus.harness.engine import Engine, EngineUnavailableError, HostFaultError
from nexus.harness.outcome import Outcome
from nexus.harness.phase import Phase
from nexus.harness.plan import Expectation, Plan, PlanError
from nexus.harness.plan_support import MS, say
from nexus.harness.program import Program
from nexus.harness.summary import json_schema
from nexus.simulation.machine_fake import FakeMachine, Spin
from nexus.simulation.world import Step

RUN_FILES = {
    "uart-A.log",
    "uart-B.log",
    "activity.json",
    "capture.pcapng",
    "summary.json",
    "junit.xml",
    "report.html",
    "timeline.jsonl",
    "trace.txt",
    "result.txt",
}

Booter = Callable[[Plan, Options], Engine]


def _passing(plan: Plan, options: Options) -> Engine:
    return plan_support.engine(plan, plan_support.passing_machines())


def _silent(plan: Plan, options: Options) -> Engine:
    return plan_support.engine(plan, {label: FakeMachine() for label in plan.labels})


def _execute(
    out: Path, boot: Booter = _passing, *args: str, plan: Plan | None = None
) -> tuple[int, dict[str, Any]]:
    options = arguments.parse(["--world", "fake.toml", "--out", str(out), *args])
    chosen = plan or plan_support.plan(seed=options.seed or 1, until=options.until)
    code = Program(options, lambda _: chosen, boot).run()
    return code, json.loads((out / "summary.json").read_text())


def _names(out: Path) -> set[str]:
    return {path.name for path in out.iterdir()}


def test_passing_run_leaves_everything_behind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, summary = _execute(tmp_path / "out")
    assert code == 0
    assert _names(tmp_path / "out") == RUN_FILES
    assert summary["outcome"] == "passed"
    assert summary["exit_code"] == 0
    console = (tmp_path / "out" / "uart-A.log").read_bytes()
    assert console.startswith(b"init: ready\n")
    printed = capsys.readouterr().out
    assert "     2.500 ms  A    launch  init: ready\n" in printed
    assert "os2vm: passed: 8 of 8 markers seen in 40.500 ms [exit 0]" in printed


def test_failed_run_leaves_the_same_and_names_the_marker(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machines = plan_support.passing_machines()
    machines["B"] = FakeMachine([*say(3, "init: ready"), (0, Spin())])

    def boot(plan: Plan, options: Options) -> Engine:
        return plan_support.engine(plan, machines)

    code, summary = _execute(tmp_path, boot)
    assert code == Outcome.MISSING_SESSION.exit_code == 41
    assert _names(tmp_path) == RUN_FILES
    run = summary["deterministic"]
    assert run["first_missing_marker"] == "dsoftbusd: cross-vm session ok node-b"
    assert (run["machine"], run["phase"]) == ("A", "session")
    error = capsys.readouterr().err
    assert "--- the last lines of uart-B.log\n  init: ready" in error
    assert "os2vm: machine B computes\n" in error
    assert "missing-session: " in error


def test_two_runs_agree_to_the_byte(tmp_path: Path) -> None:
    runs = [_execute(tmp_path / name)[1] for name in ("one", "two")]
    assert json.dumps(runs[0]["deterministic"]) == json.dumps(runs[1]["deterministic"])
    for name in RUN_FILES - {"summary.json"}:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_summary_fits_its_schema(tmp_path: Path) -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())
    for name, boot in {"good": _passing, "bad": _silent}.items():
        jsonschema.validate(_execute(tmp_path / name, boot)[1], json_schema())


def test_wall_time_is_apart_from_virtual_time(tmp_path: Path) -> None:
    _, summary = _execute(tmp_path)
    assert set(summary["wall"]["phases_ms"]) >= {"build", "launch", "session", "end"}
    assert "wall" not in json.dumps(summary["deterministic"])
    launch = summary["deterministic"]["phases"][0]
    assert launch["duration_ns"] == launch["end_ns"] - launch["start_ns"] == 3_500_000


def _suite(out: Path) -> ET.Element:
    suite = ET.parse(out / "junit.xml").getroot().find("testsuite")
    assert suite is not None
    return suite


def test_junit_of_a_failure_has_one_culprit_and_the_rest_skipped(tmp_path: Path) -> None:
    _execute(tmp_path, _silent)
    suite = _suite(tmp_path)
    failed = [case.get("name") for case in suite if case.find("failure") is not None]
    assert failed == ["A: init: ready", "passed"]
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("9", "2", "7")


def test_junit_of_a_pass_has_no_failure(tmp_path: Path) -> None:
    _execute(tmp_path)
    assert (_suite(tmp_path).get("failures"), _suite(tmp_path).get("skipped")) == ("0", "0")


def test_until_stops_early_and_passes(tmp_path: Path) -> None:
    code, summary = _execute(tmp_path, _passing, "--until", "session")
    assert code == 0
    names = [phase["name"] for phase in summary["deterministic"]["phases"]]
    assert names == ["launch", "discovery", "session"]


@pytest.mark.parametrize(
    ("args", "code", "failures"),
    [
        (["--expect-outcome", "deadlock"], 0, "0"),
        (["--expect-outcome", "deadlock", "--expect-message", "init: ready"], 0, "0"),
        (["--expect-outcome", "deadlock", "--expect-message", "bananas"], 18, "2"),
        (["--expect-outcome", "guest-panic"], 18, "2"),
    ],
)
def test_only_the_expected_outcome_passes(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    args: Sequence[str],
    code: int,
    failures: str,
) -> None:
    assert _execute(tmp_path, _silent, *args)[0] == code
    output = "".join(capsys.readouterr())
    assert f"os2vm: expected {args[1]}" in output
    assert "got deadlock" in output
    assert _suite(tmp_path).get("failures") == failures


def test_an_outcome_that_nobody_expected(tmp_path: Path) -> None:
    assert _execute(tmp_path, _silent)[0] == 13


def test_expected_failure_that_passes_is_a_failure(tmp_path: Path) -> None:
    assert _execute(tmp_path, _passing, "--expect-outcome", "deadlock")[0] == 18


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (PlanError("world.toml: expect: none"), Outcome.BAD_CONFIGURATION),
        (NexusError("node-a.toml: port: 99999"), Outcome.BAD_CONFIGURATION),
        (EngineUnavailableError("qemu: not found"), Outcome.ENGINE_UNAVAILABLE),
        (HostFaultError("no space"), Outcome.HOST_FAULT),
        (ZeroDivisionError("oops"), Outcome.HOST_FAULT),
    ],
    ids=lambda value: value.label if isinstance(value, Outcome) else type(value).__name__,
)
def test_run_that_never_began_says_why_and_leaves_a_summary(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], error: Exception, outcome: Outcome
) -> None:
    def boot(plan: Plan, options: Options) -> Engine:
        raise error

    code, summary = _execute(tmp_path, boot)
    assert code == outcome.exit_code
    assert summary["outcome"] == outcome.label
    jsonschema.validate(summary, json_schema())
    printed = capsys.readouterr()
    assert "Traceback" not in printed.out + printed.err
    assert str(error) in printed.err
    assert _names(tmp_path) >= {"summary.json", "junit.xml", "result.txt"}
    assert ("traceback.txt" in _names(tmp_path)) == isinstance(error, ZeroDivisionError)


def test_host_that_fails_in_mid_run_keeps_what_the_guests_did(tmp_path: Path) -> None:
    class Failing:
        description, is_reproducible = "failing", False

        def __init__(self, inner: Engine) -> None:
            self.inner, self.is_closed = inner, False

        def step(self, limit_ns: int) -> Step:
            step = self.inner.step(limit_ns)
            if step.now_ns > 5 * MS:
                raise OSError("cable pulled")
            return step

        def close(self) -> None:
            self.is_closed = True

        def __getattr__(self, name: str) -> Any:
            return getattr(self.inner, name)

    made: list[Failing] = []

    def boot(plan: Plan, options: Options) -> Engine:
        made.append(Failing(_passing(plan, options)))
        engine: Any = made[0]
        return engine  # type: ignore[no-any-return]  # It is a fake.

    code, summary = _execute(tmp_path, boot)
    assert code == 21
    assert "unexpected OSError: cable pulled" in summary["deterministic"]["message"]
    assert (tmp_path / "uart-A.log").read_bytes() == b"init: ready\n"
    assert _names(tmp_path) == RUN_FILES | {"traceback.txt"}
    assert made[0].is_closed


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_leaves_artifacts(tmp_path: Path, number: signal.Signals) -> None:
    """The guest spins and would use up its budget; the signal comes from inside the run."""

    class Alarming(FakeMachine):
        def run(self, until_ns: int) -> Any:
            if until_ns > 20 * MS:
                signal.raise_signal(number)
            return super().run(until_ns)

    def boot(plan: Plan, options: Options) -> Engine:
        machines = {"A": Alarming([*say(1, "init: ready"), (0, Spin())]), "B": FakeMachine()}
        return plan_support.engine(plan, machines)

    with usual_signals():
        before = signal.getsignal(number)
        code, summary = _execute(tmp_path, boot)
        assert signal.getsignal(number) is before
    assert code == Outcome.INTERRUPTED.exit_code == 130
    assert summary["deterministic"]["message"] == f"interrupted by {number.name}"
    assert _names(tmp_path) == RUN_FILES
    assert (tmp_path / "uart-A.log").read_bytes() == b"init: ready\n"


def test_the_wall_clock_ends_a_run_that_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = iter(range(0, 10**9, 700))
    monkeypatch.setattr("nexus.harness.program._clock_ms", lambda: float(next(ticks)))
    code, summary = _execute(tmp_path, _passing, "--wall-seconds", "1")
    assert code == 21
    assert "not finished after 1 s of wall time" in summary["deterministic"]["message"]


def test_output_folder_that_cannot_be_written_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    options = arguments.parse(["--world", "w.toml", "--out", str(tmp_path / "file" / "out")])
    assert Program(options, lambda _: plan_support.plan(), _passing).run() == 21
    shown = capsys.readouterr().err
    assert "host-fault: cannot write to" in shown
    assert shown.count("\n") == 1


def test_verbose_shows_every_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def boot(plan: Plan, options: Options) -> Engine:
        return plan_support.engine(plan, {"A": FakeMachine(say(1, "chatter", "hello"))})

    plan = plan_support.plan([Expectation("A", Phase.LAUNCH, "hello")], "A")
    assert _execute(tmp_path, boot, "--verbose", plan=plan)[0] == 0
    assert "chatter" in capsys.readouterr().out
