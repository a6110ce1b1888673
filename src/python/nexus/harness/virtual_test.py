"""The virtual engine: machines of the emulator made from a plan, and what it says of them."""

from __future__ import annotations

import re
import socket
from dataclasses import replace
from typing import Any  # Any: keyword arguments of several types.

import pytest

from nexus.core.randomness import KeyedRandom
from nexus.emulator.program_support import EXIT, program
from nexus.harness import plan_support
from nexus.harness.engine import EngineUnavailableError
from nexus.harness.instruments import Instruments
from nexus.harness.plan import MachinePlan, Plan, PlanError, RebootPlan
from nexus.harness.plan_support import MS, say
from nexus.harness.virtual import VirtualEngine, boot
from nexus.scene.guest import DrivePlan
from nexus.simulation.entropy import EntropyStream
from nexus.simulation.link import Cut, LinkOptions
from nexus.simulation.machine_fake import Action, FakeMachine, Send, Spin, mac

ENDLESS = program("loop: j loop")
ENDING = program("li a0, 7\n" + EXIT)
STUCK = program("sd zero, 0(zero)")


def machine(label: str, image: bytes, number: int = 1, **given: Any) -> MachinePlan:
    made = plan_support.machine_plan(label, number)
    return replace(made, image=image, ram_bytes=16 << 20, **given)


def plan_of(*machines: MachinePlan, **given: Any) -> Plan:
    labels = "".join(each.label for each in machines)
    return replace(plan_support.plan(plan_support.LADDER[:1], labels, **given), machines=machines)


def test_machines_run_side_by_side_and_tell_what_they_are_up_to() -> None:
    engine = boot(plan_of(machine("A", ENDLESS), machine("B", ENDING, 2)), "reference")
    assert (engine.description, engine.is_reproducible) == ("nexus.emulator (reference)", True)
    assert (engine.is_interactive, engine.instruments) == (False, None)
    step = engine.step(10_000)
    assert [(each.machine, each.kind, each.exit_code) for each in step.stopped] == [
        ("B", "FINISHED", 7)
    ]
    states = engine.states()
    assert states["A"] == "computes"
    assert states["B"].endswith("(finished)")
    assert engine.instructions()["A"] == 1000
    assert engine.trace_text().count("stop finished 7") == 1
    assert len(engine.trace_digest()) == 64
    assert (engine.fault_counts(), engine.disks()) == ({}, {})
    assert engine.ephemerals() == {"A": [], "B": []}
    lines = engine.post_mortem()
    assert sorted(lines) == ["A", "B"]
    assert lines["A"][0].startswith("in machine mode at 0x80000000 after 1000 instructions")
    engine.close()


def test_a_machine_that_is_stuck_says_in_what() -> None:
    engine = boot(plan_of(machine("A", STUCK)), "reference")
    step = engine.step(20 * MS)
    assert [each.kind for each in step.stopped] == ["STUCK"]
    assert engine.why_stuck("A").startswith("is caught in a loop of traps: ")


def test_disks_are_those_of_the_plan_by_label_and_slot() -> None:
    drives = (DrivePlan(2, b"s" * 512, False), DrivePlan(5, b"p" * 1024, True))
    engine = boot(plan_of(machine("A", ENDLESS, drives=drives), machine("B", ENDLESS)), "reference")
    assert engine.disks() == {"A.drive2": b"s" * 512, "A.drive5": b"p" * 1024}


def test_a_machine_that_is_switched_on_again_keeps_its_entropy_and_counts_on() -> None:
    reboot = RebootPlan("A", 10 * MS, at_ns=5 * MS)
    engine = boot(plan_of(machine("A", ENDLESS), reboots=(reboot,)), "reference")
    while (now_ns := engine.step(20 * MS).now_ns) < 20 * MS:
        assert (engine.states()["A"] == "computes") is not (5 * MS < now_ns <= 15 * MS)
    assert engine.fault_counts() == {"power-cut": 1}
    assert engine.instructions() == {"A": 1_000_000}
    assert "power-on" in engine.trace_text()


def test_entropy_is_that_of_the_seed_and_keys_are_kept() -> None:
    engine = boot(plan_of(machine("A", ENDLESS), machine("B", ENDLESS), seed=9), "reference")
    entropy = engine._entropy["B"]
    drawn = [entropy(count) for count in (31, 32, 33)]
    stream = EntropyStream(KeyedRandom(9), "B")
    assert b"".join(drawn) == stream(96)
    assert engine.ephemerals() == {"A": [], "B": [drawn[1]]}


@pytest.mark.parametrize(
    ("engine", "code", "translations", "said"),
    [
        (
            "fast",
            None,
            None,
            "engine 'fast' is not built in here; available: reference, native, translated",
        ),
        (
            "native",
            None,
            b"t",
            "engine 'native': its code was not given; name it with --native-blob",
        ),
        (
            "translated",
            None,
            b"t",
            "engine 'translated': its code was not given; name it with --native-blob",
        ),
        (
            "translated",
            b"c",
            None,
            "engine 'translated': nothing is translated; name a file with --translations",
        ),
    ],
)
def test_an_engine_without_its_code_is_unavailable(
    engine: str, code: bytes | None, translations: bytes | None, said: str
) -> None:
    with pytest.raises(EngineUnavailableError) as caught:
        boot(plan_of(machine("A", ENDLESS)), engine, code, translations)
    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (["Z", "Y"], "--gdb: 'Y' is not a machine of fake; expected one of A, B"),
        (["A", "b"], "--gdb: 'b' is not a machine of fake; expected one of A, B"),
    ],
)
def test_a_debugger_of_no_machine_is_refused(labels: list[str], said: str) -> None:
    with pytest.raises(PlanError) as caught:
        boot(
            plan_of(machine("A", ENDLESS), machine("B", ENDLESS)),
            "reference",
            debuggers=dict.fromkeys(labels, "0"),
        )
    assert str(caught.value).partition(";")[0] == said.partition(";")[0]
    assert said.partition(";")[2] in str(caught.value)


def test_the_end_lets_go_of_every_debuggers_socket(capsys: pytest.CaptureFixture[str]) -> None:
    plan = plan_of(machine("A", ENDLESS), machine("B", ENDLESS, 2))
    engine = boot(plan, "reference", debuggers={"A": "0", "B": "0"})
    assert engine.is_interactive
    said = re.findall(r"target remote (\S+):(\d+)\n", capsys.readouterr().err)
    places = [(host, int(port)) for host, port in said]
    assert len(places) == 2
    for place in places:
        socket.create_connection(place, timeout=10).close()
    engine.close()
    for place in places:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(place, timeout=10)


def test_what_the_emulator_refuses_names_the_machine() -> None:
    with pytest.raises(PlanError, match=r"^fake: machine B: ") as caught:
        boot(plan_of(machine("A", ENDLESS), machine("B", b"no kernel" * 9)), "reference")
    assert "\n" not in str(caught.value)


def test_machines_are_recorded_if_they_are_to_be() -> None:
    instruments = Instruments(covers=True, profile_every=100)
    engine = boot(
        plan_of(machine("A", ENDLESS), machine("B", ENDLESS)), "reference", instruments=instruments
    )
    engine.step(10_000)
    assert engine.instruments is instruments
    assert sorted(instruments.recorders) == sorted(instruments.samplers) == ["A", "B"]
    assert all(recorder.pages() for recorder in instruments.recorders.values())
    assert instruments.samplers["A"].samples.total() == 9


def test_the_link_the_paths_and_the_seed_of_the_plan_are_those_of_the_world() -> None:
    script: list[tuple[int, Action]] = [(0, Send(b"x")), (MS, Send(b"y")), (2 * MS, Spin())]
    machines = {"A": FakeMachine(script, address=mac(1)), "B": FakeMachine(), "C": FakeMachine()}
    paths = {("A", "B"): LinkOptions(delay_ns=100, cuts=(Cut(MS, 2 * MS),))}
    plan = plan_support.plan(labels="ABC", link=LinkOptions(delay_ns=300), paths=paths)
    engine = VirtualEngine(plan, machines, "three")
    while engine.step(2 * MS).now_ns < 2 * MS:
        pass
    assert [at for at, _ in machines["B"].received] == [100]
    assert [at for at, _ in machines["C"].received] == [300, MS + 300]
    assert engine.fault_counts() == {"partition": 1}
    assert engine.description == "three"
    assert (engine.post_mortem(), engine.disks(), engine.ephemerals()) == ({}, {}, {})


def test_two_reboots_after_one_line_take_it_one_after_the_other() -> None:
    reboots = (
        RebootPlan("B", MS, after=("A", "go")),
        RebootPlan("A", 2 * MS, after=("A", "go")),
        RebootPlan("B", MS, after=("B", "go")),
    )
    machines = {
        "A": FakeMachine([*say(1, "go"), *say(5, "go", "go")]),
        "B": FakeMachine(say(20, "x")),
    }
    made: list[str] = []

    def power_on(label: str) -> FakeMachine:
        made.append(label)
        return FakeMachine(say(3, "again"))

    engine = VirtualEngine(plan_support.plan(reboots=reboots), machines, "fake", power_on)
    while not engine.step(50 * MS).is_quiet:
        pass
    assert made == ["B", "A"]
    assert engine.fault_counts() == {"power-cut": 2}


def test_a_cut_of_power_takes_what_was_not_flushed_from_each_disk() -> None:
    drives = (DrivePlan(2, bytes(1024), False), DrivePlan(4, bytes(512), False))
    engine = boot(plan_of(machine("A", ENDLESS, drives=drives)), "reference")
    first, second = (disk.drive for disk in engine._emulated()["A"].drives)
    first.write(0, b"kept")
    first.flush()
    first.write(512, b"lost")
    second.write(0, b"lost")
    assert engine.disks()["A.drive2"][512:516] == b"lost"
    power_on = engine._power_on
    assert power_on is not None
    again = power_on("A")
    assert again.now_ns == 0
    assert (first.read(0, 1024), second.read(0, 512)) == (b"kept" + bytes(1020), bytes(512))
