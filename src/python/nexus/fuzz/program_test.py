"""The program's answers to a command line, and how it reads what the fuzzer left."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from nexus.core.commandline import EXIT_CONFIG
from nexus.fuzz import catalogue, engine
from nexus.fuzz.__main__ import EXIT_FOUND, main


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """No atheris: `fake.result` is what every target comes to."""
    state = SimpleNamespace(result=engine.Result(9, 5), plans=[])

    def fuzz(atheris: object, run: object, plan: engine.Plan) -> engine.Result:
        state.plans.append((plan, sorted(path.name for path in plan.inputs.iterdir())))
        result: engine.Result = state.result
        return result

    monkeypatch.setattr(engine, "load_atheris", lambda: None)
    monkeypatch.setattr(engine, "load_catalogue", lambda _: catalogue)
    monkeypatch.setattr(engine, "fuzz", fuzz)
    return state


def test_a_clean_group_says_what_was_tried(
    fake: SimpleNamespace, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    targets = len(catalogue.GROUPS["dsoftbus"])
    assert main(["dsoftbus", "--seconds", str(7 * targets), "--corpus", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "session-unconnected: clean, 9 runs, 5 edges"
    assert len(lines) == targets
    assert fake.plans[0][0].seconds == 7  # Seconds that one does not use the next ones have.
    assert fake.plans[0][1] == ["seed-0", "seed-1"]


def test_what_is_found_is_kept_shown_and_searched_from(
    fake: SimpleNamespace, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    fake.result = engine.Result(0, 0, b"\xab\xcd", "KeyError: 7")
    assert main(["mux", "--corpus", str(tmp_path)]) == EXIT_FOUND
    (kept,) = tmp_path.glob("mux/*.hex")
    assert kept.read_text() == "abcd\n"
    assert capsys.readouterr().out == f"mux: FOUND {kept}: abcd\nKeyError: 7\n"
    main(["mux", "--corpus", str(tmp_path)])
    assert fake.plans[1][1] == [f"seed-{n}" for n in range(len(fake.plans[0][1]) + 1)]


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize(
    ("arguments", "want"),
    [
        (["dsoftbuss"], "did you mean 'dsoftbus'?"),
        (["mux", "--seconds", "0"], "--seconds: '0' is not a whole number in 1..86400"),
        (["mux", "--seed", "-1"], "--seed: '-1' is not a whole number in 1..4294967295"),
        (["mux", "--corpus", "/dev/null/x", "--grown", "/dev/null/y"], "Not a directory"),
        ([], "NAME"),
    ],
)
def test_a_wrong_command_line_is_one_line(
    arguments: list[str], want: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == EXIT_CONFIG
    error = capsys.readouterr().err
    assert want in error
    assert error.startswith("fuzz: ")
    assert error.count("\n") == 1


def test_a_report_is_read(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("#512\tDONE   cov: 77 ft: 90 corp: 3/9b\n")
    assert engine._read_result(0, log, tmp_path) == engine.Result(512, 77)
    (tmp_path / "failed-timeout-1").write_bytes(b"\1")
    log.write_text("#2 INITED cov: 3\n==12== ERROR: libFuzzer: timeout after 10 seconds\n")
    complaint = "==12== ERROR: libFuzzer: timeout after 10 seconds"
    assert engine._read_result(70, log, tmp_path) == engine.Result(0, 0, b"\1", complaint)
    (tmp_path / "exception").write_text("KeyError: 7\n")
    assert engine._read_result(77, log, tmp_path) == engine.Result(0, 0, b"\1", "KeyError: 7")


class FakeAtheris:
    """Calls what it is given with three inputs, and reports as libFuzzer does."""

    def Setup(self, arguments: list[str], run: Callable[[bytes], None]) -> None:
        self.run = run

    def Fuzz(self) -> None:
        for data in (b"", b"a", b"b"):
            self.run(data)
        os.write(1, b"#3 DONE cov: 4\n")  # Past pytest, which has a hold on print.


def raise_at_b(data: bytes) -> None:
    if data == b"b":
        raise KeyError("seven")


def test_a_target_runs_in_a_process_of_its_own(tmp_path: Path) -> None:
    plan = engine.Plan(1, 1, tmp_path, tmp_path)
    assert engine.fuzz(FakeAtheris(), lambda data: None, plan) == engine.Result(3, 4)
    result = engine.fuzz(FakeAtheris(), raise_at_b, plan)
    assert result.failed == b"b"
    assert result.trace.endswith("KeyError: 'seven'")


def test_a_fuzzer_that_fails_itself_is_not_clean(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("engine: no such thing\n")
    with pytest.raises(engine.EngineError, match="ended with 3"):
        engine._read_result(3, log, tmp_path)
