"""Power cuts on scripted machines: what is lost, what goes on, and that time stays exact."""

from __future__ import annotations

from functools import partial

import pytest

from nexus.core.randomness import KeyedRandom
from nexus.simulation.link import LinkOptions
from nexus.simulation.machine_fake import FakeMachine, PowerOff, Say, Send, Spin, When, mac
from nexus.simulation.power import POWER_CUTS_MAX, PowerCut
from nexus.simulation.world import World

MS = 1_000_000
LIMIT_NS = 100 * MS


def make_world(a: FakeMachine, b: FakeMachine) -> World:
    return World({"A": a, "B": b}, LinkOptions(delay_ns=MS), KeyedRandom(1))


def play(world: World) -> dict[str, bytes]:
    consoles: dict[str, bytes] = {}
    while world.now_ns < LIMIT_NS:
        step = world.step(LIMIT_NS)
        for name, data in step.consoles:
            consoles[name] = consoles.get(name, b"") + data
        if step.is_quiet:
            break
    return consoles


def test_the_next_life_begins_at_its_own_time_zero_and_speaks_at_the_worlds() -> None:
    greeting = When(b"hello", (Say(b"heard\n"),), 10)
    first = FakeMachine([(2 * MS, Say(b"one\n")), (50 * MS, Say(b"never\n"))])
    second = FakeMachine([(3 * MS, Send(b"hello")), (3 * MS, Say(b"two\n"))], (), mac(2))
    listener = FakeMachine([], [greeting], mac(1))
    world = make_world(listener, first)
    world.schedule(PowerCut("B", 10 * MS, 20 * MS, lambda: second))
    assert play(world) == {"A": b"heard\n", "B": b"one\ntwo\n"}
    assert [at_ns for at_ns, _ in listener.received] == [24 * MS]  # 20 + 3, and the cable.
    assert world.power_cuts == 1
    assert "10000000 B power-off\n" in world.trace.text()
    assert "20000000 B power-on\n" in world.trace.text()


def test_frames_in_flight_and_frames_sent_meanwhile_are_lost() -> None:
    # Sent at 9.5 (in flight at the cut), at 15 (meanwhile), at 25 (after).
    sent = [(9_500_000, Send(b"x1")), (15 * MS, Send(b"x2")), (25 * MS, Send(b"x3"))]
    first, second = FakeMachine(), FakeMachine()
    world = make_world(FakeMachine(sent), first)
    world.schedule(PowerCut("B", 10 * MS, 20 * MS, lambda: second))
    play(world)
    assert first.received == []
    assert [(at_ns, frame[14:]) for at_ns, frame in second.received] == [(6 * MS, b"x3")]


def test_a_line_broken_off_is_ended() -> None:
    first = FakeMachine([(2 * MS, Say(b"whole\nhal"))])
    second = FakeMachine([(MS, Say(b"start\n"))])
    world = make_world(FakeMachine(), first)
    world.schedule(PowerCut("B", 10 * MS, 20 * MS, lambda: second))
    assert play(world)["B"] == b"whole\nhal\nstart\n"


@pytest.mark.parametrize(
    ("said", "console"), [([], b"hal\nstart\n"), ([(MS, Say(b"too"))], b"hal\ntoo\nstart\n")]
)
def test_a_line_broken_off_is_ended_once_however_often_the_power_is_cut(
    said: list[tuple[int, Say]], console: bytes
) -> None:
    second, third = FakeMachine(said), FakeMachine([(MS, Say(b"start\n"))])
    world = make_world(FakeMachine(), FakeMachine([(2 * MS, Say(b"hal"))]))
    world.schedule(PowerCut("B", 10 * MS, 20 * MS, lambda: second))
    world.schedule(PowerCut("B", 30 * MS, 40 * MS, lambda: third))
    assert play(world)["B"] == console


def test_a_world_that_waits_for_power_is_not_quiet() -> None:
    world = make_world(FakeMachine(), FakeMachine())
    world.schedule(PowerCut("B", 30 * MS, 60 * MS, lambda: FakeMachine([(MS, Say(b"up\n"))])))
    assert play(world) == {"B": b"up\n"}
    assert world.step(LIMIT_NS).is_quiet


def test_a_machine_that_switched_itself_off_comes_back_too() -> None:
    world = make_world(FakeMachine(), FakeMachine([(MS, PowerOff(0))]))
    world.schedule(PowerCut("B", 10 * MS, 20 * MS, lambda: FakeMachine([(MS, Say(b"up\n"))])))
    assert play(world) == {"B": b"up\n"}


def test_a_cut_within_a_cut_changes_nothing() -> None:
    made: list[FakeMachine] = []

    def power_on() -> FakeMachine:
        made.append(FakeMachine())
        return made[-1]

    world = make_world(FakeMachine(), FakeMachine())
    world.schedule(PowerCut("B", 10 * MS, 30 * MS, power_on))
    world.schedule(PowerCut("B", 20 * MS, 40 * MS, power_on))
    play(world)
    assert (len(made), world.power_cuts) == (1, 1)


def test_instructions_count_over_all_lives() -> None:
    world = make_world(FakeMachine(), FakeMachine([(0, Spin())]))
    second = FakeMachine([(0, Spin())])
    world.schedule(PowerCut("B", 10 * MS, 20 * MS, lambda: second))
    play(world)
    assert world.instructions()["B"] == (10 * MS + 80 * MS) // 10
    assert world.states()["B"] == "computes"


def test_two_runs_are_the_same_run() -> None:
    def digest() -> str:
        sender = FakeMachine([(at * MS, Send(b"x%d" % at)) for at in range(40)])
        world = make_world(sender, FakeMachine([(0, Spin())]))
        world.schedule(PowerCut("B", 7 * MS, 9 * MS, lambda: FakeMachine([(0, Spin())])))
        play(world)
        return world.trace.digest()

    assert digest() == digest()


@pytest.mark.parametrize(
    ("off_ns", "on_ns", "machine"),
    [(5, 10, "B"), (10, 25, "B"), (10, 10, "B"), (20, 10, "B"), (-10, 10, "B"), (10, 20, "C")],
)
def test_cuts_that_cannot_be_are_refused(off_ns: int, on_ns: int, machine: str) -> None:
    world = make_world(FakeMachine(), FakeMachine())
    with pytest.raises(ValueError, match="power cut"):
        world.schedule(PowerCut(machine, off_ns, on_ns, FakeMachine))


def test_cuts_are_bounded() -> None:
    world = make_world(FakeMachine(), FakeMachine())
    for _ in range(POWER_CUTS_MAX):
        world.schedule(PowerCut("B", 10, 20, FakeMachine))
    with pytest.raises(ValueError, match="waiting already"):
        world.schedule(PowerCut("B", 10, 20, FakeMachine))


def _given(machine: FakeMachine) -> FakeMachine:
    return machine


def test_another_machine_may_take_the_place_of_one_in_any_of_its_lives() -> None:
    """As when a debugger leaves: the same machine goes on in another interpreter."""
    for has_rebooted in (False, True):
        listener, first = FakeMachine([(60 * MS, Say(b"late\n"))]), FakeMachine()
        second = FakeMachine([], (), mac(2))
        world = make_world(listener, first)
        cuts = [PowerCut("B", 10 * MS, 20 * MS, partial(_given, second))] if has_rebooted else []
        for cut in cuts:
            world.schedule(cut)
        for _ in range(100):
            world.step(30 * MS)
        assert world.now_ns == 30 * MS
        replaced = second if has_rebooted else first
        assert world.machines()["B"] is replaced
        local_ns = (15 if has_rebooted else 35) * MS
        other = FakeMachine([(local_ns, Send(b"hello"))], (), mac(2))
        other.run(replaced.now_ns)
        world.exchange("B", other)
        assert world.machines() == {"A": listener, "B": other}
        play(world)
        assert [at_ns for at_ns, _ in listener.received] == [36 * MS]


@pytest.mark.parametrize("by_ns", [-10, 10])
def test_a_machine_of_another_instant_takes_no_ones_place(by_ns: int) -> None:
    world = make_world(FakeMachine(), FakeMachine([(0, Spin())]))
    world.step(10 * MS)
    now_ns = world.machines()["B"].now_ns
    other = FakeMachine()
    other.run(now_ns + by_ns)
    with pytest.raises(ValueError, match=f"machine B: is at {now_ns + by_ns} ns, not at {now_ns}"):
        world.exchange("B", other)
