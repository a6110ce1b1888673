"""The target `quick_pex`: a PEX that does not start Python twice once it is unpacked."""

from __future__ import annotations

import os.path
from dataclasses import dataclass

from pants.backend.python.goals.package_pex_binary import PexBinaryFieldSet
from pants.core.goals.package import (
    BuiltPackage,
    BuiltPackageArtifact,
    OutputPathField,
    PackageFieldSet,
)
from pants.core.goals.run import RunFieldSet, RunInSandboxBehavior, RunRequest
from pants.engine.addresses import Address
from pants.engine.fs import AddPrefix, Digest
from pants.engine.process import Process, ProcessResult
from pants.engine.rules import Get, collect_rules, rule
from pants.engine.target import (
    COMMON_TARGET_FIELDS,
    Dependencies,
    DependenciesRequest,
    InvalidFieldException,
    Target,
    Targets,
)
from pants.engine.unions import UnionRule
from pants.util.logging import LogLevel
from pants.util.strutil import help_text

from nexus_os.programs.first_party import ProgramRequest
from nexus_os.programs.program_process import ProgramProcess

PROGRAM = "nexus.release.quick"


class QuickDependenciesField(Dependencies):
    required = True
    help = "One `pex_binary` of the execution mode `venv`, and nothing else."


class QuickPex(Target):
    alias = "quick_pex"
    core_fields = (*COMMON_TARGET_FIELDS, OutputPathField, QuickDependenciesField)
    help = help_text(
        """
        The `pex_binary` that it depends on, with a start that skips the loader of the PEX.

        That loader is a Python of its own, which finds out where the first start has unpacked
        the program. Here a few lines of shell do so, and the file is a PEX all the same.
        `run` runs the `pex_binary`.
        """
    )


@dataclass(frozen=True)
class QuickPexFieldSet(PackageFieldSet, RunFieldSet):
    required_fields = (QuickDependenciesField,)
    run_in_sandbox_behavior = RunInSandboxBehavior.RUN_REQUEST_HERMETIC

    dependencies: QuickDependenciesField
    output_path: OutputPathField


@dataclass(frozen=True)
class Wrapped:
    """The PEX that a target makes quick."""

    field_set: PexBinaryFieldSet


@rule
async def find_wrapped(field_set: QuickPexFieldSet) -> Wrapped:
    targets = await Get(Targets, DependenciesRequest(field_set.dependencies))
    return Wrapped(PexBinaryFieldSet.create(find_pex(field_set.address, targets)))


def find_pex(owner: Address, targets: Targets) -> Target:
    """The one target that a `quick_pex` may depend on."""
    if len(targets) == 1 and PexBinaryFieldSet.is_applicable(targets[0]):
        return targets[0]
    found = ", ".join(f"{target.address} (`{target.alias}`)" for target in targets) or "nothing"
    raise InvalidFieldException(
        f"The `dependencies` field of {owner} is {found}. Expected one `pex_binary`."
    )


@rule(desc="Give a PEX a quick start", level=LogLevel.DEBUG)
async def package_quick_pex(field_set: QuickPexFieldSet) -> BuiltPackage:
    wrapped = await Get(Wrapped, QuickPexFieldSet, field_set)
    pex = await Get(BuiltPackage, PackageFieldSet, wrapped.field_set)
    (artifact,) = pex.artifacts
    path = field_set.output_path.value_or_default(file_ending="pex")
    folder, name = os.path.split(path)
    process = await Get(
        Process,
        ProgramProcess(
            ProgramRequest(PROGRAM),
            argv=("--pex", artifact.relpath or "", "--out", name),
            inputs=pex.digest,
            output_files=(name,),
            description=f"Build {field_set.address}",
        ),
    )
    result = await Get(ProcessResult, Process, process)
    digest = await Get(Digest, AddPrefix(result.output_digest, folder))
    return BuiltPackage(digest, (BuiltPackageArtifact(path),))


@rule
async def run_quick_pex(field_set: QuickPexFieldSet) -> RunRequest:
    wrapped = await Get(Wrapped, QuickPexFieldSet, field_set)
    return await Get(RunRequest, RunFieldSet, wrapped.field_set)


def rules():
    return [
        *collect_rules(),
        *QuickPexFieldSet.rules(),
        UnionRule(PackageFieldSet, QuickPexFieldSet),
    ]
