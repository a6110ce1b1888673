"""When bytes on a line arrive: after those before them, and after the delay."""

from __future__ import annotations

import pytest

from nexus.core.line import Line


def test_bytes_arrive_after_those_before_them_and_the_delay() -> None:
    line = Line(delay=0.5, bits_per_second=8.0)
    assert line.due(1, now=10.0) == pytest.approx(11.5)
    assert line.due(2, now=10.0) == pytest.approx(13.5)
    assert line.due(1, now=20.0) == pytest.approx(21.5)


def test_a_line_without_delay_still_has_a_speed() -> None:
    assert Line(delay=0.0).due(125_000_000, now=3.0) == pytest.approx(4.0)
