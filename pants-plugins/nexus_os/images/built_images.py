"""Building the images that other targets name."""

from __future__ import annotations

import os.path
from dataclasses import dataclass
from typing import Iterable, List, Tuple

from pants.core.goals.package import (
    BuiltPackage,
    EnvironmentAwarePackageRequest,
    PackageFieldSet,
)
from pants.core.target_types import FileSourceField
from pants.engine.addresses import Address
from pants.engine.fs import Digest, MergeDigests
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import (
    FieldSetsPerTarget,
    FieldSetsPerTargetRequest,
    HydratedSources,
    HydrateSourcesRequest,
    InvalidFieldException,
    SourcesField,
    Target,
)

from nexus_os.images.guest_image import GuestImageFieldSet, MutatedGuestImage
from nexus_os.references.addresses import ImageReferences, ImageTargets
from nexus_os.targets.fetched import FetchedFile, FetchedSourceField
from nexus_os.zig.zig_modules import Substitution


@dataclass(frozen=True)
class BuiltImages:
    """Images in one tree, and where each is, by the name under which it was asked for."""

    digest: Digest
    paths: Tuple[Tuple[str, str], ...]
    # Files that have to be fetched first: why each of them is not there.
    missing: Tuple[str, ...] = ()


def require_all(owner: Address, missing: Tuple[str, ...]) -> None:
    """Complain about images that are not there, where nothing can be done without them."""
    if missing:
        raise InvalidFieldException(f"{owner} cannot be run: {'; '.join(missing)}.")


async def _gather(names: Iterable[str], packages: Iterable[BuiltPackage]) -> BuiltImages:
    """Rules await this; it has Gets and is not a rule."""
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
    built = [(name, target) for name, target in found.targets if not _is_loose(target)]
    loose = [(name, target) for name, target in found.targets if _is_loose(target)]
    field_sets = await Get(
        FieldSetsPerTarget,
        FieldSetsPerTargetRequest(PackageFieldSet, [target for _, target in built]),
    )
    packages = await MultiGet(
        Get(BuiltPackage, EnvironmentAwarePackageRequest(field_set))
        for field_set in field_sets.field_sets
    )
    sources = await MultiGet(
        Get(
            HydratedSources,
            HydrateSourcesRequest(
                target[SourcesField],
                for_sources_types=(FileSourceField, FetchedSourceField),
                enable_codegen=True,
            ),
        )
        for _, target in loose
    )
    images = await _gather([name for name, _ in built], packages)
    digest = await Get(
        Digest, MergeDigests((images.digest, *(source.snapshot.digest for source in sources)))
    )
    paths = list(images.paths)
    missing: List[str] = []
    for (name, target), source in zip(loose, sources):
        paths += [(name, path) for path in source.snapshot.files]
        if isinstance(target, FetchedFile) and not source.snapshot.files:
            missing.append(target.why_missing())
    return BuiltImages(digest, tuple(sorted(paths)), tuple(missing))


def _is_loose(target: Target) -> bool:
    """Whether it is a file as it is: a kernel, an initial RAM disk, a disk."""
    return target.has_field(FileSourceField) or target.has_field(FetchedSourceField)


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
