"""From the fields of a target to the run that it asks for, and to what it depends on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import (
    FieldSet,
    InferDependenciesRequest,
    InferredDependencies,
)
from pants.engine.unions import UnionRule
from pants.util.frozendict import FrozenDict

from nexus_os.boots.boot import SINGLE_IMAGE, BootRequest
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
from nexus_os.targets.configs import NodeConfig, WorldConfig
from nexus_os.targets.runs import (
    BootDependenciesField,
    ImagesField,
    MarkerTestConfigField,
    MarkerTestImageField,
    TranslationsField,
    WorldField,
)


def marker_test_request(field_set: Any) -> BootRequest:
    """The run of a `guest_marker_test`."""
    return BootRequest(
        _single_reference(field_set.config),
        _single_image(field_set.image),
        expect=field_set.expect.value or (),
        forbid=field_set.forbid.value or (),
        seed=field_set.seed.value,
        budget_ms=field_set.budget_ms.value,
        extra_args=field_set.extra_args.value or (),
        translations=_translations(field_set.translations),
    )


def world_request(field_set: Any) -> BootRequest:
    """The run of a `two_vm_test` or a `guest_run`."""
    return BootRequest(
        _world_reference(field_set.world),
        _images(field_set.images),
        seed=field_set.seed.value,
        budget_ms=field_set.budget_ms.value,
        extra_args=field_set.extra_args.value or (),
        translations=_translations(field_set.translations),
    )


def _single_reference(field: MarkerTestConfigField) -> ConfigReference:
    accepted = (NodeConfig, WorldConfig)
    return ConfigReference(field.address, field.alias, field.value or "", accepted)


def _world_reference(field: WorldField) -> ConfigReference:
    return ConfigReference(field.address, field.alias, field.value or "", (WorldConfig,))


def _single_image(field: MarkerTestImageField) -> ImageReferences:
    return ImageReferences(
        field.address, field.alias, FrozenDict({SINGLE_IMAGE: field.value or ""})
    )


def _translations(field: TranslationsField) -> TranslationsReference:
    return TranslationsReference(field.address, field.alias, field.value)


def _images(field: ImagesField) -> ImageReferences:
    return ImageReferences(field.address, field.alias, field.value or FrozenDict(), named=True)


@dataclass(frozen=True)
class MarkerTestDependenciesFieldSet(FieldSet):
    required_fields = (BootDependenciesField, MarkerTestConfigField, MarkerTestImageField)

    config: MarkerTestConfigField
    image: MarkerTestImageField
    translations: TranslationsField


class InferMarkerTestDependencies(InferDependenciesRequest):
    infer_from = MarkerTestDependenciesFieldSet


@dataclass(frozen=True)
class WorldDependenciesFieldSet(FieldSet):
    required_fields = (BootDependenciesField, WorldField, ImagesField)

    world: WorldField
    images: ImagesField
    translations: TranslationsField


class InferWorldDependencies(InferDependenciesRequest):
    infer_from = WorldDependenciesFieldSet


@dataclass(frozen=True)
class _BootDependencies:
    config: ConfigReference
    images: ImageReferences
    translations: TranslationsReference


@rule
async def infer_boot_dependencies(
    request: _BootDependencies, nexus_os: NexusOs
) -> InferredDependencies:
    config, images, runner, native, translations = await MultiGet(
        Get(ConfigTarget, ConfigReference, request.config),
        Get(ImageTargets, ImageReferences, request.images),
        Get(ProgramAddresses, ProgramRequest(nexus_os.run_module)),
        Get(NativeCodeBuilders, NativeCodeRequest()),
        Get(TranslationsTargets, TranslationsReference, request.translations),
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
    field_set = request.field_set
    return await Get(
        InferredDependencies,
        _BootDependencies(
            _single_reference(field_set.config),
            _single_image(field_set.image),
            _translations(field_set.translations),
        ),
    )


@rule
async def infer_world_dependencies(request: InferWorldDependencies) -> InferredDependencies:
    field_set = request.field_set
    return await Get(
        InferredDependencies,
        _BootDependencies(
            _world_reference(field_set.world),
            _images(field_set.images),
            _translations(field_set.translations),
        ),
    )


def rules():
    return [
        *collect_rules(),
        UnionRule(InferDependenciesRequest, InferMarkerTestDependencies),
        UnionRule(InferDependenciesRequest, InferWorldDependencies),
    ]
