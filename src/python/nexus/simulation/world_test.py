"""The world on scripted machines: exact delivery, autojump, quiet, and determinism."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any  # Any: a stand-in, or a value of a wrong type.

import pytest

from nexus.core.randomness import KeyedRandom, Ratio
from nexus.simulation.link import Cut, Fault, LinkOptions
from nexus.simulation.machine_fake import (
    FakeMachine,
    PowerOff,
    Reset,
    Say,
    Send,
    Spin,
    Stop,
    When,
    mac,
)
from nexus.simulation.world import MACHINES_MAX, SentFrame, World, WorldError

MS = 1_000_000


def _world(machines: Mapping[str, FakeMachine], seed: int = 1, **options: Any) -> World:
    return World(machines, LinkOptions(**options), KeyedRandom(seed))


def _run(world: World, limit_ns: int = 1_000 * MS) -> tuple[dict[str, bytes], list[SentFrame]]:
    consoles: dict[str, bytes] = {}
    frames: list[SentFrame] = []
    while world.now_ns < limit_ns:
        step = world.step(limit_ns)
        for name, data in step.consoles:
            consoles[name] = consoles.get(name, b"") + data
        frames += step.frames
        if step.is_quiet:
            break
    return consoles, frames


def _ping_pong(rounds: int = 20) -> dict[str, FakeMachine]:
    start = [(3 * MS + 20, Send(b"ping"))]
    echo = [When(b"pong", (Say(b"pong\n"), Send(b"ping")), 10)]
    reply = [When(b"ping", (Say(b"ping\n"), Send(b"pong")), 20)]
    stop = (rounds * 2 * MS, PowerOff())
    return {
        "A": FakeMachine([*start, stop], echo, mac(1)),
        "B": FakeMachine([stop], reply, mac(2)),
    }


def test_frame_is_delivered_at_exactly_sent_plus_delay() -> None:
    receiver = FakeMachine()
    world = _world({"A": FakeMachine([(1_234_560, Send(b"x"))]), "B": receiver}, delay_ns=700_010)
    _, frames = _run(world)
    assert [frame.sent_ns for frame in frames] == [1_234_560]
    assert [at for at, _ in receiver.received] == [1_234_560 + 700_010]


@pytest.mark.parametrize("spinners", ["", "A", "B", "AB"])
def test_steps_do_not_change_when_things_happen(spinners: str) -> None:
    """A machine that never idles makes the world take small steps; arrivals stay the same."""
    expected = _ping_pong()
    _run(_world(expected), 30 * MS)
    busy = _ping_pong()
    for name in spinners:
        busy[name]._plan(0, Spin())
    _run(_world(busy), 30 * MS)
    assert busy["A"].received == expected["A"].received
    assert busy["B"].received == expected["B"].received
    assert len(expected["B"].received) > 10


def test_idle_time_is_jumped_over() -> None:
    world = _world({"A": FakeMachine([(3600 * 1_000 * MS, Say(b"late\n"))])})
    step = world.step(10**15)
    assert step.consoles == (("A", b"late\n"),)
    assert step.now_ns >= 3600 * 1_000 * MS


def test_quiet_when_all_wait_for_ever_and_nothing_is_in_flight() -> None:
    receiver = FakeMachine(rules=[When(b"x", (Say(b"got\n"),))])
    world = _world({"A": FakeMachine([(10, Send(b"x"))]), "B": receiver})
    consoles, _ = _run(world)
    assert consoles == {"B": b"got\n"}
    assert world.step(10**12).is_quiet


def test_flooding_and_learning_reach_the_right_machines() -> None:
    machines = {
        "A": FakeMachine([(1 * MS, Send(b"all")), (9 * MS, Send(b"one", mac(2)))], address=mac(1)),
        "B": FakeMachine([(5 * MS, Send(b"all"))], address=mac(2)),
        "C": FakeMachine(address=mac(3)),
    }
    _run(_world(machines))
    assert [frame[14:] for _, frame in machines["B"].received] == [b"all", b"one"]
    assert [frame[14:] for _, frame in machines["C"].received] == [b"all", b"all"]


def test_machine_that_is_off_or_reset_does_not_run_again() -> None:
    machines = {
        "A": FakeMachine([(1 * MS, PowerOff(3)), (2 * MS, Say(b"ghost"))]),
        "B": FakeMachine([(1 * MS, Reset()), (2 * MS, Say(b"ghost"))]),
        "C": FakeMachine([(5 * MS, Send(b"hello?"))]),
    }
    world = _world(machines)
    stops = [(s.machine, s.kind, s.exit_code, s.at_ns) for s in world.step(10 * MS).stopped]
    assert stops == [("A", "FINISHED", 3, MS), ("B", "RESET", None, MS)]
    consoles, _ = _run(world, 10 * MS)
    assert consoles == {}
    assert machines["A"].received == []
    assert world.step(20 * MS).is_quiet


def test_never_beyond_the_limit() -> None:
    world = _world({"A": FakeMachine([(0, Spin())])})
    assert world.step(120).now_ns == 120
    assert world.instructions() == {"A": 12}


def test_same_seed_same_trace_other_seed_other_trace() -> None:
    def run(seed: int) -> tuple[dict[str, bytes], list[SentFrame], str]:
        world = _world(_ping_pong(), seed, jitter_ns=MS, loss=Ratio(1, 50))
        consoles, frames = _run(world)
        return consoles, frames, world.trace.digest()

    assert run(1) == run(1)
    assert run(1)[2] != run(2)[2]


def test_injected_faults_are_in_the_trace() -> None:
    world = _world({"A": FakeMachine([(10, Send(b"x"))]), "B": FakeMachine()}, cuts=(Cut(0, 20),))
    _run(world)
    assert [(event.link, event.fault) for event in world.faults] == [("A>B", Fault.PARTITION)]
    assert "10 A fault-partition A>B" in world.trace.text()


def test_one_path_can_differ_from_the_others() -> None:
    machines = {"A": FakeMachine([(10, Send(b"x"))]), "B": FakeMachine(), "C": FakeMachine()}
    paths = {("A", "B"): LinkOptions(delay_ns=100)}
    world = World(machines, LinkOptions(delay_ns=MS), KeyedRandom(1), paths=paths)
    _run(world)
    assert [at for at, _ in machines["B"].received] == [110]
    assert [at for at, _ in machines["C"].received] == [MS + 10]


def test_path_between_unknown_machines_is_refused() -> None:
    with pytest.raises(ValueError, match="no such machines"):
        World(
            {"A": FakeMachine()},
            LinkOptions(),
            KeyedRandom(1),
            paths={("A", "Z"): LinkOptions()},
        )


def test_number_of_machines_is_bounded() -> None:
    with pytest.raises(ValueError, match="machines"):
        _world({})
    with pytest.raises(ValueError, match="machines"):
        _world({str(n): FakeMachine() for n in range(MACHINES_MAX + 1)})


def test_machine_must_start_at_zero() -> None:
    machine = FakeMachine()
    machine.run(10)
    with pytest.raises(ValueError, match="is at 10 ns"):
        _world({"A": machine})


def test_machine_that_breaks_its_contract_is_named() -> None:
    class Lazy(FakeMachine):
        def run(self, until_ns: int) -> Stop:
            return Stop.REACHED

    class TimeTraveller(FakeMachine):
        def take_frames(self) -> list[tuple[int, bytes]]:
            return [(10**15, bytes(60))]

    with pytest.raises(WorldError, match="machine A: asked to run until"):
        _world({"A": Lazy([(10, Say(b"x"))])}).step(MS)
    with pytest.raises(WorldError, match="out of step"):
        _world({"A": TimeTraveller([(10, Say(b"x"))])}).step(MS)


def test_frame_too_large_is_recorded_and_goes_nowhere() -> None:
    receiver = FakeMachine()
    world = _world({"A": FakeMachine([(10, Send(bytes(1600)))]), "B": receiver})
    _run(world)
    assert receiver.received == []
    assert "10 A misfit 1614" in world.trace.text()


def test_fake_stops_have_the_names_the_world_knows() -> None:
    assert issubclass(Stop, Enum)
    assert {stop.name for stop in Stop} == {"REACHED", "FINISHED", "IDLE", "RESET"}


def test_states_say_what_each_machine_is_up_to() -> None:
    machines = {
        "A": FakeMachine([(10, PowerOff())]),
        "B": FakeMachine([(10, Spin())]),
        "C": FakeMachine([(9 * MS, Say(b"x"))]),
        "D": FakeMachine(),
    }
    world = _world(machines)
    world.step(MS)
    assert world.states() == {
        "A": "off since 10 ns (finished)",
        "B": "computes",
        "C": "waits for its timer at 9000000 ns",
        "D": "waits for ever, unless something arrives",
    }


def test_what_a_caller_does_to_a_machine_that_sleeps_happens_now() -> None:
    at_ns = 5_000_000
    sleeper = FakeMachine(rules=[When(b"go", (Send(b"x"),), 0)], address=mac(2))
    machines = {"A": FakeMachine([(0, Spin())]), "B": sleeper}
    world = World(machines, LinkOptions(), KeyedRandom(1), driven=["B"])
    while world.now_ns < at_ns:
        world.step(at_ns)

    sleeper.deliver(mac(2) + mac(1) + b"\x88\xb5" + b"go" + bytes(60))

    assert [frame.sent_ns for frame in world.step(2 * at_ns).frames] == [at_ns]


def test_a_frame_that_a_machine_has_no_room_for_is_recorded_as_such() -> None:
    class Full(FakeMachine):
        def deliver(self, frame: bytes) -> bool:
            super().deliver(frame)
            return False

    script = [(MS, Send(b"x"))]
    for machine, event in ((FakeMachine(), "receive"), (Full(), "nobuffer")):
        world = _world({"A": FakeMachine(script), "B": machine}, delay_ns=MS)
        _run(world)
        assert [line.split()[2] for line in world.trace.text().splitlines()] == ["send", event]
        assert len(machine.received) == 1
