"""The command line: each mistake is one line that names option, value and what is accepted."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nexus.core.errors import UsageError
from nexus.harness import arguments, os2vm
from nexus.harness.arguments import _parser
from nexus.harness.outcome import Outcome
from nexus.harness.phase import Phase

WORLD = ["--world", "w.toml"]


@pytest.mark.parametrize(
    ("argv", "text"),
    [
        ([], "one of the arguments --world --node is required"),
        ([*WORLD, "--node", "n.toml"], "not allowed with"),
        ([*WORLD, "--expect", "x"], "--expect: goes with --node"),
        ([*WORLD, "--image", "system"], "--image: 'system' is not NAME=PATH"),
        ([*WORLD, "--image", "a=1", "--image", "a=2"], "--image: 'a' is given twice"),
        ([*WORLD, "--seed", "-1"], "--seed: '-1' is not a whole number in 0.."),
        ([*WORLD, "--seed", "many"], "--seed: 'many'"),
        ([*WORLD, "--seed", "9" * 5000], f"--seed: '{'9' * 60}…' is not a whole number in 0.."),
        ([*WORLD, "--forbid", " "], "--forbid: ' ' is in almost every line"),
        ([*WORLD, "--expect-message", "  "], "--expect-message: '  ' is in almost every line"),
        ([*WORLD, "--out", ""], "argument --out: '' is not a path"),
        ([*WORLD, "--budget-ms", "0"], "--budget-ms: '0'"),
        ([*WORLD, "--until", "sesion"], "did you mean 'session'"),
        ([*WORLD, "--until", "build"], "expected launch, discovery"),
        ([*WORLD, "--engine", "qmeu"], "did you mean 'qemu'"),
        ([*WORLD, "--expect-outcome", "panic"], "--expect-outcome: 'panic' is unknown"),
        ([*WORLD, "--frobnicate"], "is not an option"),
    ],
)
def test_wrong_arguments_are_refused_in_one_line(
    argv: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UsageError) as caught:
        arguments.parse(argv)
    assert text in str(caught.value)
    assert os2vm.main(argv) == Outcome.BAD_CONFIGURATION.exit_code
    error = capsys.readouterr().err
    assert error.startswith("os2vm: bad-configuration: ")
    assert error.count("\n") == 1


@pytest.mark.parametrize("where", ["1234", "./a:1", "/tmp//gdb", "a=b"])
def test_the_place_of_a_debugger_is_kept_as_it_is_written(where: str) -> None:
    assert arguments.parse([*WORLD, "--gdb", f"A={where}"]).debuggers == {"A": where}


def test_options_that_are_not_given_have_defaults() -> None:
    options = arguments.parse(WORLD)
    assert str(options.out) == "dist/os2vm"
    assert options.until is Phase.END
    assert options.expect_outcome is Outcome.PASSED
    assert options.seed is None


def test_markers_gather() -> None:
    options = arguments.parse(["--node", "n", "--expect", "a", "b", "--expect", "c"])
    assert options.expect == ("a", "b", "c")


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        arguments.parse(["--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    for outcome in Outcome:
        assert outcome.label in text
    assert "--node ci/node-a.toml" in text


def test_exit_codes_are_distinct() -> None:
    assert len({outcome.exit_code for outcome in Outcome}) == len(Outcome)
    assert len({outcome.label for outcome in Outcome}) == len(Outcome)
    assert [outcome for outcome in Outcome if outcome.exit_code == 0] == [Outcome.PASSED]


def test_the_documentation_lists_each_option_once() -> None:
    text = Path("docs/testing.md").read_text(encoding="utf-8")
    table = [line.split("|")[1] for line in text.split("\n") if line.startswith("| `--")]
    listed = [word for cell in table for word in re.findall(r"`?(--[a-z-]+)", cell)]
    options = {n for action in _parser()._actions for n in action.option_strings if n[1] == "-"}
    assert sorted(listed) == sorted(options - {"--help"})
