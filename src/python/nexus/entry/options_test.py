"""The parser's messages for wrong options, whichever way they are wrong."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

import pytest

from nexus.entry.options import StrictParser, file_name, number, whole


class Refused(Exception):
    """The message of a parser that refuses a command line."""


class Parser(StrictParser):
    """A parser with an option of each kind."""

    def __init__(self) -> None:
        super().__init__("thing", "Does it.")
        self.add_argument("--append", "-append")
        self.add_argument("-x", type=int)
        self.add_argument("-v", action="store_true")
        self.add_argument("--kind", choices=["world", "node"])
        self.add_argument("--out", type=Path)
        self.add_argument("--plain", type=file_name)
        self.add_argument("name")

    def near(self, word: str, accepted: Iterable[str]) -> str:
        return f"; of {len(list(accepted))}"

    def error(self, message: str) -> NoReturn:
        raise Refused(self.explain(message))


OPTIONS = "; of 9"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--appendix=3", "n"], f"--appendix: is not an option{OPTIONS}"),
        (["--app", "3", "n"], f"--app: is not an option{OPTIONS}"),
        (["-apend", "3"], f"-apend: is not an option{OPTIONS}"),
        (["-y"], f"-y: is not an option{OPTIONS}"),
        (["-y=3", "n"], f"-y: is not an option{OPTIONS}"),
        (["--a\nb", "n"], rf"'--a\nb': is not an option{OPTIONS}"),
        (["n", "m"], "unrecognized arguments: m"),
        (["n", "m", "-7"], "unrecognized arguments: m -7"),
        (["-v", "-x3"], "the following arguments are required: name"),
        (["n", "--append"], "argument --append/-append: expected one argument"),
        (["n", "--append", "-v"], "argument --append/-append: expected one argument"),
        (
            ["n", "--append", "-quiet"],
            "argument --append/-append: expected one argument;"
            " a value that begins with '-' is written --append=-quiet",
        ),
        (
            ["n", "--append", "--", "x"],
            "argument --append/-append: expected one argument;"
            " a value that begins with '-' is written --append=--",
        ),
        (
            ["n", "--kind", "wrold"],
            "argument --kind: 'wrold' is unknown; expected world, node; of 2",
        ),
        (["n", "--kind="], "argument --kind: '' is unknown; expected world, node; of 2"),
        (
            ["n", "--kind", "k" * 999],
            f"argument --kind: '{'k' * 59}... is unknown; expected world, node; of 2",
        ),
        (
            ["n", "--out="],
            "argument --out: '' is not a path; expected the name of a file or folder",
        ),
        (
            ["n", "--plain", ""],
            "argument --plain: '' is not a path; expected the name of a file or folder",
        ),
        (
            ["n", "--out=a\x1b[1m\nb"],
            "argument --out: 'a\\x1b[1m\\nb' has a line end; expected the name of a file"
            " or folder without",
        ),
        (["n", "k" * 999], f"unrecognized arguments: {'k' * 376}..."),
        (["--" + "k" * 999, "n"], f"--{'k' * 398}..."),
    ],
)
def test_what_is_wrong_is_said(given: list[str], said: str) -> None:
    with pytest.raises(Refused) as refused:
        Parser().parse_args(given)
    assert str(refused.value) == said


@pytest.mark.parametrize(
    "given",
    [
        ["n", "--append=-quiet"],
        ["n", "-append=-quiet"],
        ["--append=-quiet", "n", "--"],
        ["--append=-quiet", "--", "n"],
    ],
)
def test_a_value_may_begin_with_a_dash(given: list[str]) -> None:
    found = Parser().parse_args(given)
    assert (found.append, found.name) == ("-quiet", "n")


def test_what_follows_two_dashes_is_no_option() -> None:
    assert Parser().parse_args(["--", "--append"]).name == "--append"


def test_paths_are_kept_as_they_are_given() -> None:
    found = Parser().parse_args(["n", "--out", "./a", "--plain", "./a"])
    assert (found.out, found.plain) == (Path("a"), "./a")
    assert isinstance(found, argparse.Namespace)


@pytest.mark.parametrize(("text", "value"), [("1", 1), ("0x1f", 31), ("1_000", 1000), ("+7", 7)])
def test_a_whole_number_is_read_in_every_base(text: str, value: int) -> None:
    assert whole(1, 1000)(text) == value


@pytest.mark.parametrize("text", ["0", "-1", "1001", "", " 5", "\u0663", "1.5", "nan", "9" * 5000])
def test_another_whole_number_is_refused_with_what_is_accepted(text: str) -> None:
    with pytest.raises(
        argparse.ArgumentTypeError, match=r"is not a whole number in 1\.\.1000$"
    ) as of:
        whole(1, 1000)(text)
    assert len(str(of.value)) < 120


@pytest.mark.parametrize(("text", "value"), [("0", 0.0), ("2.5", 2.5), (".5", 0.5), ("1e1", 10.0)])
def test_a_number_is_read(text: str, value: float) -> None:
    assert number(0, 10)(text) == value


@pytest.mark.parametrize(
    "text", ["-1", "10.1", "", "nan", "inf", "1e999", "\u0663", " 5", "1_0", "x"]
)
def test_another_number_is_refused_with_what_is_accepted(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError) as of:
        number(0, 10, "seconds")(text)
    assert str(of.value) == f"{text!r} is not a number of seconds in 0..10"


def test_a_long_text_that_is_not_a_number_is_refused_at_once() -> None:
    """A pattern that can share out the digits in many ways takes hours."""
    with pytest.raises(argparse.ArgumentTypeError) as of:
        number(0, 10)("9" * 100_000 + "x")
    assert len(str(of.value)) < 120
