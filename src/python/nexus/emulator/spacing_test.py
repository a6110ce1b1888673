"""Checkpoints cost a small part of a run, whatever the engine and the size of a machine."""

from __future__ import annotations

import pytest

from nexus.emulator.spacing import WORTH, WORTH_MAX, Spacing

STEPS = 100


class Work:
    """A run of so many steps a second, whose checkpoints take a second each."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.seconds = 0.0
        self.spacing = Spacing(STEPS, lambda: self.seconds)

    def checkpoint(self) -> bytes:
        self.seconds += 1.0
        return b"checkpoint"

    def go(self, distances: int) -> int:
        """Run so many distances; how many checkpoints were taken."""
        taken = 0
        for _ in range(distances):
            self.seconds += self.spacing.steps / self.rate
            if self.spacing.is_worth_it():
                assert self.spacing.take(self.checkpoint) == b"checkpoint"
                taken += 1
        return taken


@pytest.mark.parametrize("rate", [1e3, 1e6])
def test_on_a_quick_engine_checkpoints_move_apart_until_they_are_cheap(rate: float) -> None:
    work = Work(rate)
    work.spacing.take(work.checkpoint)
    work.go(40)
    assert WORTH / 2 <= work.spacing.steps / work.rate <= WORTH_MAX
    began = work.seconds
    assert work.go(100) / (work.seconds - began) <= 1 / WORTH


def test_where_the_guest_becomes_slow_they_move_together_but_not_below_the_least() -> None:
    work = Work(1e6)
    work.spacing.take(work.checkpoint)
    work.go(40)
    work.rate = 0.1
    assert work.go(40) == 40
    assert work.spacing.steps == STEPS


def test_without_a_stopwatch_only_their_number_moves_them_apart() -> None:
    spacing = Spacing(STEPS, None)
    assert spacing.take(lambda: b"x") == b"x"
    assert spacing.is_worth_it()
    assert spacing.steps == STEPS
    spacing.widen()
    assert spacing.steps == 2 * STEPS
