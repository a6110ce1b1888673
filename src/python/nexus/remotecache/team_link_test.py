"""Frames on a cable: in order, late by its delay, one after the other, and not without bound."""

from __future__ import annotations

import pytest

from nexus.remotecache.team_link import FRAMES_MAX, Line

MEGABIT = bytes(125_000)


def test_a_frame_arrives_after_its_delay_and_not_before() -> None:
    line = Line(0.5, bits_per_second=1e6)
    assert line.next_at() is None
    assert line.put(MEGABIT, now=10.0)
    assert line.next_at() == pytest.approx(11.5)
    assert line.due(11.4) == []
    assert line.due(11.6) == [MEGABIT]
    assert line.due(99.0) == []


def test_frames_arrive_in_order_each_after_the_one_before() -> None:
    line = Line(0.0, bits_per_second=1e6)
    for first in (b"a", b"b", b"c"):
        line.put(first + MEGABIT[1:], now=0.0)
    assert [frame[:1] for frame in line.due(2.0)] == [b"a", b"b"]
    # The cable was idle in between.
    line.due(3.0)
    line.put(MEGABIT, now=7.0)
    assert line.next_at() == pytest.approx(8.0)


def test_a_full_cable_loses_frames() -> None:
    line = Line(1.0)
    assert all(line.put(b"x", 0.0) for _ in range(FRAMES_MAX))
    assert not line.put(b"x", 0.0)
    assert len(line.due(2.0)) == FRAMES_MAX
    assert line.put(b"x", 2.0)
