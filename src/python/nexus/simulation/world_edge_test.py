"""Several things in one instant, at the end of a step and at its beginning."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from nexus.core.randomness import KeyedRandom
from nexus.simulation.link import Cut, Link, LinkOptions
from nexus.simulation.machine import TICK_NS, Machine
from nexus.simulation.machine_fake import FakeMachine, PowerOff, Say, Send, Spin, When, mac
from nexus.simulation.trace import fingerprint
from nexus.simulation.world import SentFrame, World, WorldError

DELAY = 1_000
LIMIT = 100_000


def make(machines: Mapping[str, FakeMachine]) -> World:
    return World(machines, LinkOptions(delay_ns=DELAY), KeyedRandom(1))


def run(world: World) -> list[int]:
    """Step until nothing can happen; return the instants at which steps ended."""
    ends: list[int] = []
    while world.now_ns < LIMIT:
        step = world.step(LIMIT)
        ends.append(step.now_ns)
        if step.is_quiet:
            break
    return ends


def payloads(machine: FakeMachine) -> list[tuple[int, bytes]]:
    return [(at, frame[14:]) for at, frame in machine.received]


@pytest.mark.parametrize("at", [0, TICK_NS, DELAY - TICK_NS, DELAY, DELAY + TICK_NS])
def test_frames_of_one_instant_arrive_together_in_the_order_of_machines_and_of_sending(
    at: int,
) -> None:
    machines = {
        "A": FakeMachine([(0, Spin()), (at, Send(b"a1")), (at, Send(b"a2"))], address=mac(1)),
        "B": FakeMachine([(at, Send(b"b1")), (at, Send(b"b2"))], address=mac(2)),
        "C": FakeMachine(address=mac(3)),
    }
    run(make(machines))
    sent = [b"a1", b"a2", b"b1", b"b2"]
    assert payloads(machines["C"]) == [(at + DELAY, payload) for payload in sent]


def test_a_frame_that_arrives_as_a_step_ends_is_heard_then_and_once() -> None:
    machines = {
        "A": FakeMachine([(0, Spin()), (0, Send(b"x")), (DELAY, Send(b"y"))], address=mac(1)),
        "B": FakeMachine(rules=[When(b"x", (Send(b"re:x"),), TICK_NS)], address=mac(2)),
    }
    world = make(machines)
    assert run(world)[:3] == [DELAY, 2 * DELAY, 3 * DELAY]
    assert payloads(machines["B"]) == [(DELAY, b"x"), (2 * DELAY, b"y")]
    assert payloads(machines["A"]) == [(2 * DELAY + TICK_NS, b"re:x")]


def test_two_machines_that_go_off_in_one_step_are_both_reported() -> None:
    machines = {
        "A": FakeMachine([(50, Say(b"a")), (60, PowerOff(1))]),
        "B": FakeMachine([(60, Say(b"b")), (60, PowerOff(2))]),
        "C": FakeMachine([(60, Say(b"c"))]),
    }
    world = make(machines)
    step = world.step(LIMIT)
    assert [(each.machine, each.exit_code) for each in step.stopped] == [("A", 1), ("B", 2)]
    assert step.consoles == (("A", b"a"), ("B", b"b"), ("C", b"c"))
    assert world.step(LIMIT).is_quiet


def test_what_a_step_sends_is_reported_in_the_order_of_instants() -> None:
    machines = {
        "A": FakeMachine([(600, Send(b"late")), (600, Send(b"later"))], address=mac(1)),
        "B": FakeMachine([(300, Send(b"early")), (600, Send(b"last"))], address=mac(2)),
    }
    step = make(machines).step(LIMIT)
    sent = [(frame.sent_ns, frame.frame[14:]) for frame in step.frames]
    assert sent == [(300, b"early"), (600, b"late"), (600, b"later"), (600, b"last")]


def test_two_deeds_of_one_instant_are_done_then_in_their_order_and_once() -> None:
    done: list[tuple[int, str]] = []

    def deed(name: str, said: str | None) -> Callable[[Machine], str | None]:
        def act(machine: Machine) -> str | None:
            done.append((machine.now_ns, name))
            return said

        return act

    world = make({"A": FakeMachine([(0, Spin())]), "B": FakeMachine()})
    world.plan(2 * DELAY, "A", "first", deed("first", "was done"))
    world.plan(2 * DELAY, "B", "second", deed("second", None))
    world.plan(2 * DELAY + TICK_NS, "A", "third", deed("third", ""))
    with pytest.raises(ValueError, match="fourth: no such machine: C"):
        world.plan(0, "C", "fourth", deed("fourth", None))
    run(world)
    at = 2 * DELAY
    assert done == [(at, "first"), (at, "second"), (at + TICK_NS, "third")]
    lines = [line for line in world.trace.text().splitlines() if "fault-" in line]
    assert ["fault-first" in lines[0], "fault-third" in lines[1]] == [True, True]
    assert len(lines) == 2


@pytest.mark.parametrize(
    ("sent_ns", "is_lost"), [(990, False), (1000, True), (1990, True), (2000, False)]
)
def test_a_cut_begins_and_ends_at_its_instants(sent_ns: int, is_lost: bool) -> None:
    link = Link("a>b", LinkOptions(delay_ns=DELAY, cuts=(Cut(1000, 2000),)), KeyedRandom(1))
    link.offer(b"frame", sent_ns)
    assert (link.collect(sent_ns + DELAY) is None) is is_lost


@pytest.mark.parametrize("places", [1, 2, 3])
def test_a_queue_that_is_exactly_full_and_its_place_after_an_arrival(places: int) -> None:
    link = Link("a>b", LinkOptions(delay_ns=DELAY, queue_frames_max=places), KeyedRandom(1))
    for number in range(places):
        assert link.offer(b"%d" % number, 0) == ()
    assert [fault.value for fault in link.offer(b"more", 0)] == ["overflow"]
    assert link.collect(DELAY - 1) is None
    assert link.collect(DELAY) == b"0"
    assert link.offer(b"again", 0) == ()
    assert len(link.offer(b"more", 0)) == 1
    rest = [link.collect(DELAY) for _ in range(places + 1)]
    assert rest == [*(b"%d" % number for number in range(1, places)), b"again", None]


def test_what_a_machine_prints_is_in_the_trace() -> None:
    world = make({"A": FakeMachine([(50, Say(b"a"))]), "B": FakeMachine()})
    end = world.step(LIMIT).now_ns
    assert f"{end} A console {fingerprint(b'a')}\n" in world.trace.text()


def test_a_machine_that_is_off_keeps_no_frame_from_those_behind_it() -> None:
    machines = {
        "A": FakeMachine([(5_000, Send(b"x"))], address=mac(1)),
        "B": FakeMachine([(10, PowerOff())], address=mac(2)),
        "C": FakeMachine(address=mac(3)),
        "D": FakeMachine([(20, PowerOff())], address=mac(4)),
        "E": FakeMachine(address=mac(5)),
    }
    world = make(machines)
    frames: list[SentFrame] = []
    while not (step := world.step(LIMIT)).is_quiet:
        frames += step.frames
    assert [frame.ways for frame in frames] == [(("C", ()), ("E", ()))]
    assert [len(machine.received) for machine in machines.values()] == [0, 0, 1, 0, 1]


def test_the_whole_trace_of_a_short_run() -> None:
    machines = {
        "A": FakeMachine([(50, Say(b"a\n")), (60, Send(b"x"))], address=mac(1)),
        "B": FakeMachine(rules=[When(b"x", (Say(b"b"), PowerOff(3)), TICK_NS)], address=mac(2)),
    }
    world = make(machines)
    assert [run(world), world.now_ns] == [[1050, 2060, 2060], 2060]
    frame = fingerprint(b"\xff" * 6 + mac(1) + b"\x88\xb5x")
    assert world.trace.text().splitlines() == [
        f"1050 A console {fingerprint(b'a' + bytes([10]))}",
        f"60 A send {frame}",
        f"1060 B receive {frame}",
        "1070 B stop finished 3",
        f"2060 B console {fingerprint(b'b')}",
    ]
    assert world.states() == {
        "A": "waits for ever, unless something arrives",
        "B": "off since 1070 ns (finished)",
    }


class Sender(FakeMachine):
    """Says of one frame that it was sent at an instant, whatever the time is."""

    def __init__(self, sent_ns: int, frame: bytes) -> None:
        super().__init__([(0, Spin())])
        self.sent = [(sent_ns, frame)]

    def take_frames(self) -> list[tuple[int, bytes]]:
        taken, self.sent = self.sent, []
        return taken


@pytest.mark.parametrize("sent_ns", [0, TICK_NS, DELAY])
def test_a_frame_may_be_sent_from_the_beginning_to_the_end_of_a_step(sent_ns: int) -> None:
    step = make({"A": Sender(sent_ns, bytes(60)), "B": FakeMachine()}).step(LIMIT)
    assert [frame.sent_ns for frame in step.frames] == [sent_ns]


@pytest.mark.parametrize("sent_ns", [-TICK_NS, DELAY + TICK_NS])
def test_a_frame_of_another_step_is_a_broken_machine(sent_ns: int) -> None:
    world = make({"A": Sender(sent_ns, bytes(60)), "B": FakeMachine()})
    with pytest.raises(WorldError, match=f"^machine A: sent a frame at {sent_ns} ns, out of step$"):
        world.step(LIMIT)


@pytest.mark.parametrize(
    ("size", "is_misfit"), [(13, True), (14, False), (1514, False), (1515, True)]
)
def test_a_frame_that_no_card_sends_is_a_misfit_of_its_size(size: int, is_misfit: bool) -> None:
    listener = FakeMachine()
    world = make({"A": Sender(10, b"\xff" * 6 + bytes(size - 6)), "B": listener})
    world.step(LIMIT)
    assert (f"10 A misfit {size}\n" in world.trace.text()) is is_misfit
    world.step(LIMIT)
    assert (listener.received == []) is is_misfit
