"""A machine whose time is not the world's: what it sends, when, and that steps cannot matter."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.core.randomness import KeyedRandom
from nexus.simulation.link import LinkOptions
from nexus.simulation.machine import TICK_NS, Machine
from nexus.simulation.machine_fake import FakeMachine, Say, Send, Spin, When, mac
from nexus.simulation.pace import Pace, Paced, Stretch
from nexus.simulation.world import World

MS = 1_000_000


def world_of(stretches: list[Stretch], receiver: FakeMachine, *, is_busy: bool = False) -> World:
    """A is paced and sends at 1, 5 and 9 ms of its own time."""
    script = [(at * MS, Send(b"x")) for at in (1, 5, 9)]
    spin = [(0, Spin())] if is_busy else []
    sender = Paced(FakeMachine([*spin, *script], address=mac(1)), Pace(stretches))
    machines: dict[str, Machine] = {"A": sender, "B": receiver}
    return World(machines, LinkOptions(delay_ns=MS // 2), KeyedRandom(1))


def arrivals(stretches: list[Stretch], *, is_busy: bool = False) -> list[int]:
    """When B hears A."""
    receiver = FakeMachine(address=mac(2))
    world = world_of(stretches, receiver, is_busy=is_busy)
    while world.now_ns < 40 * MS and not world.step(40 * MS).is_quiet:
        pass
    return [at - MS // 2 for at, _ in receiver.received]


@pytest.mark.parametrize("is_busy", [False, True])
def test_what_stands_still_is_late_by_as_much(is_busy: bool) -> None:
    assert arrivals([Stretch(3 * MS, 10 * MS, 0)], is_busy=is_busy) == [MS, 12 * MS, 16 * MS]


def test_what_is_slow_takes_its_part_of_the_time() -> None:
    assert arrivals([Stretch(1 * MS, 17 * MS, 1, 4)]) == [1 * MS, 17 * MS, 21 * MS]


def test_what_is_fast_is_early() -> None:
    assert arrivals([Stretch(1 * MS, 30 * MS, 2, 1)]) == [1 * MS, 3 * MS, 5 * MS]


def test_frames_reach_a_machine_that_stands_still_when_it_goes_on() -> None:
    """It hears them at once, as a card does, and acts on them in its own time."""
    answer = FakeMachine(rules=[When(b"ask", (Say(b"heard\n"),), 0)], address=mac(2))
    asker = FakeMachine([(2 * MS, Send(b"ask"))], address=mac(1))
    paced = Paced(answer, Pace([Stretch(MS, 20 * MS, 0)]))
    world = World({"A": asker, "B": paced}, LinkOptions(), KeyedRandom(1))
    said: list[int] = []
    is_quiet = False
    while world.now_ns < 40 * MS and not is_quiet:
        step = world.step(40 * MS)
        said += [step.now_ns for _ in step.consoles]
        is_quiet = step.is_quiet
    assert said
    assert 20 * MS <= said[0] <= 21 * MS


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 9)), max_size=8), st.booleans())
def test_holds_are_as_if_they_had_been_known_from_the_start(
    holds: list[tuple[int, int]], has_later: bool
) -> None:
    later = [Stretch(10_000 * TICK_NS, 10_500 * TICK_NS, 1, 3)] if has_later else []
    pace, known, tick = Pace(later), list(later), 0
    for gap, length in holds:
        start, end = (tick + gap) * TICK_NS, (tick + gap + length) * TICK_NS
        before = [pace.own_ns(at * TICK_NS) for at in range(tick + gap + 1)]
        pace.hold(start, end)
        known.append(Stretch(start, end, 0))
        assert [pace.own_ns(at * TICK_NS) for at in range(tick + gap + 1)] == before
        assert pace.own_ns(start) == pace.own_ns(end)
        tick += gap + length
    expected = Pace(known)
    for at in (*range(tick + 20), 9_999, 10_100, 11_000):
        assert pace.own_ns(at * TICK_NS) == expected.own_ns(at * TICK_NS)


@given(
    st.lists(
        st.tuples(st.integers(0, 100), st.integers(1, 50), st.integers(0, 3), st.integers(1, 4)),
        max_size=5,
    ),
    st.integers(0, 400),
)
def test_the_map_never_goes_back_and_its_inverse_is_the_first_instant(
    pieces: list[tuple[int, int, int, int]], tick: int
) -> None:
    pace = Pace(
        [
            Stretch(start * TICK_NS, (start + length) * TICK_NS, gain, base)
            for start, length, gain, base in pieces
        ]
    )
    now, later = pace.own_ns(tick * TICK_NS), pace.own_ns((tick + 1) * TICK_NS)
    assert now <= later
    first = pace.world_ns(tick * TICK_NS)
    assert pace.own_ns(first) >= tick * TICK_NS


@pytest.mark.parametrize(
    ("start", "end", "gain", "base"), [(5, 20, 1, 1), (20, 20, 1, 1), (0, 10, -1, 1), (0, 10, 1, 0)]
)
def test_a_stretch_that_is_none_is_refused(start: int, end: int, gain: int, base: int) -> None:
    with pytest.raises(ValueError, match="stretch"):
        Stretch(start, end, gain, base)
