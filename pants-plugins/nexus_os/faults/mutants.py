"""`run` and `test` for `guest_mutants`: mutants built, and hunted by the campaign's program."""

from __future__ import annotations

import os.path
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Tuple  # Any: contents of files, and batches of tests.

from pants.core.goals.package import BuiltPackage
from pants.core.goals.run import RunFieldSet, RunInSandboxBehavior, RunRequest
from pants.core.goals.test import TestFieldSet, TestRequest, TestResult, TestSubsystem
from pants.core.target_types import FileSourceField
from pants.core.util_rules.source_files import SourceFiles, SourceFilesRequest
from pants.engine.addresses import Address
from pants.engine.fs import Digest, DigestContents, MergeDigests
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import (
    FieldSet,
    InferDependenciesRequest,
    InferredDependencies,
    InvalidFieldException,
    SourcesField,
    Target,
    TransitiveTargets,
    TransitiveTargetsRequest,
)
from pants.engine.unions import UnionRule
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

from nexus_os.boots.boot_testing import BootTesting
from nexus_os.boots.playing import OUT, Played, PlayRequest
from nexus_os.emulator.native_code import NativeCode, NativeCodeBuilders, NativeCodeRequest
from nexus_os.images.built_images import BuiltImages
from nexus_os.images.system_image import MutatedSystemImage, SystemImageFieldSet
from nexus_os.options import NexusOs
from nexus_os.programs.first_party import ProgramAddresses, ProgramRequest
from nexus_os.programs.program_process import WorkspaceProgram
from nexus_os.references.addresses import ImageReferences, ImageTargets
from nexus_os.references.config_references import parse
from nexus_os.references.field_targets import FieldTarget, TargetReference
from nexus_os.targets.configs import ConfigSourceField
from nexus_os.targets.images import Rv64SystemImage
from nexus_os.targets.mutants import (
    MutantsDependenciesField,
    MutantsOthersField,
    MutantsSourceField,
    MutantsSystemField,
    MutantsTestedField,
)
from nexus_os.targets.runs import RunOutField, SkipTestField, TimeoutField
from nexus_os.targets.suggestion import did_you_mean
from nexus_os.zig.zig_modules import Substitution

SYSTEM = "system"


@dataclass(frozen=True)
class MutantsRequest:
    """The mutants of a target that are to be hunted: those named, or all."""

    address: Address
    source: MutantsSourceField
    system: MutantsSystemField
    images: MutantsOthersField
    tested: Tuple[str, ...] = ()


@dataclass(frozen=True)
class Hunt:
    """The arguments of the program."""

    program: ProgramRequest
    inputs: Digest
    list_path: str
    images: Tuple[Tuple[str, str], ...]
    mutants: Tuple[Tuple[str, str], ...]
    native_path: Optional[str]

    def argv(self, out: str, prefix: str = "") -> Tuple[str, ...]:
        argv = ["--mutants", os.path.join(prefix, self.list_path)]
        for name, path in self.images:
            argv += ["--image", f"{name}={os.path.join(prefix, path)}"]
        for name, path in self.mutants:
            argv += ["--mutant", f"{name}={os.path.join(prefix, path)}"]
        if self.native_path is not None:
            argv += ["--native-blob", os.path.join(prefix, self.native_path)]
        return (*argv, "--out", out)


def _system_reference(address: Address, system: MutantsSystemField) -> TargetReference:
    return TargetReference(address, system.alias, system.value or "", (Rv64SystemImage,))


def _image_references(
    address: Address, images: MutantsOthersField, system: MutantsSystemField
) -> ImageReferences:
    named = {**(images.value or {}), SYSTEM: system.value or ""}
    return ImageReferences(address, images.alias, FrozenDict(named), named=True)


def read_mutants(
    owner: Address, path: str, text: str, tested: Tuple[str, ...]
) -> Tuple[Substitution, ...]:
    """Read from the list what building takes of it; the program checks the rest."""
    entries: List[Dict[str, Any]] = parse(text).get("mutant", [])
    found = {}
    for index, entry in enumerate(entries):
        values = [entry.get(key) for key in ("name", "file", "find", "replace")]
        if not all(isinstance(value, str) for value in values):
            raise InvalidFieldException(
                f"{owner}: {path}: mutant[{index}] must have the texts name, file, find and replace"
            )
        found[values[0]] = Substitution(owner, *values)
    if not found:
        raise InvalidFieldException(
            f"{owner}: {path} lists no mutant. Expected a TOML file with tables [[mutant]]."
        )
    for name in tested:
        if name not in found:
            raise InvalidFieldException(
                f"The `tested` field of {owner} names {name!r}, which is not a mutant of {path}."
                f"{did_you_mean(name, found)} Expected some of {', '.join(found)}."
            )
    return tuple(found[name] for name in tested or found)


@rule
async def prepare_hunt(request: MutantsRequest, nexus_os: NexusOs) -> Hunt:
    owner = request.address
    closure = await Get(TransitiveTargets, TransitiveTargetsRequest([owner]))
    files, listed, images, native, system = await MultiGet(
        Get(
            SourceFiles,
            SourceFilesRequest(
                [t[SourcesField] for t in closure.dependencies if _is_input(t)],
                for_sources_types=(ConfigSourceField, FileSourceField, SourcesField),
            ),
        ),
        Get(SourceFiles, SourceFilesRequest([request.source])),
        Get(BuiltImages, ImageReferences, _image_references(owner, request.images, request.system)),
        Get(NativeCode, NativeCodeRequest()),
        Get(FieldTarget, TargetReference, _system_reference(owner, request.system)),
    )
    (path,) = listed.files
    contents = await Get(DigestContents, Digest, listed.snapshot.digest)
    wanted = read_mutants(owner, path, contents[0].content.decode(), request.tested)
    field_set = SystemImageFieldSet.create(system.target)
    built = await MultiGet(
        Get(BuiltPackage, MutatedSystemImage(field_set, each)) for each in wanted
    )
    laid_out = (files.snapshot, listed.snapshot, images, native, *built)
    inputs = await Get(Digest, MergeDigests(each.digest for each in laid_out))
    mutants = tuple(
        (each.name, package.artifacts[0].relpath or "") for each, package in zip(wanted, built)
    )
    program = ProgramRequest(nexus_os.mutants_module)
    return Hunt(program, inputs, path, images.paths, mutants, native.path)


def _is_input(target: Target) -> bool:
    """Files that a scenario reads: its own, worlds, nodes, and the oracle beside it."""
    if target.has_field(ConfigSourceField) or target.has_field(FileSourceField):
        return True
    return target.alias == "python_source" and "/nexus/" not in target.address.spec_path


@dataclass(frozen=True)
class MutantsRunFieldSet(RunFieldSet):
    required_fields = (MutantsSourceField, MutantsSystemField, RunOutField)
    run_in_sandbox_behavior = RunInSandboxBehavior.NOT_SUPPORTED

    source: MutantsSourceField
    system: MutantsSystemField
    images: MutantsOthersField
    out: RunOutField


@rule(desc="Prepare the hunt of mutants", level=LogLevel.DEBUG)
async def run_mutants(field_set: MutantsRunFieldSet) -> RunRequest:
    hunt = await Get(
        Hunt,
        MutantsRequest(field_set.address, field_set.source, field_set.system, field_set.images),
    )
    out = field_set.out.value or f"dist/{field_set.address.target_name}"
    return await Get(
        RunRequest, WorkspaceProgram(hunt.program, hunt.argv(out, "{chroot}"), hunt.inputs)
    )


@dataclass(frozen=True)
class MutantsTestFieldSet(TestFieldSet):
    required_fields = (MutantsSourceField, MutantsSystemField)

    source: MutantsSourceField
    system: MutantsSystemField
    images: MutantsOthersField
    tested: MutantsTestedField
    timeout: TimeoutField

    @classmethod
    def opt_out(cls, tgt: Target) -> bool:
        return not tgt[MutantsTestedField].value or tgt.get(SkipTestField).value is not None


class MutantsTestRequest(TestRequest):
    tool_subsystem = BootTesting
    field_set_type = MutantsTestFieldSet


@rule(desc="Hunt mutants", level=LogLevel.DEBUG)
async def test_mutants(
    batch: MutantsTestRequest.Batch[MutantsTestFieldSet, Any], test_subsystem: TestSubsystem
) -> TestResult:
    field_set = batch.single_element
    hunt = await Get(
        Hunt,
        MutantsRequest(
            field_set.address,
            field_set.source,
            field_set.system,
            field_set.images,
            field_set.tested.value or (),
        ),
    )
    played = await Get(
        Played,
        PlayRequest(
            field_set.address,
            hunt.program,
            hunt.argv(OUT),
            hunt.inputs,
            field_set.timeout.value or 0,
            f"Hunt {field_set.address}",
        ),
    )
    return played.result(field_set.address, test_subsystem)


@dataclass(frozen=True)
class MutantsDependenciesFieldSet(FieldSet):
    required_fields = (MutantsDependenciesField, MutantsSourceField, MutantsSystemField)

    system: MutantsSystemField
    images: MutantsOthersField


class InferMutantsDependencies(InferDependenciesRequest):
    infer_from = MutantsDependenciesFieldSet


@rule
async def infer_mutants_dependencies(
    request: InferMutantsDependencies, nexus_os: NexusOs
) -> InferredDependencies:
    field_set = request.field_set
    images, program, native = await MultiGet(
        Get(
            ImageTargets,
            ImageReferences,
            _image_references(field_set.address, field_set.images, field_set.system),
        ),
        Get(ProgramAddresses, ProgramRequest(nexus_os.mutants_module)),
        Get(NativeCodeBuilders, NativeCodeRequest()),
    )
    return InferredDependencies(
        [
            *program.addresses,
            *native.addresses,
            *(target.address for _, target in images.targets),
        ]
    )


def rules():
    return [
        *collect_rules(),
        *MutantsRunFieldSet.rules(),
        *MutantsTestRequest.rules(),
        UnionRule(InferDependenciesRequest, InferMutantsDependencies),
    ]
