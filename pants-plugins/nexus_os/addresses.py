"""From what a BUILD file says in a field to the target that is meant.

Several fields hold an address, or a map of names to addresses, or the name of a configuration
file.  They are turned into targets here, once, with errors that name the field.  Pants is told
about the same targets as dependencies, so `dependents` and `--changed-since` follow them.
"""

from __future__ import annotations

import os.path
from dataclasses import dataclass
from typing import Tuple, Type

from pants.engine.addresses import Address, Addresses, UnparsedAddressInputs
from pants.engine.fs import GlobMatchErrorBehavior, PathGlobs, Paths
from pants.engine.internals.graph import Owners, OwnersRequest
from pants.engine.rules import Get, collect_rules, rule
from pants.engine.target import InvalidFieldException, Target, Targets
from pants.util.frozendict import FrozenDict

from nexus_os.config_targets import ConfigSourceField


def refer(owner: Address, field: str, *texts: str) -> UnparsedAddressInputs:
    """The request that resolves addresses written in `field` of the target at `owner`."""
    return UnparsedAddressInputs(
        texts,
        owning_address=owner,
        description_of_origin=f"the `{field}` field from the target {owner}",
    )


def path_from_build_file(owner: Address, text: str) -> str:
    """A path as BUILD files write it: from the root with `//`, else from their own folder."""
    return text[2:] if text.startswith("//") else os.path.join(owner.spec_path, text)


@dataclass(frozen=True)
class ConfigReference:
    """A configuration named in a field: by file, or by the address of its target."""

    owner: Address
    field: str
    text: str
    source_field: Type[ConfigSourceField]
    target_aliases: str


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
        targets = await Get(
            Targets, UnparsedAddressInputs, refer(reference.owner, reference.field, reference.text)
        )
    else:
        targets = await Get(Targets, _ConfigFile(reference))
    fitting = [t for t in targets if t.has_field(reference.source_field)]
    if len(fitting) != 1:
        raise InvalidFieldException(
            f"The `{reference.field}` field of {reference.owner} is {reference.text!r}, which "
            f"stands for {len(fitting)} {reference.target_aliases} targets; it must be exactly "
            f"one. Accepted are a .toml file that a {reference.target_aliases} target has as "
            "`source`, and the address of such a target."
        )
    return ConfigTarget(fitting[0])


@rule
async def find_owners_of_config(request: _ConfigFile) -> Targets:
    reference = request.reference
    path = path_from_build_file(reference.owner, reference.text)
    # Fails with the name of the field if there is no such file.
    await Get(
        Paths,
        PathGlobs(
            [path],
            glob_match_error_behavior=GlobMatchErrorBehavior.error,
            description_of_origin=f"the `{reference.field}` field of {reference.owner}",
        ),
    )
    owners = await Get(Owners, OwnersRequest((path,)))
    return await Get(Targets, Addresses(sorted(owners)))


@dataclass(frozen=True)
class ImageReferences:
    """Images named in a field, by the names under which they are wanted."""

    owner: Address
    field: str
    images: FrozenDict[str, str]


@dataclass(frozen=True)
class ImageTargets:
    targets: Tuple[Tuple[str, Target], ...]


@rule
async def find_images(references: ImageReferences) -> ImageTargets:
    found = []
    for name, text in sorted(references.images.items()):
        targets = await Get(
            Targets, UnparsedAddressInputs, refer(references.owner, references.field, text)
        )
        if len(targets) != 1:
            raise InvalidFieldException(
                f"The `{references.field}` field of {references.owner} gives {text!r} for "
                f"{name!r}, which stands for {len(targets)} targets; it must be exactly one image."
            )
        found.append((name, targets[0]))
    return ImageTargets(tuple(found))


def rules():
    return collect_rules()
