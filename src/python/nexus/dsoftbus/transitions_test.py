"""The tables themselves: complete, and without a way back or around."""

from __future__ import annotations

from itertools import product

from nexus.dsoftbus.noise import Role
from nexus.dsoftbus.transitions import EXPECTED, TRANSITIONS, State, Step


def test_nothing_leaves_closed() -> None:
    assert not [key for key in TRANSITIONS if key[1] is State.CLOSED]


def test_everything_else_can_be_closed() -> None:
    for role, state in product(Role, State):
        if state is not State.CLOSED:
            assert TRANSITIONS[(role, state, Step.CLOSE)] is State.CLOSED


def test_ready_is_reached_only_through_admission() -> None:
    for role in Role:
        reached, frontier = {State.IDLE}, [State.IDLE]
        while frontier:
            here = frontier.pop()
            for step in Step:
                there = TRANSITIONS.get((role, here, step))
                if step is not Step.ADMIT and there is not None and there not in reached:
                    reached.add(there)
                    frontier.append(there)
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
