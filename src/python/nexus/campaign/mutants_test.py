"""The list of mutants, and what is said of each."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from nexus.campaign.judging import Violation
from nexus.campaign.mutants import EXIT_SURVIVED, Hunted, describe, main, read_list
from nexus.config.error import ConfigError
from nexus.core.exits import EXIT_CONFIG

ENTRY = """\
[[mutant]]
name = "one"
text = "what is wrong"
file = "a.zig"
find = "x"
replace = "y"
scenario = "s.toml"
seeds = 3
rules = ["lost"]
"""
FOUND = Hunted("one", 2, 2, 1.5, Violation("lost", "B", 5_000_000, "it is gone"))


def listed(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mutants.toml"
    path.write_text(text)
    return path


def test_what_is_said_of_a_mutant(tmp_path: Path) -> None:
    (mutant,) = read_list(listed(tmp_path, ENTRY))
    assert FOUND.is_found
    expected = "seed 2 of at most 3, 1.5 s: lost: machine B at 5.000000 ms: it is gone"
    assert describe(FOUND, mutant) == f"found    one: {expected}"
    small = replace(FOUND, faults=5, shrink_s=61.25)
    assert ", 1.5 s, shrunk to 5 faults in 61.2 s: lost" in describe(small, mutant)
    big = replace(FOUND, faults=6)
    assert not big.is_found
    assert describe(big, mutant).startswith("TOO BIG  one: seed 2")
    survived = Hunted("one", None, 3, 1.0, other=("other",))
    assert not survived.is_found
    assert describe(survived, mutant).startswith("SURVIVED one: 3 seeds of s.toml")
    assert describe(survived, mutant).endswith("broke lost; broken were other")
    false = replace(FOUND, false=Violation("lost", "B", 1, "always"))
    assert not false.is_found
    assert "breaks lost without it, too" in describe(false, mutant)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "mutant"),
        (ENTRY.replace("seeds = 3", "seeds = 0"), "seeds"),
        (ENTRY.replace("rules", "rule"), "did you mean 'rules'"),
        (ENTRY + ENTRY, "'one' is given twice"),
    ],
)
def test_what_is_no_list(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_list(listed(tmp_path, text))


def test_a_hunt_without_mutants_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(listed(tmp_path, ENTRY))
    assert main(["--mutants", path]) == EXIT_CONFIG
    assert "--mutant: is missing" in capsys.readouterr().err
    mutants = ["--mutants", path, "--mutant"]
    assert main([*mutants, "one=x.elf"]) == EXIT_CONFIG
    assert "--image: 'system' is not given" in capsys.readouterr().err
    assert main([*mutants, "ons=x.elf", "--image", "system=s.elf"]) == EXIT_CONFIG
    assert "did you mean 'one'" in capsys.readouterr().err
    assert EXIT_SURVIVED not in (0, EXIT_CONFIG)
