"""Scenario files: what is accepted, and one line for each mistake."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from nexus.campaign.crowd import write_ring
from nexus.campaign.drawing import draw_faults, may_idle_of
from nexus.campaign.recipe import Recipe, Reseed
from nexus.campaign.scenario import Scenario, load_scenario
from nexus.config.error import ConfigError

GOOD: Final = """\
world = "world.toml"
[budget]
faults_from_ms = 20
heal_ms = 500
run_ms = 1000
"""

FAULT: Final = GOOD + "[[fault]]\n"


def scenario_of(folder: Path, text: str) -> Path:
    """A scenario on a ring of three nodes, N0 to N2."""
    write_ring(folder, 3)
    path = folder / "scenario.toml"
    path.write_text(text)
    return path


def load(folder: Path, text: str) -> Scenario:
    """The same, loaded."""
    return load_scenario(scenario_of(folder, text))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "world: is missing"),
        ('world = "nowhere.toml"\n', "'nowhere.toml' is a missing world file"),
        ('world = "node-0.toml"\n', "is a node; expected the file of a world"),
        (GOOD + "more = 1\n", "more"),
        (FAULT + 'kind = "lost"\n', "'loss'"),
        (FAULT + 'kind = "loss"\nat = ["N0>N9"]\n', "'N0>N9' is not a path, such as N0>N1"),
        (FAULT + 'kind = "crash"\nat = ["X"]\n', "'X' is not a machine"),
        (FAULT + 'kind = "loss"\nmost = "2/1"\n', "expected a ratio n/m between 0 and 1"),
        (FAULT + 'kind = "loss"\nmost = "0"\n', "never happens; expected more than 0"),
        (FAULT + 'kind = "loss"\namount = [1, 2]\n', "'loss' has no amount"),
        (FAULT + 'kind = "mtu"\namount = [1, 2]\n', "in 60..1514 bytes"),
        (FAULT + 'kind = "pause"\nlength_ms = [9, 2]\n', "the smaller first"),
        (FAULT + 'kind = "pause"\nuntil_ms = 900\n', "expected a stretch within 20..500"),
        (FAULT + 'kind = "read-error"\n', "no machine of this world has a writable disk"),
        (GOOD.replace("500", "2000"), "expected each to be greater than the one before"),
        (GOOD + '[[until]]\nmachine = "X"\nline = "end"\n', "'X' is an unknown machine"),
        ('oracles = ["no.py"]\n' + GOOD, "'no.py' is a missing oracle"),
        (GOOD + '[topology]\nswitches = [["N0"], ["N1"]]\n', "'N2' is on 0 switches"),
        (GOOD + '[topology]\nswitches = [["N0", "N1", "N2", "X"]]\n', "'X' is an unknown machine"),
        (GOOD + '[images]\nsytem = "other"\n', "images.sytem: no machine names it"),
        (GOOD + "workload = 1\n", "workload"),
    ],
)
def test_a_mistake_is_one_line_with_what_is_accepted(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert words in str(caught.value)
    assert str(caught.value).count("\n") == 0


def test_every_fault_of_the_table_can_be_asked_for(tmp_path: Path) -> None:
    rules = "".join(
        f'[[fault]]\nkind = "{kind}"\nchance = "1"\n'
        for kind in ("loss", "loss", "partition", "crash", "clock-jump")
    )
    scenario = load(tmp_path, GOOD + rules)
    faults = draw_faults(scenario, Recipe(seed=1))
    assert {fault.kind for fault in faults} == {"loss", "partition", "crash", "clock-jump"}
    assert {fault.rule for fault in faults if fault.kind == "loss"} == {0, 1}


def test_rules_that_may_idle_are_known_by_kind_and_number(tmp_path: Path) -> None:
    rules = '[[fault]]\nkind = "loss"\n[[fault]]\nkind = "loss"\nmay_idle = true\n'
    assert may_idle_of(load(tmp_path, GOOD + rules)) == {("loss", 1)}


def test_another_seed_later_leaves_what_has_begun(tmp_path: Path) -> None:
    rule = '[[fault]]\nkind = "crash"\nchance = "1"\ncount = 16\nlength_ms = [5, 10]\n'
    scenario = load(tmp_path, GOOD + rule)
    first = draw_faults(scenario, Recipe(seed=1))
    at_ns = 250_000_000
    turned = draw_faults(scenario, Recipe(seed=1, reseed=Reseed(at_ns, 2)))
    begun = [fault for fault in first if fault.start_ns < at_ns]
    assert [fault for fault in turned if fault.start_ns < at_ns] == begun
    assert set(turned) != set(first)


def test_faults_of_machines_that_are_gone_go_with_them(tmp_path: Path) -> None:
    rules = "".join(
        f'[[fault]]\nkind = "{kind}"\nchance = "1"\ncount = 8\n'
        for kind in ("loss", "partition", "crash")
    )
    scenario = load(tmp_path, GOOD + rules)
    left = draw_faults(scenario, Recipe(seed=3, without_machines=frozenset({"N1"})))
    assert left
    assert not any("N1" in fault.place for fault in left)
