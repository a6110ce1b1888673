"""`nexus vm run --cpu`: which extensions the hart has, here and on QEMU."""

from __future__ import annotations

from typing import Final

from nexus.core.commandline import CommandLine
from nexus.core.errors import UsageError
from nexus.emulator.isa.cpu import ACCEPTED, RV64GC, RV64IMAC, Cpu, CpuError, parse_cpu

# The processor that most compilers build for.
CPU_DEFAULT: Final = str(RV64GC)


def add_option(parser: CommandLine) -> None:
    """Add `--cpu`."""
    parser.add_argument(
        "--cpu",
        default=CPU_DEFAULT,
        metavar="NAME",
        help=f"the hart's extensions: {ACCEPTED}; default {CPU_DEFAULT}",
    )
    parser.suggest("--cpu", (str(RV64IMAC), CPU_DEFAULT))


def cpu_of(text: str) -> Cpu:
    """Read what was given.

    Raises:
        UsageError: It is not a set that the machine can have.
    """
    try:
        return parse_cpu(text)
    except CpuError as error:
        raise UsageError(f"--cpu: {error}") from error


def qemu_cpu_of(cpu: Cpu, version: str) -> str:
    """QEMU's words for what was given.

    Raises:
        UsageError: This version does not know an extension.
    """
    # The modules behind this one take as long to import as everything else of a run.
    from nexus.harness.qemu_command import LackingError, qemu_cpu

    try:
        return qemu_cpu(cpu, version)
    except LackingError as error:
        raise UsageError(f"--cpu: {error}") from error
