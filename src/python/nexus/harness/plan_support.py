"""Plans and worlds of scripted machines, for tests of everything above the emulator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final  # Any: keyword arguments of several types.

from nexus.harness.phase import Phase
from nexus.harness.plan import Expectation, MachinePlan, Plan
from nexus.harness.virtual import VirtualEngine
from nexus.simulation.machine_fake import Action, FakeMachine, Say, Send, When, mac

MS: Final = 1_000_000

LADDER: Final = (
    Expectation("A", Phase.LAUNCH, "init: ready"),
    Expectation("B", Phase.LAUNCH, "init: ready"),
    Expectation("A", Phase.SESSION, "dsoftbusd: cross-vm session ok node-b"),
    Expectation("B", Phase.SESSION, "dsoftbusd: cross-vm session ok node-a"),
    Expectation("A", Phase.REMOTE, "SELFTEST: remote resolve ok"),
    Expectation("A", Phase.REMOTE, "SELFTEST: remote query ok"),
    Expectation("A", Phase.END, "SELFTEST: end"),
    Expectation("B", Phase.END, "SELFTEST: end"),
)


class Silent:
    """A reporter that says nothing."""

    def line(self, machine: str, line: str, now_ns: int) -> None: ...
    def marker(self, expectation: Expectation, now_ns: int) -> None: ...
    def progress(self, phase: Phase, now_ns: int, missing: Expectation | None) -> None: ...


def machine_plan(label: str, number: int = 1) -> MachinePlan:
    """A machine that boots nothing."""
    return MachinePlan(
        label=label,
        image_name="system",
        image=b"image of " + label.encode(),
        config=b"config of " + label.encode(),
        mac=mac(number),
    )


def plan(expectations: Sequence[Expectation] = LADDER, labels: str = "AB", **given: Any) -> Plan:
    """A plan for machines of these one-letter names."""
    return Plan(
        name="fake",
        seed=given.pop("seed", 1),
        machines=tuple(machine_plan(label, n) for n, label in enumerate(labels, 1)),
        expectations=tuple(expectations),
        **given,
    )


def say(at_ms: int, *lines: str) -> list[tuple[int, Action]]:
    """Lines of console output, all at one instant."""
    return [(at_ms * MS, Say(line.encode() + b"\n")) for line in lines]


def passing_machines() -> dict[str, FakeMachine]:
    """Two machines that greet each other over the network and print the whole ladder."""
    session_a = When(b"reply", (Say(b"dsoftbusd: cross-vm session ok node-b\n"),))
    session_b = When(b"hello", (Say(b"dsoftbusd: cross-vm session ok node-a\n"), Send(b"reply")))
    remote = say(30, "SELFTEST: remote resolve ok", "SELFTEST: remote query ok")
    return {
        "A": FakeMachine(
            [
                *say(2, "init: ready"),
                (10 * MS, Send(b"hello")),
                *remote,
                *say(40, "SELFTEST: end"),
            ],
            [session_a],
            mac(1),
        ),
        "B": FakeMachine([*say(3, "init: ready"), *say(35, "SELFTEST: end")], [session_b], mac(2)),
    }


def engine(chosen: Plan, machines: Mapping[str, FakeMachine]) -> VirtualEngine:
    """A world of these machines."""
    return VirtualEngine(chosen, machines, "fake")
