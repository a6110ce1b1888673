"""Every option of the os2vm program: the value that it has, its default, and both of its bounds."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any  # Any: values of several types.

import pytest

from nexus.core.errors import UsageError
from nexus.harness import arguments
from nexus.harness.outcome import Outcome
from nexus.harness.phase import Phase

WORLD = ["--world", "w.toml"]
DEFAULTS: dict[str, Any] = {
    "world": Path("w.toml"),
    "node": None,
    "expect": (),
    "forbid": (),
    "images": {},
    "out": Path("dist/os2vm"),
    "settings": (),
    "seed": None,
    "budget_ms": None,
    "until": Phase.END,
    "engine": "auto",
    "native_blob": None,
    "translations": None,
    "expect_outcome": Outcome.PASSED,
    "expect_message": None,
    "wall_seconds": 600,
    "is_plain": False,
    "is_verbose": False,
    "opens_sessions": True,
    "debuggers": {},
    "covers": False,
    "profile_every": None,
    "lines": (),
    "allows_unused_images": False,
}


def test_without_options_there_are_defaults() -> None:
    assert asdict(arguments.parse(WORLD)) == DEFAULTS


@pytest.mark.parametrize(
    ("argv", "changed"),
    [
        (["--forbid", "a", "b", "--forbid", "c"], {"forbid": ("a", "b", "c")}),
        (["--image", "a=x", "--image", "b=y"], {"images": {"a": Path("x"), "b": Path("y")}}),
        (["--out", "o"], {"out": Path("o")}),
        (["--seed", "0"], {"seed": 0}),
        (["--budget-ms", "1"], {"budget_ms": 1}),
        (["--until", "remote"], {"until": Phase.REMOTE}),
        (["--engine", "translated"], {"engine": "translated"}),
        (["--native-blob", "n"], {"native_blob": Path("n")}),
        (["--translations", "t"], {"translations": Path("t")}),
        (["--expect-outcome", "deadlock"], {"expect_outcome": Outcome.DEADLOCK}),
        (["--expect-message", "m"], {"expect_message": "m"}),
        (["--wall-seconds", "7"], {"wall_seconds": 7}),
        (["--plain"], {"is_plain": True}),
        (["--verbose"], {"is_verbose": True}),
        (["--decrypt"], {}),
        (["--no-decrypt"], {"opens_sessions": False}),
        (["--gdb", "A=1"], {"debuggers": {"A": "1"}, "wall_seconds": 86_400}),
        (
            ["--gdb", "A=1", "--gdb", "B=2", "--wall-seconds", "5"],
            {"debuggers": {"A": "1", "B": "2"}, "wall_seconds": 5},
        ),
        (["--coverage"], {"covers": True}),
        (["--profile"], {"profile_every": 100_000}),
        (["--profile", "7"], {"profile_every": 7}),
        (
            ["--coverage", "--lines", "a", "--lines", "b"],
            {"covers": True, "lines": (Path("a"), Path("b"))},
        ),
        (["--profile", "--lines", "a"], {"profile_every": 100_000, "lines": (Path("a"),)}),
    ],
)
def test_an_option_changes_its_own_value_and_no_other(
    argv: list[str], changed: dict[str, Any]
) -> None:
    assert asdict(arguments.parse([*WORLD, *argv])) == DEFAULTS | changed


def test_a_node_has_the_markers_of_the_command_line() -> None:
    options = arguments.parse(["--node", "n.toml", "--expect", "a", "b", "--expect", "c"])
    changed = {"world": None, "node": Path("n.toml"), "expect": ("a", "b", "c")}
    assert asdict(options) == DEFAULTS | changed


@pytest.mark.parametrize(
    ("option", "name", "low", "high"),
    [
        ("--seed", "seed", 0, 9_223_372_036_854_775_807),
        ("--budget-ms", "budget_ms", 1, 86_400_000),
        ("--wall-seconds", "wall_seconds", 1, 86_400),
        ("--profile", "profile_every", 1, 1_000_000_000),
    ],
)
def test_a_number_may_be_each_of_its_bounds_and_not_one_beyond(
    option: str, name: str, low: int, high: int
) -> None:
    for value in (low, high):
        assert getattr(arguments.parse([*WORLD, f"{option}={value}"]), name) == value
    for value in (low - 1, high + 1):
        with pytest.raises(UsageError) as caught:
            arguments.parse([*WORLD, f"{option}={value}"])
        assert str(caught.value) == (f"{option}: '{value}' is not a whole number in {low}..{high}")


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--expect", "x"], "--expect: goes with --node; a world file has its own [[expect]]"),
        (
            ["--forbid", "x", ""],
            "--forbid: '' is not a line of 1 to 1000 printable characters",
        ),
        (
            ["--forbid", "a\tb"],
            "--forbid: 'a\\tb' is not a line of 1 to 1000 printable characters",
        ),
        (["--forbid", " "], "--forbid: ' ' is in almost every line; expected a word"),
        (
            ["--expect-message", ""],
            "--expect-message: '' is not a line of 1 to 1000 printable characters",
        ),
        (
            ["--gdb", "A=1", "--engine", "qemu"],
            "--gdb: goes with the emulator's engines; choose another --engine",
        ),
        (["--lines", "x"], "--lines: goes with --coverage or --profile"),
        (
            ["--coverage", "--engine", "qemu"],
            "--coverage: QEMU cannot do that; choose another --engine",
        ),
        (
            ["--profile", "--engine", "qemu"],
            "--profile: QEMU cannot do that; choose another --engine",
        ),
        (["--coverage", "--gdb", "A=1"], "--coverage: does not go with --gdb"),
        (["--profile", "--gdb", "A=1"], "--profile: does not go with --gdb"),
        (
            ["--gdb", "A"],
            "--gdb: 'A' is not MACHINE=PORT or MACHINE=PATH, such as A=1234",
        ),
    ],
)
def test_what_does_not_go_together_is_said(argv: list[str], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        arguments.parse([*WORLD, *argv])
    assert str(caught.value) == said


def test_markers_of_the_command_line_are_lines() -> None:
    node = ["--node", "n.toml", "--expect", "ok"]
    long = "x" * 1000
    assert arguments.parse([*node, long]).expect == ("ok", long)
    for text in (long + "x", "\n"):
        with pytest.raises(UsageError, match=r"is not a line of 1 to 1000 printable characters$"):
            arguments.parse([*node, text])


def test_each_outcome_has_a_line_of_the_help_with_its_code(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        arguments.parse(["--help"])
    lines = capsys.readouterr().out.splitlines()
    listed = [line for line in lines if line[:4] == "    " and line.split()[0].isdecimal()]
    # The codes are aligned to the right, the names to the left.
    assert [line.rstrip() for line in listed] == [
        f"    {outcome.exit_code:>3}  {outcome.label}" for outcome in Outcome
    ]
