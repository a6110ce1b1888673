"""From what a BUILD file says in a field to the target that is meant.

Several fields hold an address, or a map of names to addresses, or the name of a configuration
file.  They are turned into targets here, once, with errors that name the field.  The same
targets are dependencies for Pants, so `dependents` and `--changed-since` follow them.
"""

from __future__ import annotations

import os.path
from dataclasses import dataclass
from typing import Tuple, Type

from pants.core.target_types import FileTarget
from pants.engine.addresses import Address, Addresses
from pants.engine.internals.graph import Owners, OwnersRequest
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import (
    AllTargets,
    InvalidFieldException,
    Target,
    Targets,
)
from pants.util.frozendict import FrozenDict

from nexus_os.references.field_targets import FieldTarget, TargetReference
from nexus_os.targets.configs import ConfigSourceField
from nexus_os.targets.fetched import FetchedFile
from nexus_os.targets.images import CODE_IMAGES
from nexus_os.targets.packages import PackageImage
from nexus_os.targets.suggestion import nearest, offer


def path_from_build_file(owner: Address, text: str) -> str:
    """A path as BUILD files write it: from the root with `//`, else from their own folder."""
    return text[2:] if text.startswith("//") else os.path.join(owner.spec_path, text)


@dataclass(frozen=True)
class ConfigReference:
    """A configuration named in a field: by file, or by the address of its target."""

    owner: Address
    field: str
    text: str
    accepted: Tuple[Type[Target], ...]

    @property
    def as_target(self) -> TargetReference:
        return TargetReference(self.owner, self.field, self.text, self.accepted)


@dataclass(frozen=True)
class _ConfigFile:
    reference: ConfigReference


@dataclass(frozen=True)
class ConfigTarget:
    target: Target

    @property
    def path(self) -> str:
        return self.target[ConfigSourceField].file_path


@rule
async def find_config(reference: ConfigReference) -> ConfigTarget:
    if not reference.text.endswith(".toml"):
        found = await Get(FieldTarget, TargetReference, reference.as_target)
        return ConfigTarget(found.target)
    targets = await Get(Targets, _ConfigFile(reference))
    path = os.path.normpath(path_from_build_file(reference.owner, reference.text))
    # Pants names those whose `sources` would match, also if the file is not there.
    fitting = [
        target
        for target in targets
        if isinstance(target, reference.accepted) and target[ConfigSourceField].file_path == path
    ]
    if len(fitting) != 1:
        known = await Get(AllTargets)
        paths = (t[ConfigSourceField].file_path for t in known if isinstance(t, reference.accepted))
        owner = reference.owner
        near = nearest(path, set(paths), likeness=0.8)
        aliases = " or ".join(f"`{kind.alias}`" for kind in reference.accepted)
        raise InvalidFieldException(
            f"The `{reference.field}` field of {owner} is {reference.text!r}, which {len(fitting)} "
            f"{aliases} targets have as `source`; it must be exactly one."
            f"{offer(_from_build_file(owner, path) for path in near)} Expected a .toml file "
            "that such a target has, or the address of one."
        )
    return ConfigTarget(fitting[0])


@rule
async def find_owners_of_config(request: _ConfigFile) -> Targets:
    reference = request.reference
    owners = await Get(
        Owners, OwnersRequest((path_from_build_file(reference.owner, reference.text),))
    )
    return await Get(Targets, Addresses(sorted(owners)))


def _from_build_file(owner: Address, path: str) -> str:
    """The path as a BUILD file of the owner's folder would write it."""
    folder, name = os.path.split(path)
    return name if folder == owner.spec_path else f"//{path}"


@dataclass(frozen=True)
class ImageReferences:
    """Images named in a field, by the names under which they are wanted."""

    owner: Address
    field: str
    images: FrozenDict[str, str]
    accepted: Tuple[Type[Target], ...] = (*CODE_IMAGES, PackageImage, FileTarget, FetchedFile)
    # Whether the names are the author's own, which a complaint should then repeat.
    named: bool = False


@dataclass(frozen=True)
class ImageTargets:
    targets: Tuple[Tuple[str, Target], ...]


@rule
async def find_images(references: ImageReferences) -> ImageTargets:
    names = sorted(references.images)
    found = await MultiGet(
        Get(
            FieldTarget,
            TargetReference(
                references.owner,
                references.field,
                references.images[name],
                references.accepted,
                key=name if references.named else "",
            ),
        )
        for name in names
    )
    return ImageTargets(tuple((name, each.target) for name, each in zip(names, found)))


def rules():
    return collect_rules()
