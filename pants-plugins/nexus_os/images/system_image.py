"""`package` for `rv64_system_image`: a kernel with its boot archive, joined by our own program."""

from __future__ import annotations

import os.path
from dataclasses import dataclass
from typing import Tuple

from pants.core.goals.package import (
    BuiltPackage,
    OutputPathField,
    PackageFieldSet,
)
from pants.engine.addresses import Address
from pants.engine.fs import Digest, MergeDigests
from pants.engine.process import Process
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import (
    FieldSet,
    InferDependenciesRequest,
    InferredDependencies,
    InvalidFieldException,
)
from pants.engine.unions import UnionRule
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

from nexus_os.images.built_images import BuiltImages, MutatedImages
from nexus_os.options import NexusOs
from nexus_os.programs.first_party import ProgramAddresses, ProgramRequest
from nexus_os.programs.packaged_file import package_file
from nexus_os.programs.program_process import ProgramProcess
from nexus_os.references.addresses import ImageReferences, ImageTargets
from nexus_os.targets.images import (
    Rv64GuestImage,
    Rv64PrebuiltImage,
    SystemDependenciesField,
    SystemKernelField,
    SystemServicesField,
)
from nexus_os.zig.zig_modules import Substitution

# The targets that can be a part of a system: one program in one ELF.
_PROGRAMS = (Rv64GuestImage, Rv64PrebuiltImage)


@dataclass(frozen=True)
class SystemImageFieldSet(PackageFieldSet):
    required_fields = (SystemKernelField, SystemServicesField)

    kernel: SystemKernelField
    services: SystemServicesField
    output_path: OutputPathField


@dataclass(frozen=True)
class SystemParts:
    """The parts of a system, as references that can be found or built."""

    kernel: ImageReferences
    services: ImageReferences


@dataclass(frozen=True)
class SystemPartsRequest:
    owner: Address
    kernel: str
    services: Tuple[str, ...]


@rule
async def name_system_parts(request: SystemPartsRequest) -> SystemParts:
    """Give every service the name of its target, and refuse two of one name."""
    services = {}
    for text in request.services:
        # Whether there is such a target is seen when it is looked for.
        folder, _, named = text.partition(":")
        name = named or os.path.basename(folder)
        if name in services:
            raise InvalidFieldException(
                f"The `services` field of {request.owner} has two services called {name!r}: "
                f"{services[name]} and {text}. A service is named after its target."
            )
        services[name] = text
    return SystemParts(
        ImageReferences(
            request.owner, "kernel", FrozenDict({"kernel": request.kernel}), accepted=_PROGRAMS
        ),
        ImageReferences(request.owner, "services", FrozenDict(services), accepted=_PROGRAMS),
    )


@dataclass(frozen=True)
class MutatedSystemImage:
    """A system with a deliberate mistake in one of its sources."""

    field_set: SystemImageFieldSet
    substitution: Substitution


@dataclass(frozen=True)
class _Parts:
    """The parts of a system, built."""

    owner: Address
    path: str
    kernel: BuiltImages
    services: BuiltImages


async def _references(field_set: SystemImageFieldSet) -> SystemParts:
    """Rules await this; it has Gets and is not a rule."""
    return await Get(
        SystemParts,
        SystemPartsRequest(
            field_set.address, field_set.kernel.value or "", field_set.services.value or ()
        ),
    )


@rule(desc="Build a system image", level=LogLevel.DEBUG)
async def package_system_image(field_set: SystemImageFieldSet) -> BuiltPackage:
    parts = await _references(field_set)
    kernel, services = await MultiGet(
        Get(BuiltImages, ImageReferences, parts.kernel),
        Get(BuiltImages, ImageReferences, parts.services),
    )
    path = field_set.output_path.value_or_default(file_ending="elf")
    return await Get(BuiltPackage, _Parts(field_set.address, path, kernel, services))


@rule(desc="Build a mutant of a system image", level=LogLevel.DEBUG)
async def package_mutated_system_image(request: MutatedSystemImage) -> BuiltPackage:
    field_set, substitution = request.field_set, request.substitution
    parts = await _references(field_set)
    kernel, services = await MultiGet(
        Get(BuiltImages, MutatedImages(parts.kernel, substitution)),
        Get(BuiltImages, MutatedImages(parts.services, substitution)),
    )
    path = os.path.join("mutants", f"{substitution.name}.elf")
    return await Get(BuiltPackage, _Parts(field_set.address, path, kernel, services))


@rule
async def join_system_image(parts: _Parts, nexus_os: NexusOs) -> BuiltPackage:
    kernel, services = parts.kernel, parts.services
    inputs = await Get(Digest, MergeDigests((kernel.digest, services.digest)))
    name = os.path.basename(parts.path)
    process = await Get(
        Process,
        ProgramProcess(
            ProgramRequest(nexus_os.image_module),
            argv=(
                *(arg for _, elf in kernel.paths for arg in ("--kernel", elf)),
                *(arg for service in services.paths for arg in ("--service", "=".join(service))),
                "--out",
                name,
            ),
            inputs=inputs,
            output_files=(name,),
            description=f"Build {parts.owner}",
        ),
    )
    return await package_file(process, parts.path)


@dataclass(frozen=True)
class SystemDependenciesFieldSet(FieldSet):
    required_fields = (SystemDependenciesField, SystemKernelField, SystemServicesField)

    kernel: SystemKernelField
    services: SystemServicesField


class InferSystemDependencies(InferDependenciesRequest):
    infer_from = SystemDependenciesFieldSet


@rule
async def infer_system_dependencies(
    request: InferSystemDependencies, nexus_os: NexusOs
) -> InferredDependencies:
    field_set = request.field_set
    parts = await Get(
        SystemParts,
        SystemPartsRequest(
            field_set.address, field_set.kernel.value or "", field_set.services.value or ()
        ),
    )
    kernel, services, program = await MultiGet(
        Get(ImageTargets, ImageReferences, parts.kernel),
        Get(ImageTargets, ImageReferences, parts.services),
        Get(ProgramAddresses, ProgramRequest(nexus_os.image_module)),
    )
    return InferredDependencies(
        [
            *program.addresses,
            *(target.address for _, target in (*kernel.targets, *services.targets)),
        ]
    )


def rules():
    return [
        *collect_rules(),
        UnionRule(PackageFieldSet, SystemImageFieldSet),
        UnionRule(InferDependenciesRequest, InferSystemDependencies),
    ]
