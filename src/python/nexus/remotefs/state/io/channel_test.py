"""Refusals that come before another thread is asked for anything."""

from __future__ import annotations

import asyncio
from typing import Any  # Any: a stand-in, or a value of a wrong type.

import pytest

from nexus.core.duration import TimeoutValueError
from nexus.remotefs.state.io.channel import call_from_thread


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), float("inf")])
def test_a_time_that_is_none_is_refused_at_once(seconds: float) -> None:
    nobody: Any = None
    loop = asyncio.new_event_loop()
    try:
        with pytest.raises(TimeoutValueError, match="timeout_s"):
            call_from_thread(nobody, loop, seconds)
    finally:
        loop.close()
