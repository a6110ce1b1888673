"""The targets that own files which another target's file names by path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Optional, Tuple, Type

from pants.engine.addresses import Address, Addresses
from pants.engine.internals.graph import Owners, OwnersRequest
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import (
    Dependencies,
    DependenciesRequest,
    ExplicitlyProvidedDependencies,
    SourcesField,
    Targets,
)


@dataclass(frozen=True)
class FileOwnersRequest:
    """Paths that the target of `dependencies` names, and which kinds of owner are wanted.

    Of several owners, those of the first kind that any has are preferred.
    """

    dependencies: Dependencies
    paths: Tuple[str, ...]
    kinds: Tuple[Type[SourcesField], ...]
    verb: str  # The target's use of them, for a warning.


@dataclass(frozen=True)
class FileOwners:
    """Those owners that are not among the explicit dependencies yet."""

    addresses: Tuple[Address, ...]
    unowned: Tuple[str, ...] = ()  # Those of the paths that have no target at all.


@rule
async def find_file_owners(request: FileOwnersRequest) -> FileOwners:
    explicit = await Get(ExplicitlyProvidedDependencies, DependenciesRequest(request.dependencies))
    # Outside of the repository there are no targets, and Pants refuses to look.
    paths = tuple(path for path in request.paths if not path.startswith(("/", "../")))
    owners = await MultiGet(Get(Owners, OwnersRequest((path,))) for path in paths)
    targets = await MultiGet(Get(Targets, Addresses(sorted(found))) for found in owners)
    chosen = (
        _choose(path, candidates, explicit, request) for path, candidates in zip(paths, targets)
    )
    return FileOwners(
        tuple(address for address in chosen if address is not None),
        tuple(path for path, found in zip(paths, targets) if not found),
    )


def _choose(
    path: str,
    targets: Targets,
    explicit: ExplicitlyProvidedDependencies,
    request: FileOwnersRequest,
) -> Optional[Address]:
    others = [target for target in targets if target.address != explicit.address]
    if explicit.any_are_covered_by_includes(tuple(target.address for target in others)):
        return None
    for kind in request.kinds:
        fitting: List[Address] = [t.address for t in others if t.has_field(kind)]
        if fitting:
            explicit.maybe_warn_of_ambiguous_dependency_inference(
                tuple(fitting),
                explicit.address,
                context=f"The target {explicit.address} {request.verb} `{path}`",
                import_reference="file",
            )
            return explicit.disambiguated(tuple(fitting))
    return None


def rules():
    return collect_rules()
