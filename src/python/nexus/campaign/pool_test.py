"""The processes of a campaign end with it, whatever they are at."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from nexus.campaign import pool


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
    assert time.monotonic() - began < 20
    assert multiprocessing.active_children() == []


def test_the_processes_die_with_the_campaign(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A campaign that is killed has no time to end them; Linux does."""
    note = tmp_path / "pid"

    def timed(prepared: Any, seed: int) -> Any:
        note.write_text(str(os.getpid()))
        while True:
            signal.pause()

    monkeypatch.setattr(pool, "_timed", timed)
    prepared: Any = {"name": None}
    campaign = multiprocessing.get_context("fork").Process(
        target=lambda: list(pool.run_all(prepared, [("name", 0)], 2))
    )
    campaign.start()
    while not note.exists() or not note.read_text():
        assert campaign.is_alive()
    campaign.kill()
    campaign.join()
    worker = Path(f"/proc/{note.read_text()}/stat")
    while worker.exists() and worker.read_text().rpartition(")")[2].split()[0] != "Z":
        pass  # Whoever adopts it may take a moment to collect it.
