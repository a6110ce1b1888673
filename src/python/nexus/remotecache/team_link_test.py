"""Frames on a cable: in order, late by its delay, one after the other, and not without bound."""

from __future__ import annotations

import pytest

from nexus.core.line import Line
from nexus.remotecache.team_link import FRAMES_MAX, Frames

MEGABIT = bytes(125_000)


def test_a_frame_arrives_after_its_delay_and_not_before() -> None:
    frames = Frames(Line(0.5, bits_per_second=1e6))
    assert frames.next_at() is None
    assert frames.put(MEGABIT, now=10.0)
    assert frames.next_at() == pytest.approx(11.5)
    assert frames.due(11.4) == []
    assert frames.due(11.6) == [MEGABIT]
    assert frames.due(99.0) == []


def test_frames_arrive_in_order_each_after_the_one_before() -> None:
    frames = Frames(Line(0.0, bits_per_second=1e6))
    for first in (b"a", b"b", b"c"):
        frames.put(first + MEGABIT[1:], now=0.0)
    assert [frame[:1] for frame in frames.due(2.0)] == [b"a", b"b"]
    # The cable was idle in between.
    frames.due(3.0)
    frames.put(MEGABIT, now=7.0)
    assert frames.next_at() == pytest.approx(8.0)


def test_a_full_cable_loses_frames() -> None:
    frames = Frames(Line(1.0))
    assert all(frames.put(b"x", 0.0) for _ in range(FRAMES_MAX))
    assert not frames.put(b"x", 0.0)
    assert len(frames.due(2.0)) == FRAMES_MAX
    assert frames.put(b"x", 2.0)
