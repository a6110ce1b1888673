"""Runs one process to its end and says what it cost."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from typing import Final

# A benchmark that hangs is a failed one.  The longest run of all takes some ten seconds.
SECONDS_MAX: Final = 300
# Exit codes of `timeout`: it had to end the process; it had to kill it.
_OVERDUE: Final = (124, 137)
_KILL_SECONDS: Final = 10

# A process begins as a copy of the one that starts it, and the peak of its memory is never less
# than that copy.  So it is started by a small one, which also says what it took.
_STARTER: Final = """
import os, sys, time
words = sys.argv[2:]
began = time.perf_counter()
child = os.posix_spawnp(words[0], words, os.environ)
status, usage = os.wait4(child, 0)[1:]
wall = time.perf_counter() - began
cost = f"{wall} {usage.ru_utime + usage.ru_stime} {usage.ru_maxrss}"
os.write(int(sys.argv[1]), cost.encode())
sys.exit(os.waitstatus_to_exitcode(status))
"""
_COST_BYTES_MAX: Final = 100
_SHOWN_CHARS: Final = 200

# Users start programs that are compiled already, and Python keeps what it prints until it is much.
_LEFT_OUT: Final = ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED")
# Pants starts the benchmark by a PEX with settings of its own.  With any of them another PEX takes
# the long way through its loader, which users do not see.
_LEFT_OUT_PREFIX: Final = "PEX"


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one process, and its output."""

    wall_s: float
    cpu_s: float
    rss_kib: int
    output: str


class ProcessFailedError(RuntimeError):
    """A measured process ended badly: there is nothing to measure."""


def run(command: list[str], seconds_max: float = SECONDS_MAX) -> Cost:
    """Run a command.

    Raises:
        ProcessFailedError: It did not end well, or not within `seconds_max`.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in _LEFT_OUT and not name.lstrip("_").startswith(_LEFT_OUT_PREFIX)
    }
    environment = kept | {"PYTHONPATH": os.pathsep.join(sys.path)}
    reading, writing = os.pipe()
    starter = [sys.executable, "-I", "-S", "-c", _STARTER, str(writing)]
    try:
        child = subprocess.run(
            ["timeout", f"--kill-after={_KILL_SECONDS}", str(seconds_max), *starter, *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            env=environment,
            pass_fds=(writing,),
            check=False,
        )
    finally:
        os.close(writing)
    with open(reading, "rb") as pipe:
        said = pipe.read(_COST_BYTES_MAX)
    if child.returncode in _OVERDUE and not said:
        last = child.stdout.decode("utf-8", "replace")[-_SHOWN_CHARS:]
        raise ProcessFailedError(
            f"{' '.join(command)}: did not end within {seconds_max:g} s; it printed {last!r} last"
        )
    if child.returncode or not said:
        raise ProcessFailedError(f"{' '.join(command)}: exit code {child.returncode}; expected 0")
    wall, cpu, rss = said.split()
    return Cost(float(wall), float(cpu), int(rss), child.stdout.decode("utf-8", "replace"))
