"""Signals that ask for the end are taken and given back, except for those that are ignored."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from nexus.entry.ending import catch_ending, release_ending


@pytest.fixture(autouse=True, params=[signal.SIGHUP, signal.SIGTERM])
def number(request: pytest.FixtureRequest) -> Iterator[signal.Signals]:
    """One of them; what takes it is the same again after the test."""
    before = signal.getsignal(request.param)
    yield request.param
    signal.signal(request.param, before)


def test_a_signal_is_taken_and_given_back(number: signal.Signals) -> None:
    seen: list[int] = []
    others: list[int] = []
    signal.signal(number, lambda number, _: others.append(number))
    before = catch_ending(lambda number, _: seen.append(number))
    signal.raise_signal(number)
    release_ending(before)
    signal.raise_signal(number)
    assert (seen, others) == ([number], [number])


def test_a_signal_that_is_ignored_goes_on_being_ignored(number: signal.Signals) -> None:
    signal.signal(number, signal.SIG_IGN)
    before = catch_ending(lambda *_: pytest.fail("it is ignored"))
    signal.raise_signal(number)
    release_ending(before)
    assert signal.getsignal(number) is signal.SIG_IGN
