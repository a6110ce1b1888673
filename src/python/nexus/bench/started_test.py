"""A program beside a benchmark: awaited, ended, and named with its log where it does not start."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from nexus.bench.started import RunFailedError, started

SAY = "import signal, sys; sys.stderr.write('here I am'); sys.stderr.flush(); "
WAIT = SAY + "signal.pause()"


@pytest.mark.parametrize("is_group", [False, True])
def test_it_runs_from_when_it_is_ready_to_the_end_of_the_block(
    tmp_path: Path, is_group: bool
) -> None:
    log = tmp_path / "log"
    argv = [sys.executable, "-c", WAIT]
    with started(argv, log, lambda said: "here I am" in said, is_group=is_group):
        assert log.read_text() == "here I am"


def test_one_that_ends_before_it_is_ready_is_named_with_what_it_said(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", SAY]
    with (
        pytest.raises(RunFailedError, match=r"python.* did not start\nhere I am"),
        started(argv, tmp_path / "log", lambda said: "ready" in said),
    ):
        pass
