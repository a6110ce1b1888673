"""A machine in its place in a world: what is said of it when nothing goes on."""

from __future__ import annotations

import pytest

from nexus.simulation.machine_fake import Action, FakeMachine, Say
from nexus.simulation.node import STOP_CUT, Node, Stopped, describe, is_cut


@pytest.mark.parametrize(
    ("at_ns", "said"),
    [
        (0, "computes"),  # It can act at this very instant.
        (10, "waits for its timer at 10 ns"),
        (None, "waits for ever, unless something arrives"),
    ],
)
def test_what_a_machine_is_up_to(at_ns: int | None, said: str) -> None:
    script: list[tuple[int, Action]] = [] if at_ns is None else [(at_ns, Say(b"x"))]
    node = Node("A", FakeMachine(script), 0)
    assert describe(node) == said
    assert not is_cut(node)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("STUCK", "is caught in a loop of traps since 70 ns"),
        ("FINISHED", "off since 70 ns (finished)"),
        (STOP_CUT, "off since 70 ns (cut)"),
    ],
)
def test_a_machine_that_has_stopped_says_since_when_and_never_acts(kind: str, said: str) -> None:
    node = Node("A", FakeMachine([(10, Say(b"x"))]), 0)
    node.stopped = Stopped("A", 70, kind, None)
    assert describe(node) == said
    assert node.next_event_ns() is None
    assert is_cut(node) is (kind == STOP_CUT)
