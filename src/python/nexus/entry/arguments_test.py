"""A mistake of a command line is one line and exit code 20."""

from __future__ import annotations

import pytest

from nexus.entry.arguments import ArgumentParser
from nexus.entry.program import EXIT_CONFIG


def parser() -> ArgumentParser:
    made = ArgumentParser("ci:thing", "Does a thing.\n\n    as it stands here")
    made.add_argument("--rounds", type=int)
    made.add_argument("--out", required=True)
    return made


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--ruonds", "3"], "--ruonds: is not an option"),
        (["--round=3", "--out", "x"], "--round: is not an option"),
        (["--out", "x", "--rounds", "many"], "argument --rounds: invalid int value: 'many'"),
        ([], "the following arguments are required: --out"),
        (["--out", "x", "a\nb"], r"'unrecognized arguments: a\nb'"),
        (["--out", "x", "--gr\xfcn\u20ac"], "--gr\xfcn\u20ac: is not an option"),
        (["--out", "x", "y" * 999], f"unrecognized arguments: {'y' * 376}..."),
    ],
)
def test_a_mistake_is_one_line(
    given: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parser().parse_args(given)
    assert ended.value.code == EXIT_CONFIG
    assert capsys.readouterr().err == f"error: {said} (see ci:thing --help)\n"


def test_help_shows_the_description_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parser().parse_args(["--help"])
    assert ended.value.code == 0
    assert "\nDoes a thing.\n\n    as it stands here\n" in capsys.readouterr().out
