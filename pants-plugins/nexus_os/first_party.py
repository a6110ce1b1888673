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
from pants.option.option_types import BoolOption, StrListOption, StrOption
from pants.option.subsystem import Subsystem
from pants.util.frozendict import FrozenDict
from pants.util.strutil import help_text


class NexusOs(Subsystem):
    options_scope = "nexus-os"
    name = "nexus-os"
    help = "Guest images, node and world configurations, and the programs that handle them."

    programs = StrOption(
        default="",
        help=help_text(
            """
            Path from the build root to the PEX of a release, `nexus.pex`, which holds all programs
            that the options below name. Empty: this repository has their sources.
            """
        ),
    )
    compilers = StrOption(
        default="",
        help=help_text(
            """
            Path from the build root to the PEX of a release that holds the modules of
            `native_resolve`, without their requirements; beside `programs`, for `rv64_translation`.
            """
        ),
    )
    native_interpreter = StrOption(
        default="",
        help=help_text(
            """
            Path from the build root to the emulator's compiled interpreter, as a release has it.
            Empty: `native_module` compiles it.
            """
        ),
    )
    image_module = StrOption(
        default="nexus.image.system",
        help="Module that joins a kernel and its services into one image.",
        advanced=True,
    )
    package_module = StrOption(
        default="nexus.image.package",
        help="Module that builds a package image of bundles of files.",
        advanced=True,
    )
    schema_module = StrOption(
        default="nexus.schema.generate",
        help="Module that generates code from schemas of Cap'n Proto.",
        advanced=True,
    )
    evolution_module = StrOption(
        default="nexus.schema.evolution",
        help="Module that holds schemas of Cap'n Proto to the last released ones.",
        advanced=True,
    )
    check_module = StrOption(
        default="nexus.config.check",
        help="Module that validates node and world configurations.",
        advanced=True,
    )
    run_module = StrOption(
        default="nexus.harness.os2vm",
        help="Module that boots machines and judges what they print.",
        advanced=True,
    )
    lines_module = StrOption(
        default="nexus.cli.coverage.lines",
        help="Module that writes which line each instruction of an image comes from.",
        advanced=True,
    )
    coverage_module = StrOption(
        default="nexus.cli.coverage.report",
        help="Module that reports which lines of the guest tests have executed.",
        advanced=True,
    )
    campaign_module = StrOption(
        default="nexus.campaign.simulate",
        help="Module that runs campaigns of fault worlds.",
        advanced=True,
    )
    mutants_module = StrOption(
        default="nexus.campaign.mutants",
        help="Module that hunts deliberately wrong systems, for `guest_mutants`.",
        advanced=True,
    )
    native_module = StrOption(
        default="nexus.emulator.native.build",
        help=help_text(
            """
            Module that compiles the emulator's native interpreter, which every boot then uses
            where the host's processor allows it. Empty: boots use the reference interpreter.
            """
        ),
        advanced=True,
    )
    translate_module = StrOption(
        default="nexus.emulator.native.translate",
        help="Module that translates the code of guest images, for `rv64_translation`.",
        advanced=True,
    )
    native_resolve = StrOption(
        default="llvm",
        help="The resolve of the modules that `native_module` and `translate_module` name.",
        advanced=True,
    )
    hide = StrListOption(
        default=["network", "home"],
        help=help_text(
            """
            What builds, boots and Python tests cannot see: `network` (there is loopback and nothing
            else) and `home` (an empty folder that cannot be written; the user and the machine have
            other names). Where the machine does not allow that, a warning says so and they see it.
            """
        ),
    )
    require_hidden = BoolOption(
        default=False,
        help=help_text(
            """
            Fail where the machine does not allow to hide what `hide` names, instead of warning. For
            pipelines: a result of a build that saw the host's network or home must not be shared.
            """
        ),
    )
    tailor = BoolOption(
        default=True,
        help=help_text(
            """
            Let the `tailor` goal propose targets: `zig_module` and `zig_test` for `root.zig`,
            `rv64_guest_image` beside a linker script, `node_configs`, `node_config` and
            `world_config` for TOML files of these shapes.
            """
        ),
        advanced=True,
    )


# What the PEX of a release is made for.
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
    paths: Tuple[str, ...]  # What `sources` has for Python's path.

    def environment(self, prefix: str = "") -> Mapping[str, str]:
        """What makes the PEX run this program, for sources laid out under `prefix`."""
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
        *(request.module, pex_request, None),
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
