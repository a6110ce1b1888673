"""`package` for `rv64_lines`: which line of the sources each instruction of an image comes from.

What the compiler makes has debug information, which an image is without.  Our program reads it,
holds its code to that of the image, and writes what matters.
"""

from __future__ import annotations

import os.path
from dataclasses import dataclass
from typing import Dict, Tuple

from pants.core.goals.package import BuiltPackage, OutputPathField, PackageFieldSet
from pants.engine.addresses import Address
from pants.engine.fs import EMPTY_DIGEST, Digest, MergeDigests
from pants.engine.process import Process, ProcessResult
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import (
    COMMON_TARGET_FIELDS,
    AsyncFieldMixin,
    Dependencies,
    FieldSet,
    InferDependenciesRequest,
    InferredDependencies,
    StringField,
    Target,
)
from pants.engine.unions import UnionRule
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel
from pants.util.strutil import help_text

from nexus_os.images.built_images import BuiltImages
from nexus_os.images.guest_image import Compilation, GuestImageFieldSet, Twin
from nexus_os.images.system_image import SystemParts, SystemPartsRequest
from nexus_os.options import NexusOs
from nexus_os.programs.first_party import ProgramAddresses, ProgramRequest
from nexus_os.programs.packaged_file import package_file
from nexus_os.programs.program_process import ProgramProcess
from nexus_os.references.addresses import ImageReferences, ImageTargets
from nexus_os.targets.images import (
    CODE_IMAGES,
    Rv64GuestImage,
    Rv64SystemImage,
    SystemKernelField,
    SystemServicesField,
)

KERNEL = "kernel"


class LinesDependenciesField(Dependencies):
    help = "Seldom needed: the dependency on the image is inferred."


class LinesImageField(StringField, AsyncFieldMixin):
    alias = "image"
    required = True
    help = "Address of the `rv64_system_image` or `rv64_guest_image` whose lines are wanted."


class Rv64Lines(Target):
    alias = "rv64_lines"
    core_fields = (
        *COMMON_TARGET_FIELDS,
        LinesDependenciesField,
        OutputPathField,
        LinesImageField,
    )
    help = help_text(
        """
        Which line of the sources each instruction of a guest image comes from: what
        `nexus coverage report --lines` and the option `--lines` of runs want to have.

        The image itself has no debug information. `package` reads what the compiler made before it
        was taken out, and fails if the code is not that of the image. Parts that another toolchain
        made are left out; give their ELF to `--lines` instead.

        Example:

            rv64_lines(name="lines", image="//src/guest:system")
        """
    )


@dataclass(frozen=True)
class LinesFieldSet(PackageFieldSet):
    required_fields = (LinesImageField, LinesDependenciesField)

    image: LinesImageField
    output_path: OutputPathField


@dataclass(frozen=True)
class LinesRequest:
    """An image of a target's field, and its name in messages."""

    owner: Address
    field: str
    text: str
    file: str = "lines.json"


@dataclass(frozen=True)
class LinesProcess:
    process: Process


@dataclass(frozen=True)
class BuiltLines:
    """`lines.json`; nothing if no part of the image is compiled here."""

    digest: Digest
    paths: Tuple[str, ...]


def _image(owner: Address, field: str, text: str) -> ImageReferences:
    return ImageReferences(owner, field, FrozenDict({"image": text}), accepted=CODE_IMAGES)


@rule
async def find_twins(request: LinesRequest, nexus_os: NexusOs) -> LinesProcess:
    reference = _image(request.owner, request.field, request.text)
    targets, images = await MultiGet(
        Get(ImageTargets, ImageReferences, reference), Get(BuiltImages, ImageReferences, reference)
    )
    target = targets.targets[0][1]
    sources: Dict[str, Target] = {KERNEL: target}
    if isinstance(target, Rv64SystemImage):
        parts = await Get(
            SystemParts,
            SystemPartsRequest(
                target.address,
                target[SystemKernelField].value or "",
                target[SystemServicesField].value or (),
            ),
        )
        kernel, services = await MultiGet(
            Get(ImageTargets, ImageReferences, parts.kernel),
            Get(ImageTargets, ImageReferences, parts.services),
        )
        sources = dict((*kernel.targets, *services.targets))
    compiled_here = [
        (name, found)
        for name, found in sorted(sources.items())
        if isinstance(found, Rv64GuestImage)
    ]
    twins = await MultiGet(
        Get(Twin, Compilation(GuestImageFieldSet.create(found))) for _, found in compiled_here
    )
    digests = (images.digest, *(twin.digest for twin in twins))
    inputs = await Get(Digest, MergeDigests(digests))
    argv = ["--image", images.paths[0][1], "--out", request.file]
    for (name, _), twin in zip(compiled_here, twins):
        argv += ["--twin", f"{name}={twin.path}"]
    process = await Get(
        Process,
        ProgramProcess(
            ProgramRequest(nexus_os.lines_module),
            argv=tuple(argv),
            inputs=inputs,
            output_files=(request.file,),
            description=f"Read the lines of {target.address}",
        ),
    )
    return LinesProcess(process)


@rule
async def build_lines(request: LinesRequest) -> BuiltLines:
    reference = _image(request.owner, request.field, request.text)
    targets = await Get(ImageTargets, ImageReferences, reference)
    if not isinstance(targets.targets[0][1], (Rv64GuestImage, Rv64SystemImage)):
        return BuiltLines(EMPTY_DIGEST, ())
    lines = await Get(LinesProcess, LinesRequest, request)
    result = await Get(ProcessResult, Process, lines.process)
    return BuiltLines(result.output_digest, (request.file,))


@rule(desc="Read the lines of a guest image", level=LogLevel.DEBUG)
async def package_lines(field_set: LinesFieldSet) -> BuiltPackage:
    path = field_set.output_path.value_or_default(file_ending="json")
    image = field_set.image
    request = LinesRequest(
        field_set.address, image.alias, image.value or "", os.path.basename(path)
    )
    lines = await Get(LinesProcess, LinesRequest, request)
    return await package_file(lines.process, path)


@dataclass(frozen=True)
class LinesDependenciesFieldSet(FieldSet):
    required_fields = (LinesDependenciesField, LinesImageField)

    image: LinesImageField


class InferLinesDependencies(InferDependenciesRequest):
    infer_from = LinesDependenciesFieldSet


@rule
async def infer_lines_dependencies(
    request: InferLinesDependencies, nexus_os: NexusOs
) -> InferredDependencies:
    image = request.field_set.image
    images, program = await MultiGet(
        Get(ImageTargets, ImageReferences, _image(image.address, image.alias, image.value or "")),
        Get(ProgramAddresses, ProgramRequest(nexus_os.lines_module)),
    )
    return InferredDependencies(
        [*program.addresses, *(target.address for _, target in images.targets)]
    )


def rules():
    return [
        *collect_rules(),
        UnionRule(PackageFieldSet, LinesFieldSet),
        UnionRule(InferDependenciesRequest, InferLinesDependencies),
    ]
