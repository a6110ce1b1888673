"""`package` for `rv64_translation` and `native_interpreter`, and translations given to boots."""

from __future__ import annotations

import os.path
from dataclasses import dataclass
from typing import Optional

from pants.core.goals.package import (
    BuiltPackage,
    BuiltPackageArtifact,
    EnvironmentAwarePackageRequest,
    OutputPathField,
    PackageFieldSet,
)
from pants.engine.addresses import Address
from pants.engine.fs import EMPTY_DIGEST, AddPrefix, Digest
from pants.engine.platform import Platform
from pants.engine.process import Process
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import (
    FieldSet,
    InferDependenciesRequest,
    InferredDependencies,
    InvalidFieldException,
    Targets,
)
from pants.engine.unions import UnionRule
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

from nexus_os.emulator.native_code import NativeCode, NativeCodeRequest, processor_of
from nexus_os.images.built_images import BuiltImages
from nexus_os.options import NexusOs
from nexus_os.programs.first_party import ProgramAddresses, ProgramRequest
from nexus_os.programs.packaged_file import package_file
from nexus_os.programs.program_process import ProgramProcess
from nexus_os.references.addresses import ImageReferences, ImageTargets
from nexus_os.references.field_targets import FieldTarget, TargetReference
from nexus_os.targets.images import CODE_IMAGES
from nexus_os.targets.translations import (
    InterpreterMarkField,
    ProcessorField,
    Rv64Translation,
    TranslationDependenciesField,
    TranslationImageField,
)

# The program wants at least one processor; how many does not change what it makes.
_CORES = 16


@dataclass(frozen=True)
class TranslationFieldSet(PackageFieldSet):
    required_fields = (TranslationImageField, TranslationDependenciesField)

    image: TranslationImageField
    processor: ProcessorField
    output_path: OutputPathField


def _image(field: TranslationImageField) -> ImageReferences:
    named = FrozenDict({"image": field.value or ""})
    # Only these have code to translate.
    return ImageReferences(field.address, field.alias, named, accepted=CODE_IMAGES)


@rule(desc="Translate a guest image", level=LogLevel.DEBUG)
async def package_translation(
    field_set: TranslationFieldSet, nexus_os: NexusOs, platform: Platform
) -> BuiltPackage:
    images = await Get(BuiltImages, ImageReferences, _image(field_set.image))
    path = field_set.output_path.value_or_default(file_ending="translations")
    name = os.path.basename(path)
    process = await Get(
        Process,
        ProgramProcess(
            ProgramRequest(nexus_os.translate_module, nexus_os.native_resolve),
            argv=(
                "--elf",
                *(image for _, image in images.paths),
                "--processor",
                processor_of(field_set.processor.value, platform),
                "--out",
                name,
                "--processes",
                "{pants_concurrency}",
            ),
            inputs=images.digest,
            output_files=(name,),
            concurrency_available=_CORES,
            description=f"Translate {field_set.address}",
        ),
    )
    return await package_file(process, path)


@dataclass(frozen=True)
class TranslationDependenciesFieldSet(FieldSet):
    required_fields = (TranslationDependenciesField, TranslationImageField)

    image: TranslationImageField


class InferTranslationDependencies(InferDependenciesRequest):
    infer_from = TranslationDependenciesFieldSet


@rule
async def infer_translation_dependencies(
    request: InferTranslationDependencies, nexus_os: NexusOs
) -> InferredDependencies:
    images, program = await MultiGet(
        Get(ImageTargets, ImageReferences, _image(request.field_set.image)),
        Get(
            ProgramAddresses,
            ProgramRequest(nexus_os.translate_module, nexus_os.native_resolve),
        ),
    )
    return InferredDependencies(
        [*program.addresses, *(target.address for _, target in images.targets)]
    )


@dataclass(frozen=True)
class InterpreterFieldSet(PackageFieldSet):
    required_fields = (InterpreterMarkField, ProcessorField)

    processor: ProcessorField
    output_path: OutputPathField


@rule(desc="Package the native interpreter", level=LogLevel.DEBUG)
async def package_interpreter(field_set: InterpreterFieldSet, nexus_os: NexusOs) -> BuiltPackage:
    code = await Get(NativeCode, NativeCodeRequest(field_set.processor.value))
    if code.path is None:
        raise InvalidFieldException(
            f"{field_set.address} is the native interpreter, but the option `native_module` of "
            "`[nexus-os]` is empty. Give the module that compiles it."
        )
    if nexus_os.native_interpreter:
        raise InvalidFieldException(
            f"{field_set.address} is the native interpreter, but the option `native_interpreter` "
            f"of `[nexus-os]` names it already: {code.path}. Remove the target."
        )
    folder = field_set.address.spec_path
    digest = await Get(Digest, AddPrefix(code.digest, folder))
    return BuiltPackage(digest, (BuiltPackageArtifact(os.path.join(folder, code.path)),))


@dataclass(frozen=True)
class TranslationsReference:
    """The translations that a boot shall use, as the field names them; it may name none."""

    owner: Address
    field: str
    text: Optional[str]


@dataclass(frozen=True)
class TranslationsTargets:
    targets: Targets


@dataclass(frozen=True)
class BuiltTranslations:
    digest: Digest
    path: Optional[str]


@rule
async def find_translations(reference: TranslationsReference) -> TranslationsTargets:
    if reference.text is None:
        return TranslationsTargets(Targets())
    found = await Get(
        FieldTarget,
        TargetReference(reference.owner, reference.field, reference.text, (Rv64Translation,)),
    )
    return TranslationsTargets(Targets([found.target]))


@rule
async def build_translations(reference: TranslationsReference) -> BuiltTranslations:
    found = await Get(TranslationsTargets, TranslationsReference, reference)
    if not found.targets:
        return BuiltTranslations(EMPTY_DIGEST, None)
    package = await Get(
        BuiltPackage,
        EnvironmentAwarePackageRequest(TranslationFieldSet.create(found.targets[0])),
    )
    (artifact,) = package.artifacts
    return BuiltTranslations(package.digest, artifact.relpath)


def rules():
    return [
        *collect_rules(),
        UnionRule(PackageFieldSet, TranslationFieldSet),
        UnionRule(PackageFieldSet, InterpreterFieldSet),
        UnionRule(InferDependenciesRequest, InferTranslationDependencies),
    ]
