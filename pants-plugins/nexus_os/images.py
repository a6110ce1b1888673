"""Building the images that other targets name."""

from __future__ import annotations

import os.path
from dataclasses import dataclass
from typing import Tuple

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

from nexus_os.addresses import ImageReferences, ImageTargets


@dataclass(frozen=True)
class BuiltImages:
    """Images in one tree, and where each is, by the name under which it was asked for."""

    digest: Digest
    paths: Tuple[Tuple[str, str], ...]


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
    digest = await Get(Digest, MergeDigests(package.digest for package in packages))
    paths = []
    for (name, _), package in zip(found.targets, packages):
        (artifact,) = package.artifacts
        paths.append((name, os.path.normpath(artifact.relpath or "")))
    return BuiltImages(digest, tuple(paths))


def rules():
    return collect_rules()
