"""Reboots of a world: read from its file, done by the virtual engine, refused by QEMU."""

from __future__ import annotations

from pathlib import Path

import pytest

from nexus.config.config_cases import write_world
from nexus.config.error import ConfigError
from nexus.harness import arguments, plan_support, qemu
from nexus.harness.loading import load_plan
from nexus.harness.outcome import Outcome
from nexus.harness.phase import Phase
from nexus.harness.plan import Expectation, Plan, PlanError, RebootPlan
from nexus.harness.plan_support import MS, Silent, say
from nexus.harness.runner import Record, Runner
from nexus.harness.virtual import VirtualEngine
from nexus.image.elf_cases import fake_elf
from nexus.simulation.machine_fake import FakeMachine

EXPECTED = (
    Expectation("B", Phase.LAUNCH, "init: ready"),
    Expectation("B", Phase.REMOTE, "kept"),
)
AFTER_LINE = RebootPlan("B", 20 * MS, after=("A", "put ok"))


def load(folder: Path, reboots: str) -> Plan:
    write_world(folder)
    world = folder / "world.toml"
    world.write_text(world.read_text() + reboots)
    (folder / "system.elf").write_bytes(fake_elf(b"first image"))
    (folder / "other.elf").write_bytes(fake_elf(b"second image"))
    images = [f"--image={name}={folder}/{name}.elf" for name in ("system", "other")]
    return load_plan(arguments.parse(["--world", str(world), *images]))


def play(plan: Plan, said_by_a: list[str]) -> tuple[Record, VirtualEngine]:
    """Run a world whose B says that its state was kept only in its second life."""
    machines = {
        "A": FakeMachine(say(30, *said_by_a)),
        "B": FakeMachine(say(3, "init: ready")),
    }

    def power_on(label: str) -> FakeMachine:
        assert label == "B"
        return FakeMachine([*say(3, "init: ready"), *say(5, "kept")])

    engine = VirtualEngine(plan, machines, "fake", power_on)
    return Runner(plan, Silent(), lambda: None, lambda: 0.0).run(engine), engine


def test_reboots_are_read(tmp_path: Path) -> None:
    text = """
[[reboot]]
machine = "B"
at_ms = 600

[[reboot]]
machine = "B"
of = "A"
after = "put ok"
off_ms = 20

[[reboot]]
machine = "A"
after = "done"
"""
    assert load(tmp_path, text).reboots == (
        RebootPlan("B", 100 * MS, at_ns=600 * MS),
        AFTER_LINE,
        RebootPlan("A", 100 * MS, after=("A", "done")),
    )


@pytest.mark.parametrize(
    ("lines", "field", "said"),
    [
        (['machine = "C"', "at_ms = 1"], "reboot[0].machine", "'C' is an unknown machine"),
        (['machine = "B"'], "reboot[0]", "exactly one of at_ms and after"),
        (['machine = "B"', "at_ms = 1", 'after = "x"'], "reboot[0]", "exactly one of"),
        (['machine = "B"', "at_ms = 1", 'of = "A"'], "reboot[0].of", "accepted only with after"),
        (['machine = "B"', 'after = "x"', 'of = "D"'], "reboot[0].of", "'D' is an unknown machine"),
        (['machine = "B"', "at_ms = 0"], "reboot[0].at_ms", "0; expected 1"),
        (['machine = "B"', "at_ms = 5", "off_ms = 0"], "reboot[0].off_ms", "0; expected 1"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, lines: list[str], field: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, "\n".join(["", "[[reboot]]", *lines, ""]))
    assert field in str(caught.value)
    assert said in str(caught.value)


def test_reboots_are_bounded(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"reboot: 17 entries; expected 0\.\.16"):
        load(tmp_path, '\n[[reboot]]\nmachine = "B"\nat_ms = 1\n' * 17)


@pytest.mark.parametrize("reboot", [AFTER_LINE, RebootPlan("B", 20 * MS, at_ns=31 * MS)])
def test_what_only_the_second_life_says_is_seen(reboot: RebootPlan) -> None:
    plan = plan_support.plan(EXPECTED, reboots=(reboot,))
    record, engine = play(plan, ["put ok"])
    assert record.verdict.outcome is Outcome.PASSED
    assert record.consoles["B"] == b"init: ready\ninit: ready\nkept\n"
    assert engine.fault_counts() == {"power-cut": 1}
    assert engine.states()["B"].startswith("waits for ever")


def test_without_the_line_there_is_no_reboot() -> None:
    record, engine = play(plan_support.plan(EXPECTED, reboots=(AFTER_LINE,)), ["put okay"])
    assert record.verdict.outcome is Outcome.DEADLOCK
    assert engine.fault_counts() == {}


def test_a_line_reboots_once_however_often_it_is_said() -> None:
    plan = plan_support.plan(EXPECTED, reboots=(AFTER_LINE,))
    _, engine = play(plan, ["put ok", "put ok"])
    assert engine.fault_counts() == {"power-cut": 1}


def test_qemu_refuses_and_says_where_it_can_be_done() -> None:
    plan = plan_support.plan(EXPECTED, reboots=(AFTER_LINE,))
    with pytest.raises(PlanError, match=r"reboot: .* only on the emulator"):
        qemu.boot(plan)
