"""`package` for `rv64_prebuilt_image`: an ELF from elsewhere, checked, and otherwise as it came."""

from __future__ import annotations

import os.path
from dataclasses import dataclass

from pants.core.goals.package import (
    BuiltPackage,
    BuiltPackageArtifact,
    EnvironmentAwarePackageRequest,
    OutputPathField,
    PackageFieldSet,
)
from pants.core.target_types import FileSourceField, ResourceSourceField
from pants.core.util_rules.source_files import SourceFiles, SourceFilesRequest
from pants.engine.fs import CreateDigest, Digest, DigestContents, FileContent
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import (
    FieldSet,
    FieldSetsPerTarget,
    FieldSetsPerTargetRequest,
    InferDependenciesRequest,
    InferredDependencies,
    InvalidFieldException,
    SourcesField,
)
from pants.engine.unions import UnionRule
from pants.util.logging import LogLevel

from nexus_os.images.elf_check import complaint
from nexus_os.references.field_targets import FieldTarget, TargetReference
from nexus_os.targets.images import (
    PrebuiltDependenciesField,
    PrebuiltGeneratedByField,
    PrebuiltServiceField,
    PrebuiltSourceField,
)


@dataclass(frozen=True)
class PrebuiltImageFieldSet(PackageFieldSet):
    required_fields = (PrebuiltSourceField, PrebuiltGeneratedByField)

    source: PrebuiltSourceField
    generated_by: PrebuiltGeneratedByField
    service: PrebuiltServiceField
    output_path: OutputPathField


@dataclass(frozen=True)
class GeneratedFile:
    """The one file that a target makes."""

    digest: Digest


@rule(desc="Check a prebuilt image", level=LogLevel.DEBUG)
async def package_prebuilt_image(field_set: PrebuiltImageFieldSet) -> BuiltPackage:
    _require_one_origin(field_set)
    if field_set.source.value is not None:
        files = await Get(SourceFiles, SourceFilesRequest([field_set.source]))
        digest = files.snapshot.digest
    else:
        generated = await Get(GeneratedFile, PrebuiltGeneratedByField, field_set.generated_by)
        digest = generated.digest
    (file,) = await Get(DigestContents, Digest, digest)
    wrong = complaint(file.content, bool(field_set.service.value))
    if wrong is not None:
        raise InvalidFieldException(
            f"The image of {field_set.address} cannot be used: {file.path} {wrong}."
        )
    path = os.path.normpath(field_set.output_path.value_or_default(file_ending="elf"))
    image = await Get(Digest, CreateDigest([FileContent(path, file.content)]))
    return BuiltPackage(image, (BuiltPackageArtifact(path),))


def _require_one_origin(field_set: PrebuiltImageFieldSet) -> None:
    if (field_set.source.value is None) == (field_set.generated_by.value is None):
        both = field_set.source.value is not None
        raise InvalidFieldException(
            f"{field_set.address} has {'both' if both else 'neither'} `source` "
            f"{'and' if both else 'nor'} `generated_by`. Give exactly one of them: a file, or the "
            "address of a target that makes it."
        )


def _reference(field: PrebuiltGeneratedByField) -> TargetReference:
    return TargetReference(field.address, field.alias, field.value or "")


@rule
async def make_generated_file(field: PrebuiltGeneratedByField) -> GeneratedFile:
    found = await Get(FieldTarget, TargetReference, _reference(field))
    target = found.target
    packaged, sources = await MultiGet(
        Get(FieldSetsPerTarget, FieldSetsPerTargetRequest(PackageFieldSet, [target])),
        Get(
            SourceFiles,
            SourceFilesRequest(
                [target[SourcesField]] if target.has_field(SourcesField) else [],
                for_sources_types=(FileSourceField, ResourceSourceField),
                enable_codegen=True,
            ),
        ),
    )
    packages = await MultiGet(
        Get(BuiltPackage, EnvironmentAwarePackageRequest(field_set))
        for field_set in packaged.field_sets
    )
    digests = [sources.snapshot.digest, *(package.digest for package in packages)]
    names = [*sources.files]
    for package in packages:
        names += [artifact.relpath or "?" for artifact in package.artifacts]
    if len(names) != 1:
        raise InvalidFieldException(
            f"The `{field.alias}` field of {field.address} is {field.value!r}, which makes "
            f"{len(names)} files ({', '.join(names) or 'none'}); it must make exactly one. "
            "Expected a target that `package` builds, or one that generates a file, such as a "
            "`shell_command`."
        )
    return GeneratedFile(digests[0] if sources.files else digests[-1])


@dataclass(frozen=True)
class PrebuiltDependenciesFieldSet(FieldSet):
    required_fields = (PrebuiltDependenciesField, PrebuiltGeneratedByField)

    generated_by: PrebuiltGeneratedByField


class InferPrebuiltDependencies(InferDependenciesRequest):
    infer_from = PrebuiltDependenciesFieldSet


@rule
async def infer_prebuilt_dependencies(request: InferPrebuiltDependencies) -> InferredDependencies:
    field = request.field_set.generated_by
    if field.value is None:
        return InferredDependencies([])
    found = await Get(FieldTarget, TargetReference, _reference(field))
    return InferredDependencies([found.target.address])


def rules():
    return [
        *collect_rules(),
        UnionRule(PackageFieldSet, PrebuiltImageFieldSet),
        UnionRule(InferDependenciesRequest, InferPrebuiltDependencies),
    ]
