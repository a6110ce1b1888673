"""The tables themselves: complete, and without a way back or around."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

from nexus.dsoftbus.noise import Role
from nexus.dsoftbus.transitions import EXPECTED, TRANSITIONS, State, Step


def test_nothing_leaves_closed() -> None:
    assert not [key for key in TRANSITIONS if key[1] is State.CLOSED]


def test_everything_else_can_be_closed() -> None:
    others = [state for state in State if state is not State.CLOSED]
    for role, state in product(Role, others):
        assert TRANSITIONS[(role, state, Step.CLOSE)] is State.CLOSED


def reach(role: Role, steps: Iterable[Step]) -> set[State]:
    """Return the states that these steps lead to, each as often as may be."""
    reached, frontier = {State.IDLE}, [State.IDLE]
    while frontier:
        here = frontier.pop()
        for there in (TRANSITIONS.get((role, here, step)) for step in steps):
            if there is not None and there not in reached:
                reached.add(there)
                frontier.append(there)
    return reached


def test_ready_is_reached_only_through_admission() -> None:
    for role in Role:
        reached = reach(role, [step for step in Step if step is not Step.ADMIT])
        assert State.PROVEN in reached
        assert not {State.READY, State.CONFIRMING} & reached


def test_frames_are_sent_and_taken_only_with_an_admitted_peer() -> None:
    allowed = {step: {state for _, state, each in TRANSITIONS if each is step} for step in Step}
    assert allowed[Step.SEND] == {State.READY}
    assert allowed[Step.FRAME] == {State.READY, State.CONFIRMING}


def test_what_is_expected_is_what_the_table_takes() -> None:
    for (role, state), (step, low, high) in EXPECTED.items():
        assert (role, state, step) in TRANSITIONS
        assert 16 <= low <= high <= 1040


def test_a_role_never_takes_the_others_steps() -> None:
    theirs = {
        Role.INITIATOR: {Step.HELLO, Step.PROOF},
        Role.RESPONDER: {Step.DIAL, Step.REPLY},
    }
    for role, _, step in TRANSITIONS:
        assert step not in theirs[role]
