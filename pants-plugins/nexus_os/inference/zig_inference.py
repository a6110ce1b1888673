"""Dependencies inferred from zig sources: `@import` of modules, `@embedFile` of files.

A name that several modules have is an error where it is imported, because either could be meant.
A name that none has is a warning: the compiler will say the same, with the line.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Iterable, Optional, Tuple

from pants.core.target_types import FileSourceField, ResourceSourceField
from pants.core.util_rules.source_files import SourceFiles, SourceFilesRequest
from pants.engine.addresses import Address
from pants.engine.fs import Digest, DigestContents
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import (
    AllTargets,
    DependenciesRequest,
    ExplicitlyProvidedDependencies,
    FieldSet,
    InferDependenciesRequest,
    InferredDependencies,
    InvalidTargetException,
)
from pants.engine.unions import UnionRule
from pants.util.frozendict import FrozenDict

from nexus_os.references.file_owners import FileOwners, FileOwnersRequest
from nexus_os.references.zig_imports import references_from
from nexus_os.targets.capnp import CapnpSchema
from nexus_os.targets.suggestion import did_you_mean
from nexus_os.targets.zig import (
    ZigDependenciesField,
    ZigModule,
    ZigRootSourceField,
    ZigSourcesField,
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ZigModuleNames:
    """All modules of the repository, by the name under which they are imported."""

    addresses: FrozenDict[str, Tuple[Address, ...]]


@rule
async def map_zig_modules(targets: AllTargets) -> ZigModuleNames:
    found = {}
    for target in targets:
        if isinstance(target, (CapnpSchema, ZigModule)):
            found.setdefault(target.address.target_name, []).append(target.address)
    return ZigModuleNames(FrozenDict({name: tuple(sorted(found[name])) for name in sorted(found)}))


@dataclass(frozen=True)
class ZigInferenceFieldSet(FieldSet):
    required_fields = (ZigDependenciesField, ZigSourcesField, ZigRootSourceField)

    dependencies: ZigDependenciesField
    sources: ZigSourcesField
    root_source: ZigRootSourceField


class InferZigDependencies(InferDependenciesRequest):
    infer_from = ZigInferenceFieldSet


@rule
async def infer_zig_dependencies(
    request: InferZigDependencies, known: ZigModuleNames
) -> InferredDependencies:
    field_set = request.field_set
    files, explicit = await MultiGet(
        Get(SourceFiles, SourceFilesRequest([field_set.sources])),
        Get(ExplicitlyProvidedDependencies, DependenciesRequest(field_set.dependencies)),
    )
    root = field_set.root_source.path_among(files.files)
    if root is None:
        return InferredDependencies([])
    contents = await Get(DigestContents, Digest, files.snapshot.digest)
    found = references_from(
        root,
        {
            file.path: file.content.decode(errors="replace")
            for file in contents
            if file.path.endswith(".zig")
        },
    )
    embedded = await Get(
        FileOwners,
        FileOwnersRequest(
            field_set.dependencies,
            tuple(path for path in found.embedded if path not in files.files),
            (FileSourceField, ResourceSourceField),
            "embeds",
        ),
    )
    modules = (_choose_module(name, known, explicit) for name in found.modules)
    return InferredDependencies(
        [*(address for address in modules if address is not None), *embedded.addresses]
    )


def _choose_module(
    name: str, known: ZigModuleNames, explicit: ExplicitlyProvidedDependencies
) -> Optional[Address]:
    """The module that is meant; None if it is depended on already, or if there is none."""
    candidates = known.addresses.get(name, ())
    if not candidates:
        _warn_of_unknown(name, known.addresses, explicit.address)
    if any(address in explicit.includes for address in candidates):
        return None
    left = [address for address in candidates if address not in explicit.ignores]
    if len(left) > 1:
        raise InvalidTargetException(
            f'{explicit.address} imports the zig module "{name}", and {len(left)} targets have '
            f"that name: {', '.join(address.spec for address in left)}. Put the one that is meant "
            "into its `dependencies`, or exclude the others there with `!` before the address."
        )
    return left[0] if left and left[0] != explicit.address else None


def _warn_of_unknown(name: str, known: Iterable[str], importer: Address) -> None:
    logger.warning(
        f'{importer} imports the zig module "{name}", but no `zig_module` has that name.'
        f"{did_you_mean(name, known)}"
    )


def rules():
    return [*collect_rules(), UnionRule(InferDependenciesRequest, InferZigDependencies)]
