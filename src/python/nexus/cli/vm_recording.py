"""The recordings of `nexus vm run`: coverage and a profile, each into a file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nexus.core.commandline import CommandLine
from nexus.core.errors import UsageError
from nexus.core.record import dataclass
from nexus.core.text import printable
from nexus.harness.instrument_options import EVERY_DEFAULT, profile_distance

if TYPE_CHECKING:
    from nexus.coverage.lines import PartLines
    from nexus.harness.instruments import Instruments

MACHINE: Final = "vm"
_TRACE_FILE: Final = ".info"
_DRAWING: Final = ".svg"


@dataclass(frozen=True, slots=True)
class Recording:
    """The records that the options ask for."""

    coverage: Path | None
    profile: Path | None
    every: int
    lines: tuple[Path, ...]

    @property
    def is_wanted(self) -> bool:
        """Whether anything is to be recorded."""
        return self.coverage is not None or self.profile is not None

    def make(self) -> Instruments:
        """The recorder of the machine."""
        from nexus.harness.instruments import Instruments

        return Instruments(
            covers=self.coverage is not None,
            profile_every=None if self.profile is None else self.every,
        )

    def read_lines(self) -> list[PartLines]:
        """Read the lines before anything runs.

        Raises:
            NexusError: a file is not what it has to be.
        """
        if not self.lines:
            return []
        from nexus.coverage.reading import read_lines_file

        return [part for path in self.lines for part in read_lines_file(path)]

    def write(
        self, name: str, kernel: bytes, instruments: Instruments, lines: list[PartLines]
    ) -> None:
        """Write the files; say what is to be known of them."""
        from nexus.harness import artifacts, observed

        booted = observed.Booted(MACHINE, name, kernel)
        found = observed.observe(name, [booted], instruments, lines)
        for path, plain, other, ending in (
            (self.coverage, observed.COVERAGE, observed.TRACE_FILE, _TRACE_FILE),
            (self.profile, observed.STACKS, observed.FLAME, _DRAWING),
        ):
            if path is not None:
                text = found.files.get(other if path.suffix == ending else plain, "")
                artifacts.write_all(path.parent, {path.name: text.encode()})
        for note in found.notes:
            sys.stderr.write(f"nexus vm run: note: {printable(note)}\n")


def add_options(parser: CommandLine) -> None:
    """Add the options."""
    add = parser.add_argument
    add(
        "--coverage",
        type=Path,
        metavar="FILE",
        help=f"write what was executed; lines as an lcov trace file if it ends in {_TRACE_FILE}",
    )
    add(
        "--profile",
        type=Path,
        metavar="FILE",
        help=f"write folded stacks; a flame graph if it ends in {_DRAWING}",
    )
    add(
        "--profile-every",
        metavar="N",
        help=f"instructions between samples; default {EVERY_DEFAULT}",
    )
    add(
        "--lines",
        type=Path,
        action="append",
        metavar="FILE",
        help="lines.json of the kernel, or an ELF with debug information (repeatable)",
    )


def recording_of(given: argparse.Namespace, engine: str) -> Recording:
    """Read the options.

    Raises:
        UsageError: they do not go together, or with others.
    """
    every = profile_distance(given.profile_every, "--profile-every")
    recording = Recording(
        given.coverage, given.profile, every or EVERY_DEFAULT, tuple(given.lines or ())
    )
    if every is not None and given.profile is None:
        raise UsageError("--profile-every: goes with --profile")
    if given.lines and not recording.is_wanted:
        raise UsageError("--lines: goes with --coverage or --profile")
    for option, path in (("--coverage", given.coverage), ("--profile", given.profile)):
        if path is not None and engine == "qemu":
            raise UsageError(f"{option}: QEMU cannot do that; choose another --engine")
        if path is not None and given.gdb is not None:
            raise UsageError(f"{option}: does not go with --gdb")
    if given.coverage is not None and given.trace is not None:
        raise UsageError("--coverage: does not go with --trace")
    if given.coverage is not None and given.translate_cache is not None:
        raise UsageError("--coverage: does not go with --translate-cache")
    return recording
