"""A part of a processor for a program and all that it starts, by the kernel's control groups.

Workers of a team have hosts of their own; here they share two processors with the server, the store
and Pants.  Two workers of half a processor each leave one to the others, as hosts of their own
would.  Root may make such groups, where the `cpu` controller is mounted, of either version.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from nexus.bench.started import RunFailedError

MOUNTS: Final = Path("/proc/self/mounts")

# How often the kernel counts anew, in microseconds: its own default.
PERIOD_US: Final = 100_000

# The most that each version takes: the share bounds a group, not the priority of its neighbours.
SHARES_MAX: Final = 262_144
WEIGHT_MAX: Final = 10_000

# A group is free a moment after its last process has ended.
_FREE_SECONDS_MAX: Final = 10.0
_LOOK_SECONDS: Final = 0.1


def controller(mounts: str) -> tuple[Path, int]:
    """Return the folder of the `cpu` controller and its version, from the kernel's list of mounts.

    Raises:
        RunFailedError: there is none.
    """
    second = None
    for line in mounts.splitlines():
        _device, folder, kind, options, *_rest = line.split(" ")
        if kind == "cgroup" and "cpu" in options.split(","):
            return Path(folder), 1
        if kind == "cgroup2":
            second = Path(folder)
    if second is None:
        raise RunFailedError("--share needs the kernel's cpu controller; no cgroup is mounted here")
    return second, 2


def settings(version: int, percent: int) -> dict[str, str]:
    """Return the files of a group, and their texts, for so much of one processor."""
    quota = PERIOD_US * percent // 100
    if version == 1:
        return {
            "cpu.cfs_period_us": str(PERIOD_US),
            "cpu.cfs_quota_us": str(quota),
            "cpu.shares": str(SHARES_MAX),
        }
    return {"cpu.max": f"{quota} {PERIOD_US}", "cpu.weight": str(WEIGHT_MAX)}


@contextmanager
def share(percent: int, name: str) -> Iterator[Sequence[str]]:
    """Make a group of a name that is free, and yield the arguments that start a program in it.

    Raises:
        RunFailedError: the kernel or its administrator does not allow it.
    """
    folder, version = controller(MOUNTS.read_text(encoding="utf-8"))
    group = folder / f"{name}-{os.getpid()}"
    needed = f"root may do this, where {folder} has the cpu controller"
    with _refused(needed):
        group.mkdir()
    try:
        with _refused(needed):
            for file, text in settings(version, percent).items():
                (group / file).write_text(text, encoding="ascii")
        yield ("sh", "-c", 'echo $$ > "$0" && exec "$@"', str(group / "cgroup.procs"))
    finally:
        with _refused("end what runs in it, and remove the folder"):
            _free(group)


@contextmanager
def _refused(help_line: str) -> Iterator[None]:
    """Say in one line what the kernel refused; errors of the measured program are not its."""
    try:
        yield
    except OSError as exc:
        raise RunFailedError(f"--share: {exc.filename}: {exc.strerror}; {help_line}") from exc


def _free(group: Path) -> None:
    deadline = time.monotonic() + _FREE_SECONDS_MAX
    while (group / "cgroup.procs").read_text(encoding="ascii") and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)
    group.rmdir()
