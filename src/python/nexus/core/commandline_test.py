"""Options of commands: which values are numbers, and what is said of a wrong one."""

from __future__ import annotations

import pytest

from nexus.core.commandline import CommandLine, bounded
from nexus.core.errors import UsageError


@pytest.mark.parametrize(("text", "value"), [("7", 7), ("0x1f", 31), ("0b11", 3), ("1_000", 1000)])
def test_a_number_may_be_written_as_in_python(text: str, value: int) -> None:
    assert bounded("--rounds", text, 0, 5_000) == value
    assert bounded("--rounds", None, 0, 5_000) is None


@pytest.mark.parametrize(
    "text", ["", " 7", "7\n", "\u0667", "1e3", "7.0", "007", "0x", "-1", "9" * 5_000, "\udcff"]
)
def test_whatever_else_looks_like_a_number_is_none(text: str) -> None:
    with pytest.raises(UsageError, match=r"^--rounds: .* is not a whole number in 0\.\.5000$"):
        bounded("--rounds", text, 0, 5_000)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--kernl", "x"], "--kernl: is not an option; did you mean '--kernel'?"),
        (["-kernl", "x"], "-kernl: is not an option; did you mean '-kernel'?"),
        (
            ["--kind", "wrold"],
            "argument --kind: 'wrold' is unknown; expected node, world; did you mean 'world'?",
        ),
    ],
)
def test_a_mistake_says_what_was_meant(given: list[str], said: str) -> None:
    parser = CommandLine("nexus thing", "Does it.")
    parser.add_argument("--kernel", "-kernel", required=True)
    parser.add_argument("--kind", choices=["node", "world"])
    with pytest.raises(UsageError) as refused:
        parser.parse_args(given)
    assert str(refused.value) == f"{said} (see nexus thing --help)"
