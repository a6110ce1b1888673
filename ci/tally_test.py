"""The last line of a pipeline must be true, above all when something broke."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ci import tally

REPORT = """\
<testsuites><testsuite name="s">
  <testcase name="a"/>
  <testcase name="b"><failure message="x"/></testcase>
  <testcase name="c"><error message="x"/></testcase>
  <testcase name="d"><skipped/></testcase>
</testsuite></testsuites>
"""
NAMED = ["tally: test: failed: b: x", "tally: test: failed: c: x"]
PASSED = '<testsuite><testcase name="a"/><testcase name="b"/></testsuite>'


def run(capsys: pytest.CaptureFixture[str], *steps: str) -> tuple[int, list[str]]:
    exit_code = tally.main(steps)
    return exit_code, capsys.readouterr().out.splitlines()


def test_cases_are_counted_by_verdict() -> None:
    failures = ("b: x", "c: x")
    assert tally.count_cases(REPORT) == tally.Count(passed=1, failed=2, failures=failures)


def test_failed_test_is_named_with_the_first_line_of_its_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.xml").write_text(
        '<testsuite><testcase classname="pkg.file" name="a"><failure message="x &#10;y"/>'
        '</testcase><testcase name="b"><error>  first&#x85;\nsecond</error></testcase>'
        "<testcase><failure/></testcase></testsuite>"
    )

    assert run(capsys, f"test=1={tmp_path}") == (
        1,
        [
            "tally: test: failed: pkg.file::a: x",
            "tally: test: failed: b: first",
            "tally: test: failed: a test without a name: it gave no reason",
            "0 passed, 3 failed",
        ],
    )


def test_many_failures_do_not_bury_the_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case = f'<testcase name="{"n" * 1000}"><failure message="x"/></testcase>'
    (tmp_path / "a.xml").write_text(f"<testsuite>{case * 25}</testsuite>")

    exit_code, lines = run(capsys, f"test=1={tmp_path}")

    assert (exit_code, lines[-1]) == (1, "0 passed, 25 failed")
    assert lines[-2] == "tally: test: failed: 5 more; their reports name them"
    assert len(lines) == 22
    assert max(map(len, lines)) < 200


def skipped(reason: str) -> str:
    return (
        f'<testsuite><testcase name="a"/><testcase name="b"><skipped message="{reason}"/>'
        "</testcase></testsuite>"
    )


@pytest.mark.parametrize(
    "reason",
    [
        "no-such-program is not on this host",
        "no-such-program is not installed on this host",
        "no no-such-program on this host",
        "this machine gives this user no namespaces",
    ],
)
def test_skips_are_counted_by_their_reason(
    reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.xml", "b.xml"):
        (tmp_path / name).write_text(skipped(reason))

    assert run(capsys, f"test=0={tmp_path}") == (
        0,
        [f"tally: test: skipped 2: {reason}", "2 passed, 0 failed"],
    )


@pytest.mark.parametrize(
    "reason",
    [
        "{} is not on this machine",
        "{} is not installed on this host",
        "no {} on this host",
        "engine 'x': {} is not on PATH; a package has it",
    ],
)
def test_skip_for_the_lack_of_what_is_there_is_a_failure(
    reason: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    program = tmp_path / "bin" / "some-tool"
    program.parent.mkdir()
    program.write_text("")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    (tmp_path / "a.xml").write_text(skipped(reason.format("some-tool")))

    exit_code, lines = run(capsys, f"test=0={tmp_path}")

    assert (exit_code, lines[-1]) == (1, "1 passed, 1 failed")
    assert lines[0].endswith("; but this machine has it, so that counts as failed")


def test_what_a_failed_run_did_not_reach_has_no_reason_to_judge(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.xml").write_text(REPORT)

    assert run(capsys, f"test=1={tmp_path}") == (1, [*NAMED, "1 passed, 2 failed"])


def test_sum_is_over_all_reports_of_all_steps(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.xml", "b.xml"):
        (tmp_path / name).write_text(PASSED)
    single = tmp_path / "single"
    single.write_text(PASSED)

    result = run(capsys, "lint=0", f"test=0={tmp_path}", f"os2vm=0={single}")

    assert result == (0, ["6 passed, 0 failed"])


def test_failed_test_is_not_counted_again_for_its_step(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.xml").write_text(REPORT)

    assert run(capsys, f"test=1={tmp_path}") == (1, [*NAMED, "1 passed, 2 failed"])


@pytest.mark.parametrize(
    "step", ["lint=1", "test=2={passed}", "test=0={empty}", "test=0={missing}"]
)
def test_step_that_broke_is_a_failure(
    step: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    passed = tmp_path / "passed.xml"
    passed.write_text(PASSED)
    (tmp_path / "empty").mkdir()

    exit_code, lines = run(
        capsys,
        step.format(passed=passed, empty=tmp_path / "empty", missing=tmp_path / "missing.xml"),
    )

    assert exit_code == 1
    assert lines[-1].endswith(" passed, 1 failed")
    assert len(lines) == 2


def test_report_that_is_no_xml_is_a_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.xml").write_text("<testsuite>")

    exit_code, lines = run(capsys, f"test=0={tmp_path}")

    assert (exit_code, lines[-1]) == (1, "0 passed, 1 failed")


def test_nothing_done_is_not_success(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys) == (1, ["0 passed, 0 failed"])


@pytest.mark.parametrize("text", ["lint", "=0", "lint=", "lint=ok"])
def test_argument_that_is_no_step_is_refused(text: str) -> None:
    assert tally.main([text]) == 2


@pytest.mark.parametrize("shell", [">/dev/full", ">&-", "2>&-", ">&- 2>&-", "> >(exec true)"])
@pytest.mark.parametrize(("arguments", "code"), [("lint=0", 0), ("lint=1", 1), ("x", 2)])
def test_no_state_of_the_output_changes_the_verdict(shell: str, arguments: str, code: int) -> None:
    command = f'"$0" "$1" {arguments} {shell}'
    done = subprocess.run(
        ["/bin/bash", "-c", command, sys.executable, tally.__file__],
        capture_output=True,
        check=False,
        env={},
    )
    assert done.returncode == code
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr


@pytest.mark.parametrize(
    ("machine", "last"),
    [
        ("x86_64", "1 passed, 1 failed"),
        ("aarch64", "1 passed, 1 failed"),
        ("riscv64", "1 passed, 0 failed"),
    ],
)
def test_skip_of_a_compiled_engine_is_right_only_where_there_is_none(
    tmp_path: Path,
    machine: str,
    last: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("platform.machine", lambda: machine)
    (tmp_path / "a.xml").write_text(skipped("the compiled engines are for x86-64 and AArch64"))

    assert run(capsys, f"test=0={tmp_path}")[1][-1] == last
