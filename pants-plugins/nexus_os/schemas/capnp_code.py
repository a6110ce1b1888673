"""Code generated from schemas: zig modules and Python packages, as Pants knows generated sources.

The program that generates is ours, and is named by an option like all of them.  Both languages
come of one process each, so that a change to the generator of one does not touch the other.
"""

from __future__ import annotations

import os.path
from dataclasses import dataclass

from pants.backend.python.target_types import PythonSourceField
from pants.core.util_rules.source_files import SourceFiles, SourceFilesRequest
from pants.engine.fs import (
    EMPTY_SNAPSHOT,
    AddPrefix,
    Digest,
    RemovePrefix,
    Snapshot,
)
from pants.engine.process import Process, ProcessResult
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import (
    GeneratedSources,
    GenerateSourcesRequest,
    Target,
    TransitiveTargets,
    TransitiveTargetsRequest,
)
from pants.engine.unions import UnionRule
from pants.source.source_root import SourceRoot, SourceRootRequest
from pants.util.logging import LogLevel

from nexus_os.options import NexusOs
from nexus_os.programs.first_party import ProgramRequest
from nexus_os.programs.program_process import ProgramProcess
from nexus_os.references.field_targets import FieldTarget, TargetReference
from nexus_os.targets.capnp import (
    CapnpPackageField,
    CapnpPythonPackageField,
    CapnpPythonSchemaField,
    CapnpPythonSourcesField,
    CapnpSchema,
    CapnpSourcesField,
)
from nexus_os.targets.zig import ZigSourcesField

OUT = "__generated__"


class GenerateZigRequest(GenerateSourcesRequest):
    input = CapnpSourcesField
    output = ZigSourcesField


class GeneratePythonRequest(GenerateSourcesRequest):
    input = CapnpSourcesField
    output = PythonSourceField


class GeneratePythonElsewhereRequest(GenerateSourcesRequest):
    input = CapnpPythonSourcesField
    output = PythonSourceField


@dataclass(frozen=True)
class CapnpCodeRequest:
    """One language's code of one schema target, below a folder."""

    schema: Target
    language: str
    folder: str


@dataclass(frozen=True)
class CapnpCode:
    snapshot: Snapshot


@dataclass(frozen=True)
class PythonPackageOf:
    """A target that has a Python package, and the package's dotted name."""

    target: Target
    package: str


@dataclass(frozen=True)
class PythonPackageFolder:
    path: str


@rule(desc="Generate code from schemas", level=LogLevel.DEBUG)
async def generate_code(request: CapnpCodeRequest, nexus_os: NexusOs) -> CapnpCode:
    closure = await Get(TransitiveTargets, TransitiveTargetsRequest([request.schema.address]))
    own, everything = await MultiGet(
        Get(SourceFiles, SourceFilesRequest([request.schema[CapnpSourcesField]])),
        Get(
            SourceFiles,
            SourceFilesRequest(
                target[CapnpSourcesField]
                for target in closure.closure
                if target.has_field(CapnpSourcesField)
            ),
        ),
    )
    process = await Get(
        Process,
        ProgramProcess(
            ProgramRequest(nexus_os.schema_module),
            argv=(*own.files, f"--{request.language}", OUT),
            inputs=everything.snapshot.digest,
            output_directories=(OUT,),
            description=f"Generate {request.language} from {request.schema.address}",
        ),
    )
    result = await Get(ProcessResult, Process, process)
    bare = await Get(Digest, RemovePrefix(result.output_digest, OUT))
    return CapnpCode(await Get(Snapshot, AddPrefix(bare, request.folder)))


def zig_folder(schema: Target) -> str:
    """The path of a schema's zig module, as errors name it; the repository has no such file."""
    return os.path.join(schema.address.spec_path, schema.address.target_name)


def zig_root(schema: Target) -> str:
    """The file that is the module."""
    return os.path.join(zig_folder(schema), "root.zig")


@rule
async def generate_zig(request: GenerateZigRequest) -> GeneratedSources:
    schema = request.protocol_target
    code = await Get(CapnpCode, CapnpCodeRequest(schema, "zig", zig_folder(schema)))
    return GeneratedSources(code.snapshot)


@rule
async def generate_python(request: GeneratePythonRequest) -> GeneratedSources:
    schema = request.protocol_target
    package = schema[CapnpPackageField].value
    if package is None:
        return GeneratedSources(EMPTY_SNAPSHOT)
    folder = await Get(PythonPackageFolder, PythonPackageOf(schema, package))
    code = await Get(CapnpCode, CapnpCodeRequest(schema, "python", folder.path))
    return GeneratedSources(code.snapshot)


@rule
async def generate_python_elsewhere(request: GeneratePythonElsewhereRequest) -> GeneratedSources:
    target = request.protocol_target
    package = target[CapnpPythonPackageField].value
    assert package is not None, "the field is required"
    folder, schema = await MultiGet(
        Get(PythonPackageFolder, PythonPackageOf(target, package)),
        Get(FieldTarget, TargetReference, schema_reference(target)),
    )
    code = await Get(CapnpCode, CapnpCodeRequest(schema.target, "python", folder.path))
    return GeneratedSources(code.snapshot)


@rule
async def find_package_folder(request: PythonPackageOf) -> PythonPackageFolder:
    root = await Get(SourceRoot, SourceRootRequest, SourceRootRequest.for_target(request.target))
    below = request.package.split(".")
    return PythonPackageFolder(os.path.normpath(os.path.join(root.path, *below)))


def schema_reference(target: Target) -> TargetReference:
    """Name the schema whose code a target is."""
    field = target[CapnpPythonSchemaField]
    return TargetReference(target.address, field.alias, field.value or "", (CapnpSchema,))


def rules():
    return [
        *collect_rules(),
        UnionRule(GenerateSourcesRequest, GenerateZigRequest),
        UnionRule(GenerateSourcesRequest, GeneratePythonRequest),
        UnionRule(GenerateSourcesRequest, GeneratePythonElsewhereRequest),
    ]
