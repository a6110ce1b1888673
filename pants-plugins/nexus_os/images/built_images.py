"""Building the images that other targets name."""

from __future__ import annotations

import os.path
from dataclasses import dataclass
from typing import Iterable, Tuple

from pants.core.goals.package import (
    BuiltPackage,
    EnvironmentAwarePackageRequest,
    PackageFieldSet,
)
from pants.engine.fs import Digest, MergeDigests
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import (
    FieldSetsPerTarget,
    FieldSetsPerTargetRequest,
)

from nexus_os.images.guest_image import GuestImageFieldSet, MutatedGuestImage
from nexus_os.references.addresses import ImageReferences, ImageTargets
from nexus_os.zig.zig_modules import Substitution


@dataclass(frozen=True)
class BuiltImages:
    """Images in one tree, and where each is, by the name under which it was asked for."""

    digest: Digest
    paths: Tuple[Tuple[str, str], ...]


async def _gather(names: Iterable[str], packages: Iterable[BuiltPackage]) -> BuiltImages:
    """Rules await this; it has Gets and is no rule."""
    built = tuple(packages)
    digest = await Get(Digest, MergeDigests(package.digest for package in built))
    paths = []
    for name, package in zip(names, built):
        (artifact,) = package.artifacts
        paths.append((name, os.path.normpath(artifact.relpath or "")))
    return BuiltImages(digest, tuple(paths))


@rule
async def build_images(references: ImageReferences) -> BuiltImages:
    found = await Get(ImageTargets, ImageReferences, references)
    field_sets = await Get(
        FieldSetsPerTarget,
        FieldSetsPerTargetRequest(PackageFieldSet, [target for _, target in found.targets]),
    )
    packages = await MultiGet(
        Get(BuiltPackage, EnvironmentAwarePackageRequest(field_set))
        for field_set in field_sets.field_sets
    )
    return await _gather([name for name, _ in found.targets], packages)


@dataclass(frozen=True)
class MutatedImages:
    """Images of which those that share in a deliberate mistake are built with it."""

    references: ImageReferences
    substitution: Substitution


@rule
async def build_mutated_images(request: MutatedImages) -> BuiltImages:
    found = await Get(ImageTargets, ImageReferences, request.references)
    packages = await MultiGet(
        Get(
            BuiltPackage,
            MutatedGuestImage(GuestImageFieldSet.create(target), request.substitution),
        )
        for _, target in found.targets
    )
    return await _gather([name for name, _ in found.targets], packages)


def rules():
    return collect_rules()
