"""The processes of a campaign end with it, whatever they are at."""

from __future__ import annotations

import multiprocessing
import os
import select
import signal
import time
from contextlib import closing
from typing import Any, Final  # Any: a stand-in, or a value of a wrong type.

import pytest

from nexus.campaign import pool

# A loaded host may take a moment; longer than this is never.
BOUND_S: Final = 60


def test_whoever_stops_early_leaves_no_process_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The second run never ends; a campaign that is interrupted does not wait for it."""

    def timed(prepared: Any, seed: int) -> Any:
        while seed:
            signal.pause()
        return "the first"

    monkeypatch.setattr(pool, "_timed", timed)
    prepared: Any = {"name": None}
    began = time.monotonic()
    work = [("name", 0), ("name", 1)]
    with closing(pool.run_all(prepared, work, 2)) as runs:
        assert str(next(runs)) == "the first"
    assert time.monotonic() - began < BOUND_S
    assert multiprocessing.active_children() == []


def test_the_processes_die_with_the_campaign(monkeypatch: pytest.MonkeyPatch) -> None:
    """A campaign that is killed has no time to end them; Linux does."""
    heard, said = os.pipe()

    def timed(prepared: Any, seed: int) -> Any:
        os.write(said, b"%d\n" % os.getpid())
        while True:
            signal.pause()

    monkeypatch.setattr(pool, "_timed", timed)
    prepared: Any = {"name": None}
    campaign = multiprocessing.get_context("fork").Process(
        target=lambda: list(pool.run_all(prepared, [("name", 0)], 2))
    )
    campaign.start()
    try:
        assert is_ready(heard), "no run has begun"
        # This descriptor is of that process, even if another has its number later.
        watched = os.pidfd_open(int(os.read(heard, 20)))
    finally:
        campaign.kill()
        campaign.join(BOUND_S)
        os.close(heard)
        os.close(said)
    try:
        assert is_ready(watched), "a run lives on without its campaign"
    finally:
        os.close(watched)


def is_ready(descriptor: int) -> bool:
    """Wait until there is something to read, or the process of a descriptor has ended."""
    ready, _, _ = select.select([descriptor], [], [], BOUND_S)
    return bool(ready)
