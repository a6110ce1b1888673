"""Our programs: where they come from, and what it takes to start one.

A program is named by its module.  In the repository that has the sources, its requirements become a
PEX, and its sources are laid next to it and put on the path, so that editing them rebuilds no PEX.
Elsewhere the option `programs` names one PEX of a release that holds all programs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Mapping, Optional, Tuple

from pants.backend.python.dependency_inference.module_mapper import (
    PythonModuleOwners,
    PythonModuleOwnersRequest,
)
from pants.backend.python.subsystems.setup import PythonSetup
from pants.backend.python.target_types import EntryPoint
from pants.backend.python.util_rules import pex_from_targets, python_sources
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.backend.python.util_rules.pex import Pex, PexRequest
from pants.backend.python.util_rules.pex_environment import PythonExecutable
from pants.backend.python.util_rules.pex_from_targets import PexFromTargetsRequest
from pants.backend.python.util_rules.pex_requirements import EntireLockfile, Lockfile, Resolve
from pants.backend.python.util_rules.python_sources import (
    PythonSourceFiles,
    PythonSourceFilesRequest,
)
from pants.engine.addresses import Address, Addresses
from pants.engine.fs import Digest, GlobMatchErrorBehavior, PathGlobs
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import TransitiveTargets, TransitiveTargetsRequest
from pants.util.frozendict import FrozenDict

from nexus_os.options import NexusOs

# The interpreters that the PEX of a release is made for.
RELEASE_INTERPRETER = "CPython>=3.11,<3.15"

# The path to the sources comes by a PEX_ variable, which must survive start-up.
_KEEP_PATH = ("--no-strip-pex-env",)


class MissingProgramError(Exception):
    """A program that an option names is not in this repository."""


@dataclass(frozen=True)
class ProgramRequest:
    module: str
    resolve: Optional[str] = None  # The default one.


@dataclass(frozen=True)
class ProgramAddresses:
    """The targets that a program depends on: its own, or none if it comes from a release."""

    addresses: Tuple[Address, ...]


@rule
async def find_program(
    request: ProgramRequest, nexus_os: NexusOs, python_setup: PythonSetup
) -> ProgramAddresses:
    if nexus_os.programs:
        return ProgramAddresses(())
    owners = await Get(
        PythonModuleOwners,
        PythonModuleOwnersRequest(
            request.module, resolve=request.resolve or python_setup.default_resolve
        ),
    )
    if len(owners.unambiguous) != 1:
        found = ", ".join(map(str, (*owners.unambiguous, *owners.ambiguous))) or "none"
        raise MissingProgramError(
            f"Exactly one target must own the Python module {request.module!r}, which an option "
            f"of `[nexus-os]` names; found: {found}. A repository without the sources of Nexus "
            "names the PEX of a release in the option `programs`."
        )
    return ProgramAddresses(owners.unambiguous)


@dataclass(frozen=True)
class Program:
    """A program as `program_process` starts it.

    Either a PEX still to be built of its requirements, or one that holds the program already; and
    the files that it needs beside that.
    """

    module: str
    pex_request: Optional[PexRequest]
    release: Optional[Pex]
    sources: Digest
    paths: Tuple[str, ...]  # The folders of `sources` that Python's path has.

    def environment(self, prefix: str = "") -> Mapping[str, str]:
        """The variables by which the PEX runs this program, for sources laid out under `prefix`."""
        if self.release is not None:
            return FrozenDict({"PEX_MODULE": self.module})
        return FrozenDict({"PEX_EXTRA_SYS_PATH": ":".join(prefix + path for path in self.paths)})


@dataclass(frozen=True)
class ReleasedFileRequest:
    """A file of a release, as an option of `[nexus-os]` names it."""

    option: str
    path: str


@dataclass(frozen=True)
class ReleasedFile:
    digest: Digest
    path: str


@rule
async def find_released_file(request: ReleasedFileRequest) -> ReleasedFile:
    """Fails with the name of the option if there is no such file."""
    digest = await Get(
        Digest,
        PathGlobs(
            [request.path],
            glob_match_error_behavior=GlobMatchErrorBehavior.error,
            description_of_origin=f"the option `{request.option}` of `[nexus-os]`",
        ),
    )
    return ReleasedFile(digest, request.path)


@dataclass(frozen=True)
class _FromSources:
    request: ProgramRequest


@dataclass(frozen=True)
class _FromRelease:
    request: ProgramRequest


@rule
async def prepare_program(request: ProgramRequest, nexus_os: NexusOs) -> Program:
    if nexus_os.programs:
        return await Get(Program, _FromRelease(request))
    return await Get(Program, _FromSources(request))


@rule
async def take_program_from_sources(wrapped: _FromSources) -> Program:
    request = wrapped.request
    found = await Get(ProgramAddresses, ProgramRequest, request)
    closure = await Get(TransitiveTargets, TransitiveTargetsRequest(found.addresses))
    pex_request, sources = await MultiGet(
        Get(
            PexRequest,
            PexFromTargetsRequest(
                Addresses(found.addresses),
                output_filename=f"{request.module}.pex",
                internal_only=True,
                include_source_files=False,
                main=EntryPoint(request.module),
                additional_args=_KEEP_PATH,
            ),
        ),
        Get(
            PythonSourceFiles,
            PythonSourceFilesRequest(closure.closure, include_files=True, include_resources=True),
        ),
    )
    return Program(
        request.module,
        pex_request,
        None,
        sources.source_files.snapshot.digest,
        tuple(sources.source_roots),
    )


@rule
async def take_program_from_release(wrapped: _FromRelease, nexus_os: NexusOs) -> Program:
    """From the PEX of a release, which holds everything but the compilers of machine code."""
    request = wrapped.request
    constraints = InterpreterConstraints([RELEASE_INTERPRETER])
    if request.resolve is None:
        released, python = await MultiGet(
            Get(ReleasedFile, ReleasedFileRequest("programs", nexus_os.programs)),
            Get(PythonExecutable, InterpreterConstraints, constraints),
        )
        pex = Pex(released.digest, released.path, python)
        return Program(request.module, None, pex, released.digest, ())
    if not nexus_os.compilers:
        raise MissingProgramError(
            f"The module {request.module!r} needs the resolve {request.resolve!r}; a release has "
            "it in a PEX of its own. Name that in the option `compilers` of `[nexus-os]`."
        )
    # A PEX is an importable file, too: the program is in it, its requirements are in a lock.
    released = await Get(ReleasedFile, ReleasedFileRequest("compilers", nexus_os.compilers))
    lock = await Get(Lockfile, Resolve(request.resolve, use_entire_lockfile=True))
    pex_request = PexRequest(
        output_filename=f"{request.module}.pex",
        internal_only=True,
        requirements=EntireLockfile(lock),
        interpreter_constraints=constraints,
        main=EntryPoint(request.module),
        additional_args=_KEEP_PATH,
    )
    return Program(request.module, pex_request, None, released.digest, (released.path,))


def rules():
    return [*collect_rules(), *pex_from_targets.rules(), *python_sources.rules()]
