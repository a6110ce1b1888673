"""Programs of this repository, run from their sources in a sandbox.

A program is named by its module.  Its requirements become a PEX; its sources are laid next to it
and put on the path, so that editing them rebuilds no PEX.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple

from pants.backend.python.dependency_inference.module_mapper import (
    PythonModuleOwners,
    PythonModuleOwnersRequest,
)
from pants.backend.python.subsystems.setup import PythonSetup
from pants.backend.python.target_types import EntryPoint
from pants.backend.python.util_rules import pex_from_targets, python_sources
from pants.backend.python.util_rules.pex import PexRequest
from pants.backend.python.util_rules.pex_from_targets import PexFromTargetsRequest
from pants.backend.python.util_rules.python_sources import (
    PythonSourceFiles,
    PythonSourceFilesRequest,
)
from pants.engine.addresses import Address, Addresses
from pants.engine.fs import Digest
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import TransitiveTargets, TransitiveTargetsRequest
from pants.option.option_types import BoolOption, StrOption
from pants.option.subsystem import Subsystem
from pants.util.frozendict import FrozenDict
from pants.util.strutil import help_text


class NexusOs(Subsystem):
    options_scope = "nexus-os"
    name = "nexus-os"
    help = "Guest images, node and world configurations, and the programs that handle them."

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
    isolate_network = BoolOption(
        default=False,
        help=help_text(
            """
            Give zig, and every test that boots machines, an empty network by `unshare -rn`. Where
            the machine does not allow that, a warning says so and they run with its network.
            """
        ),
    )


class MissingProgramError(Exception):
    """A program that an option names is not in this repository."""


@dataclass(frozen=True)
class ProgramAddressRequest:
    module: str
    resolve: Optional[str] = None  # The default one.


@dataclass(frozen=True)
class ProgramAddress:
    address: Address


@rule
async def find_program(request: ProgramAddressRequest, python_setup: PythonSetup) -> ProgramAddress:
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
            f"of `[nexus-os]` names; found: {found}."
        )
    return ProgramAddress(owners.unambiguous[0])


@dataclass(frozen=True)
class ProgramRequest:
    module: str
    resolve: Optional[str] = None  # The default one.


@dataclass(frozen=True)
class Program:
    pex_request: PexRequest
    sources: Digest
    source_roots: Tuple[str, ...]

    def environment(self, prefix: str = "") -> FrozenDict[str, str]:
        """The environment that lets the PEX find the sources, laid out under `prefix`."""
        return FrozenDict({"PEX_EXTRA_SYS_PATH": ":".join(prefix + r for r in self.source_roots)})


@rule
async def prepare_program(request: ProgramRequest) -> Program:
    found = await Get(ProgramAddress, ProgramAddressRequest(request.module, request.resolve))
    closure = await Get(TransitiveTargets, TransitiveTargetsRequest([found.address]))
    pex_request, sources = await MultiGet(
        Get(
            PexRequest,
            PexFromTargetsRequest(
                Addresses([found.address]),
                output_filename=f"{request.module}.pex",
                internal_only=True,
                include_source_files=False,
                main=EntryPoint(request.module),
                # The path to the sources comes by a PEX_ variable, which must survive start-up.
                additional_args=("--no-strip-pex-env",),
            ),
        ),
        Get(
            PythonSourceFiles,
            PythonSourceFilesRequest(closure.closure, include_files=True, include_resources=True),
        ),
    )
    return Program(pex_request, sources.source_files.snapshot.digest, tuple(sources.source_roots))


def rules():
    return [*collect_rules(), *pex_from_targets.rules(), *python_sources.rules()]
