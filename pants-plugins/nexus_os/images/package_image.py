"""`package` for `package_image`: bundles of files in one image, by our own program."""

from __future__ import annotations

import os.path
from dataclasses import dataclass

from pants.core.goals.package import (
    BuiltPackage,
    OutputPathField,
    PackageFieldSet,
)
from pants.core.util_rules.source_files import SourceFiles, SourceFilesRequest
from pants.engine.addresses import Address
from pants.engine.process import Process
from pants.engine.rules import Get, collect_rules, rule
from pants.engine.target import (
    FieldSet,
    InferDependenciesRequest,
    InferredDependencies,
    InvalidFieldException,
)
from pants.engine.unions import UnionRule
from pants.util.logging import LogLevel

from nexus_os.options import NexusOs
from nexus_os.programs.first_party import ProgramAddresses, ProgramRequest
from nexus_os.programs.packaged_file import package_file
from nexus_os.programs.program_process import ProgramProcess
from nexus_os.references.addresses import path_from_build_file
from nexus_os.targets.packages import (
    PackageDependenciesField,
    PackageManifestsField,
    PackageSourcesField,
)
from nexus_os.targets.suggestion import did_you_mean


@dataclass(frozen=True)
class PackageImageFieldSet(PackageFieldSet):
    required_fields = (PackageSourcesField, PackageManifestsField)

    sources: PackageSourcesField
    manifests: PackageManifestsField
    output_path: OutputPathField


@rule(desc="Build a package image", level=LogLevel.DEBUG)
async def package_package_image(field_set: PackageImageFieldSet, nexus_os: NexusOs) -> BuiltPackage:
    files = await Get(SourceFiles, SourceFilesRequest([field_set.sources]))
    manifests = [
        path_from_build_file(field_set.address, text) for text in field_set.manifests.value or ()
    ]
    _require_manifests(field_set.address, manifests, files.snapshot.files)
    path = field_set.output_path.value_or_default(file_ending="img")
    name = os.path.basename(path)
    process = await Get(
        Process,
        ProgramProcess(
            ProgramRequest(nexus_os.package_module),
            argv=(
                *(argument for manifest in manifests for argument in ("--manifest", manifest)),
                "--out",
                name,
            ),
            inputs=files.snapshot.digest,
            output_files=(name,),
            description=f"Build {field_set.address}",
        ),
    )
    return await package_file(process, path)


def _require_manifests(owner: Address, manifests, files) -> None:
    """Refuse a manifest that would not be there, in words that name the field."""
    missing = [manifest for manifest in manifests if manifest not in files]
    if missing or not manifests:
        near = "".join(did_you_mean(manifest, files) for manifest in missing[:1])
        raise InvalidFieldException(
            f"The `manifests` field of {owner} names {', '.join(missing) or 'nothing'}.{near} "
            f"Expected files among its `sources`: {', '.join(files) or 'there are none'}."
        )


@dataclass(frozen=True)
class PackageDependenciesFieldSet(FieldSet):
    required_fields = (PackageDependenciesField, PackageManifestsField)

    manifests: PackageManifestsField


class InferPackageDependencies(InferDependenciesRequest):
    infer_from = PackageDependenciesFieldSet


@rule
async def infer_package_dependencies(
    request: InferPackageDependencies, nexus_os: NexusOs
) -> InferredDependencies:
    program = await Get(ProgramAddresses, ProgramRequest(nexus_os.package_module))
    return InferredDependencies(program.addresses)


def rules():
    return [
        *collect_rules(),
        UnionRule(PackageFieldSet, PackageImageFieldSet),
        UnionRule(InferDependenciesRequest, InferPackageDependencies),
    ]
