"""A worker's description of itself when it joins, and whether the server takes it.

Results are shared, so a worker must execute as all others do: the same version of the programs in
its wheels, the same system, the same instruction set.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Final

# Our own part of what decides how a process is executed: raised when that changes.
LAYOUT: Final = 1

VERSION_KEY: Final = "nexus-worker"
SYSTEM_KEY: Final = "OSFamily"
ISA_KEY: Final = "ISA"

# How the platform properties of the Remote Execution API call what `uname -m` says.
ISAS: Final = {"x86_64": "x86-64", "aarch64": "arm-a64", "riscv64": "rv64"}

# BuildGrid looks at each combination of a worker's properties: 2 to the power of their number.
PROPERTIES_MAX: Final = 8

# The limits of a container, as it sees them: version 2 of control groups.
GROUP: Final = Path("/sys/fs/cgroup")

# Memory that a process may need: compilers and Pants's own tools take some hundreds of MB.
PROCESS_MEMORY_BYTES: Final = 1024**3


def own_version() -> str:
    """The properties that decide how a worker executes."""
    return f"{LAYOUT}+buildstream-{metadata.version('BuildStream')}"


def own_isa() -> str:
    """The instruction set of this machine."""
    machine = platform.machine()
    return ISAS.get(machine, machine)


def own_properties(more: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the properties of this machine: its kind, its version, and those its owner adds."""
    kind = [(SYSTEM_KEY, platform.system()), (ISA_KEY, own_isa()), (VERSION_KEY, own_version())]
    return kind + list(more)


def misfit(properties: Iterable[tuple[str, str]]) -> str:
    """Say why a worker with these properties is not taken; empty if it is."""
    told = dict(properties)
    wanted = {VERSION_KEY: own_version(), SYSTEM_KEY: platform.system(), ISA_KEY: own_isa()}
    for key, value in wanted.items():
        if told.get(key) != value:
            # The worker's value is a stranger's text: it goes into an answer, and not far.
            return (
                f"a worker with {key} {told.get(key, '')[:64]!r}; this server takes {value!r}: "
                "start the worker from the version of the server, on a machine of its kind"
            )
    return ""


def capacity(cores: int, memory_bytes: int) -> int:
    """Count the processes that a machine takes at once, by cores and by memory; at least one."""
    return max(1, min(cores, memory_bytes // PROCESS_MEMORY_BYTES))


def own_capacity(group: Path = GROUP) -> int:
    """Count the processes that this machine takes at once, by this process's share of it."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    cores = len(os.sched_getaffinity(0))
    numbers = [int(word) for word in words_of(group / "memory.max") if word.isdecimal()]
    shares = [int(word) for word in words_of(group / "cpu.max") if word.isdecimal()]
    if len(shares) == 2 and shares[1]:
        cores = min(cores, max(1, shares[0] // shares[1]))
    return capacity(cores, min([memory, *numbers]))


def words_of(path: Path) -> list[str]:
    """Read a file of a control group: numbers, or `max`; empty where there is no file."""
    try:
        return path.read_text(encoding="ascii").split()
    except (OSError, UnicodeDecodeError):
        return []
