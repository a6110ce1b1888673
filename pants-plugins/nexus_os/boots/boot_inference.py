"""The dependencies of a run: its configuration, its images, and the programs that play it."""

from __future__ import annotations

from dataclasses import dataclass

from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import InferDependenciesRequest, InferredDependencies
from pants.engine.unions import UnionRule

from nexus_os.boots.boot_fields import BootFields, MarkerFields, WorldFields
from nexus_os.emulator.native_code import NativeCodeBuilders, NativeCodeRequest
from nexus_os.emulator.translation import TranslationsReference, TranslationsTargets
from nexus_os.options import NexusOs
from nexus_os.programs.first_party import ProgramAddresses, ProgramRequest
from nexus_os.references.addresses import (
    ConfigReference,
    ConfigTarget,
    ImageReferences,
    ImageTargets,
)
from nexus_os.targets.runs import (
    BootDependenciesField,
    ImagesField,
    MarkerTestConfigField,
    MarkerTestImageField,
    WorldField,
)


@dataclass(frozen=True)
class MarkerTestDependenciesFieldSet(MarkerFields):
    required_fields = (BootDependenciesField, MarkerTestConfigField, MarkerTestImageField)


class InferMarkerTestDependencies(InferDependenciesRequest):
    infer_from = MarkerTestDependenciesFieldSet


@dataclass(frozen=True)
class WorldDependenciesFieldSet(WorldFields):
    required_fields = (BootDependenciesField, WorldField, ImagesField)


class InferWorldDependencies(InferDependenciesRequest):
    infer_from = WorldDependenciesFieldSet


@dataclass(frozen=True)
class _BootDependencies:
    fields: BootFields


@rule
async def infer_boot_dependencies(
    request: _BootDependencies, nexus_os: NexusOs
) -> InferredDependencies:
    fields = request.fields
    config, images, runner, native, translations = await MultiGet(
        Get(ConfigTarget, ConfigReference, fields.config_reference),
        Get(ImageTargets, ImageReferences, fields.image_references),
        Get(ProgramAddresses, ProgramRequest(nexus_os.run_module)),
        Get(NativeCodeBuilders, NativeCodeRequest()),
        Get(TranslationsTargets, TranslationsReference, fields.translations_reference),
    )
    return InferredDependencies(
        [
            *runner.addresses,
            config.target.address,
            *native.addresses,
            *(target.address for _, target in images.targets),
            *(target.address for target in translations.targets),
        ]
    )


@rule
async def infer_marker_test_dependencies(
    request: InferMarkerTestDependencies,
) -> InferredDependencies:
    return await Get(InferredDependencies, _BootDependencies(request.field_set))


@rule
async def infer_world_dependencies(request: InferWorldDependencies) -> InferredDependencies:
    return await Get(InferredDependencies, _BootDependencies(request.field_set))


def rules():
    return [
        *collect_rules(),
        UnionRule(InferDependenciesRequest, InferMarkerTestDependencies),
        UnionRule(InferDependenciesRequest, InferWorldDependencies),
    ]
