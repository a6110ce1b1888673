"""Running a command where it sees neither the network nor the home folder, if the machine can.

What does it is `seal.py`, which is laid into the sandbox.  Its text is part of every key.
"""

from __future__ import annotations

import dataclasses
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Tuple

from pants.core.util_rules import adhoc_binaries
from pants.core.util_rules.adhoc_binaries import PythonBuildStandaloneBinary
from pants.engine.fs import EMPTY_DIGEST, CreateDigest, Digest, FileContent
from pants.engine.process import FallibleProcessResult, Process, ProcessCacheScope
from pants.engine.rules import Get, collect_rules, rule
from pants.util.logging import LogLevel

from nexus_os.options import NexusOs
from nexus_os.sealing import seal

logger = logging.getLogger(__name__)

# Where the program lies in a sandbox.
FOLDER = ".nexus-seal"

PROGRAM = "seal.py"


class UnknownPartError(Exception):
    """An option or a field names something that cannot be hidden."""


class NotHiddenError(Exception):
    """The machine does not allow what `[nexus-os].require_hidden` demands."""


@dataclass(frozen=True)
class Seal:
    """The parts of this machine that can be hidden from a command; there may be none."""

    parts: Tuple[str, ...]
    python: str
    files: Digest

    def around(self, process: Process) -> Process:
        """The same process, which sees less."""
        if not self.parts:
            return process
        allowed = [part for part in seal.PARTS if part not in self.parts]
        return dataclasses.replace(
            process,
            argv=(
                self.python,
                "-I",
                "-S",
                f"{FOLDER}/{PROGRAM}",
                *(word for part in allowed for word in ("--allow", part)),
                "--",
                *process.argv,
            ),
            immutable_input_digests={**process.immutable_input_digests, FOLDER: self.files},
        )


@rule
async def find_seal(nexus_os: NexusOs, python: PythonBuildStandaloneBinary) -> Seal:
    wanted = checked_parts("the option `[nexus-os].hide`", nexus_os.hide)
    if not wanted:
        return Seal((), "", EMPTY_DIGEST)
    files = await Get(Digest, CreateDigest([FileContent(PROGRAM, program_text())]))
    # Whether it works depends on the kernel's settings and on the container, so ask every time.
    tried = await Get(
        FallibleProcessResult,
        Process(
            argv=(python.path, "-I", "-S", f"{FOLDER}/{PROGRAM}", "--try"),
            immutable_input_digests={FOLDER: files},
            append_only_caches=python.APPEND_ONLY_CACHES,
            description="Try to hide the network and the home folder",
            cache_scope=ProcessCacheScope.PER_SESSION,
            level=LogLevel.DEBUG,
        ),
    )
    refused = refusals(tried)
    for part in wanted:
        if part in refused and nexus_os.require_hidden:
            raise NotHiddenError(
                f"The {part} cannot be hidden from builds and tests on this machine, and "
                f"`[nexus-os].require_hidden` demands that it is: {refused[part]}"
            )
        if part in refused:
            warn(part, refused[part])
    return Seal(tuple(part for part in wanted if part not in refused), python.path, files)


def checked_parts(
    where: str, given: Tuple[str, ...], parts: Tuple[str, ...] = seal.PARTS
) -> Tuple[str, ...]:
    """The parts given, in their order in the table."""
    unknown = [part for part in given if part not in parts]
    if unknown:
        accepted = ", ".join(map(repr, parts))
        raise UnknownPartError(f"{where} has {unknown[0]!r}; expected {accepted}.")
    return tuple(part for part in parts if part in given)


def program_text() -> bytes:
    return Path(seal.__file__).read_bytes()


def refusals(tried: FallibleProcessResult) -> dict:
    """Parts that the machine refuses, with the reason."""
    if tried.exit_code != 0:
        reason = tried.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        return dict.fromkeys(seal.PARTS, reason or f"exit code {tried.exit_code}")
    lines = tried.stdout.decode(errors="replace").splitlines()
    return {part: reason for part, _, reason in (line.partition(": ") for line in lines)}


def warn(part: str, reason: str) -> None:
    logger.warning(
        f"NOT HERMETIC: builds and tests can see the {part}, although `[nexus-os].hide` asks for "
        f"it to be hidden: {reason}"
    )


def rules():
    return [*collect_rules(), *adhoc_binaries.rules()]
