"""From a scenario and a recipe to the faults of a run."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Final

from nexus.campaign.recipe import Recipe
from nexus.campaign.scenario import Budget, FaultRule, Scenario, window_ms
from nexus.core.randomness import KeyedRandom, Ratio
from nexus.simulation.faults.draw import Rule, draw
from nexus.simulation.faults.fault import Fault
from nexus.simulation.faults.kinds import Place, Shape
from nexus.simulation.faults.places import ARROW, PLUS, places_of

NS_PER_MS: Final = 1_000_000


def rules_of(scenario: Scenario) -> tuple[Rule, ...]:
    """The faults of the file, as the drawing takes them."""
    numbers: Counter[str] = Counter()
    rules = []
    for given in scenario.config.fault:
        rules.append(_rule(given, scenario, numbers[given.kind]))
        numbers[given.kind] += 1
    return tuple(rules)


def may_idle_of(scenario: Scenario) -> frozenset[tuple[str, int]]:
    """The rules, by kind and number, whose faults need not happen."""
    numbers: Counter[str] = Counter()
    found = set()
    for given in scenario.config.fault:
        if given.may_idle:
            found.add((given.kind, numbers[given.kind]))
        numbers[given.kind] += 1
    return frozenset(found)


def draw_faults(scenario: Scenario, recipe: Recipe) -> tuple[Fault, ...]:
    """The faults of a run; none of a machine that is not there."""
    rules = rules_of(scenario)
    drawn = draw(rules, scenario.machines, KeyedRandom(recipe.seed))
    turn = recipe.reseed
    if turn is not None:
        # Faults that were to begin later are drawn anew; the others go on with other chances.
        anew = draw(rules, scenario.machines, KeyedRandom(turn.seed))
        kept = [fault for fault in drawn if fault.start_ns < turn.at_ns]
        later = [fault for fault in anew if fault.start_ns >= turn.at_ns]
        known = {fault.id for fault in kept}
        drawn = (*kept, *(fault for fault in later if fault.id not in known))
    placed = (_without_machines(fault, recipe.without_machines, scenario) for fault in drawn)
    return tuple(_timed(fault, recipe) for fault in placed if fault is not None)


def _rule(given: FaultRule, scenario: Scenario, number: int) -> Rule:
    row = given.row
    budget: Budget = scenario.config.budget
    begin, end = window_ms(given, budget)
    low, high = given.length_ms
    return Rule(
        kind=given.kind,
        number=number,
        places=places_of(row.place, given.at, scenario.machines, scenario.disks),
        chance=Ratio.parse(given.chance),
        most=given.ratio,
        count=given.count,
        amount=(row.amount_low, row.amount_high) if given.amount is None else _pair(given.amount),
        length_ns=(low * NS_PER_MS, high * NS_PER_MS),
        begin_ns=begin * NS_PER_MS,
        end_ns=end * NS_PER_MS,
    )


def _pair(amount: tuple[int, ...]) -> tuple[int, int]:
    low, high = amount
    return low, high


def _timed(fault: Fault, recipe: Recipe) -> Fault:
    times = recipe.times.get(fault.id)
    if times is None:
        return fault
    start_ns, end_ns = times
    if fault.row.shape is Shape.INSTANT:
        end_ns = start_ns
    return replace(fault, start_ns=start_ns, end_ns=end_ns)


def _without_machines(fault: Fault, gone: frozenset[str], scenario: Scenario) -> Fault | None:
    if not gone:
        return fault
    place = fault.row.place
    if place is not Place.GROUP:
        named = set(fault.place.split(ARROW)) | {fault.place.partition("/")[0]}
        return None if named & gone else fault
    group = [name for name in fault.place.split(PLUS) if name not in gone]
    left = [name for name in scenario.machines if name not in gone]
    if not group or len(group) == len(left):
        return None
    return replace(fault, place=PLUS.join(group))
