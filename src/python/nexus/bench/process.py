"""Runs one process to its end and says what it cost."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass

# A benchmark that hangs is a failed one.
_SECONDS_MAX = 300


@dataclass(frozen=True, slots=True)
class Cost:
    """What one process took, and what it printed."""

    wall_s: float
    cpu_s: float
    rss_kib: int
    output: str


class ProcessFailedError(RuntimeError):
    """A measured process ended badly: there is nothing to measure."""


def run(command: list[str]) -> Cost:
    """Run a command.

    Raises:
        ProcessFailedError: It did not end well.
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    began = time.perf_counter()
    child = subprocess.Popen(
        ["timeout", str(_SECONDS_MAX), *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        env=environment,
    )
    assert child.stdout is not None
    output = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.perf_counter() - began
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise ProcessFailedError(f"exit {child.returncode}: {' '.join(command)}")
    cpu = usage.ru_utime + usage.ru_stime
    return Cost(wall, cpu, usage.ru_maxrss, output.decode("utf-8", "replace"))
