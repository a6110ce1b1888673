"""Swarm drawing: a run first draws which faults it has, where, when and how strong.

Runs that have few kinds of faults find what a mixture of all hides.  Every draw is keyed by what it
is for, so a rule more or less leaves those of other kinds as they were.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from nexus.core.randomness import KeyedRandom, Ratio
from nexus.simulation.faults.fault import Fault
from nexus.simulation.faults.kinds import KINDS, Kind, Place, Shape
from nexus.simulation.faults.places import PLUS

_NS_PER_US: Final = 1_000
_HALF: Final = Ratio(1, 2)
# A ratio is drawn as so many eighths of the strongest.
_LEVELS: Final = 8

# A machine has one of these at a time.
_EXCLUSIVE: Final = frozenset(
    {"crash", "power-cut", "pause", "stall", "slow", "clock-rate", "service-slow"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """The bounds of a draw of one kind; times in ns, each a multiple of a microsecond."""

    kind: str
    number: int  # Among the rules of its kind.
    places: tuple[str, ...]  # Empty for a rule about groups: any group.
    chance: Ratio
    most: Ratio
    count: int
    amount: tuple[int, int]
    length_ns: tuple[int, int]
    begin_ns: int
    end_ns: int

    @property
    def row(self) -> Kind:
        """The row of the kind in the table."""
        return KINDS[self.kind]


def draw(rules: Sequence[Rule], machines: Sequence[str], random: KeyedRandom) -> tuple[Fault, ...]:
    """The faults of a run."""
    faults: list[Fault] = []
    for rule in rules:
        if random.chance(rule.chance, "swarm", rule.kind, rule.number):
            ratio = rule.row.shape is Shape.RATIO
            drawn = _ratios(rule, random) if ratio else _windows(rule, machines, random)
            faults += (fault for fault in drawn if not _is_in_the_way(fault, faults))
    return tuple(faults)


def _ratios(rule: Rule, random: KeyedRandom) -> Iterator[Fault]:
    key = (rule.kind, rule.number)
    chosen = [p for p in rule.places if random.chance(_HALF, "place", *key, p)]
    if not chosen:
        chosen = [rule.places[random.below(len(rule.places), "any-place", *key)]]
    for place in chosen:
        level = 1 + random.below(_LEVELS, "level", *key, place)
        ratio = Ratio(rule.most.numerator * level, rule.most.denominator * _LEVELS)
        amount = _between(random, rule.amount, "amount", *key, place)
        times = (rule.begin_ns, rule.end_ns)
        yield Fault(rule.kind, place, rule.number, *times, ratio, amount, rule.number)


def _windows(rule: Rule, machines: Sequence[str], random: KeyedRandom) -> Iterator[Fault]:
    key = (rule.kind, rule.number)
    for turn in range(1 + random.below(rule.count, "count", *key)):
        place = _place(rule, machines, random, turn)
        longest_ns = rule.end_ns - rule.begin_ns
        low, high = (min(length, longest_ns) for length in rule.length_ns)
        length_us = _between(random, (low // _NS_PER_US, high // _NS_PER_US), "length", *key, turn)
        latest_us = (longest_ns // _NS_PER_US) - length_us
        start_ns = rule.begin_ns + random.below(latest_us + 1, "start", *key, turn) * _NS_PER_US
        is_instant = rule.row.shape is Shape.INSTANT
        end_ns = start_ns if is_instant else start_ns + length_us * _NS_PER_US
        amount = _between(random, rule.amount, "amount", *key, turn)
        index = rule.number * 100 + turn
        yield Fault(rule.kind, place, index, start_ns, end_ns, amount=amount, rule=rule.number)


def _place(rule: Rule, machines: Sequence[str], random: KeyedRandom, turn: int) -> str:
    key = (rule.kind, rule.number, turn)
    if rule.places:
        return rule.places[random.below(len(rule.places), "place", *key)]
    assert rule.row.place is Place.GROUP, f"{rule.kind}: no places"
    # One side of the cut: any but none and all, each machine by a bit.
    bits = 1 + random.below((1 << len(machines)) - 2, "group", *key)
    return PLUS.join(name for i, name in enumerate(machines) if bits >> i & 1)


def _between(random: KeyedRandom, bounds: tuple[int, int], *names: str | int) -> int:
    low, high = bounds
    return low + random.below(high - low + 1, *names)


def _is_in_the_way(fault: Fault, others: Sequence[Fault]) -> bool:
    """Whether a machine would have two of the faults that exclude each other."""
    return fault.kind in _EXCLUSIVE and any(
        other.kind in _EXCLUSIVE
        and other.place == fault.place
        and fault.start_ns < other.end_ns
        and other.start_ns < fault.end_ns
        for other in others
    )
