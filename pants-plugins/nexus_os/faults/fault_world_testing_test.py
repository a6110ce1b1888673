"""The parts that a target adds to a file of faults, and the values that its fields refuse."""

from __future__ import annotations

from typing import Tuple

import pytest  # pants: no-infer-dep
from pants.engine.addresses import Address
from pants.engine.fs import Snapshot
from pants.engine.internals.scheduler import ExecutionError
from pants.engine.target import InvalidFieldException, InvalidFieldTypeException
from pants.testutil.rule_runner import QueryRule, RuleRunner

from nexus_os.faults import fault_world_testing
from nexus_os.faults.fault_world_testing import NamedFile, complete_scenario
from nexus_os.targets.fault_worlds import SEEDS_MAX, SeedsField

OWNER = Address("guest", target_name="storm")
FAULTS = '[[fault]]\nkind = "loss"\n'


def complete(text: str, *oracles: str, path: str = "guest/storm.toml") -> Tuple[str, ...]:
    whole, judges = complete_scenario(OWNER, path, text, "guest/world.toml", oracles)
    return (whole, *judges)


def test_world_and_oracles_are_put_before_the_faults() -> None:
    assert complete(FAULTS, "guest/oracle.py", "lib/other.py") == (
        f'world = "world.toml"\noracles = ["oracle.py", "../lib/other.py"]\n{FAULTS}',
        "guest/oracle.py",
        "lib/other.py",
    )
    (whole,) = complete(FAULTS, path="faults/storm.toml")
    assert whole == f'world = "../guest/world.toml"\n{FAULTS}'


def test_a_whole_scenario_stays_as_it_is() -> None:
    whole = f'world = "world.toml"\noracles = ["oracle.py"]\n{FAULTS}'

    assert complete(whole) == (whole, "guest/oracle.py")
    assert complete(whole, "guest/oracle.py") == (whole, "guest/oracle.py")


def test_a_scenario_that_says_something_else_is_refused() -> None:
    with pytest.raises(InvalidFieldException, match=r"have 'other\.toml' as their world"):
        complete('world = "other.toml"\n')
    with pytest.raises(InvalidFieldException, match=r"stands for guest/b\.py, and its `faults`"):
        complete('oracles = ["a.py"]\n', "guest/b.py")


def test_seeds_are_whole_numbers_and_not_too_many() -> None:
    assert SeedsField(None, OWNER).value == (1, 2, 3, 4, 5)
    assert SeedsField(range(3), OWNER).value == (0, 1, 2)
    with pytest.raises(InvalidFieldException, match="has -1; expected"):
        SeedsField([-1], OWNER)
    with pytest.raises(InvalidFieldException, match="has 0 seeds; expected 1 to"):
        SeedsField([], OWNER)
    with pytest.raises(InvalidFieldException, match="A `fault_campaign` runs more"):
        SeedsField(range(SEEDS_MAX + 1), OWNER)
    with pytest.raises(InvalidFieldTypeException):
        SeedsField(["1"], OWNER)


def test_a_file_that_is_not_there_is_told_with_the_nearest() -> None:
    rule_runner = RuleRunner(
        rules=[fault_world_testing.find_named_file, QueryRule(Snapshot, [NamedFile])]
    )
    rule_runner.write_files({"guest/storm.toml": FAULTS})
    good = NamedFile(OWNER, "faults", "guest/storm.toml", ".toml")
    assert rule_runner.request(Snapshot, [good]).files == ("guest/storm.toml",)
    with pytest.raises(ExecutionError, match=r"Did you mean '//guest/storm\.toml'\?"):
        rule_runner.request(Snapshot, [NamedFile(OWNER, "faults", "guest/strom.toml", ".toml")])
