"""`nexus vm run --cpu`: which extensions the hart has, here and on QEMU."""

from __future__ import annotations

from typing import Final

from nexus.core.commandline import CommandLine
from nexus.core.errors import UsageError
from nexus.emulator.isa.cpu import ACCEPTED, OPTIONAL, RV64GC, RV64IMAC, Cpu, CpuError, parse_cpu

# What most compilers build for.
CPU_DEFAULT: Final = str(RV64GC)

# Extensions that older versions of QEMU do not know, and the first that does.
_NEWER: Final = ("zicond", "zcb")
_NEWER_MAJOR_MIN: Final = 8


def add_option(parser: CommandLine) -> None:
    """Add `--cpu`."""
    parser.add_argument(
        "--cpu",
        default=CPU_DEFAULT,
        metavar="NAME",
        help=f"the hart's extensions: {ACCEPTED}; {CPU_DEFAULT}",
    )
    parser.suggest("--cpu", (str(RV64IMAC), CPU_DEFAULT))


def cpu_of(text: str) -> Cpu:
    """Read what was given.

    Raises:
        UsageError: It is no set that the machine can have.
    """
    try:
        return parse_cpu(text)
    except CpuError as error:
        raise UsageError(f"--cpu: {error}") from error


def qemu_cpu(cpu: Cpu, version: str) -> str:
    """QEMU's words for a set; what it has beside it is switched off.

    Raises:
        UsageError: This version does not know an extension.
    """
    is_old = int(version.split(".")[0]) < _NEWER_MAJOR_MIN
    words = ["rv64", "h=false", "zbc=false"]
    for name in OPTIONAL:
        if name == "sv48":
            continue  # QEMU's harts always have it.
        is_there = name in cpu.extensions
        if not (is_old and name in _NEWER):
            words.append(f"{name}={'true' if is_there else 'false'}")
        elif is_there:
            raise UsageError(
                f"--cpu: QEMU {version} does not have {name!r}; needed is {_NEWER_MAJOR_MIN}.0"
            )
    return ",".join(words)
