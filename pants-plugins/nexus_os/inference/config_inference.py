"""Dependencies inferred from configurations: bases, nodes, and files of keys."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Tuple

from pants.core.target_types import FileSourceField
from pants.engine.fs import Digest, DigestContents, PathGlobs, Paths
from pants.engine.rules import Get, collect_rules, rule
from pants.engine.target import (
    FieldSet,
    HydratedSources,
    HydrateSourcesRequest,
    InferDependenciesRequest,
    InferredDependencies,
)
from pants.engine.unions import UnionRule

from nexus_os.references.config_references import parse, referenced_paths
from nexus_os.references.file_owners import FileOwners, FileOwnersRequest
from nexus_os.targets.configs import ConfigDependenciesField, ConfigSourceField

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ConfigInferenceFieldSet(FieldSet):
    required_fields = (ConfigDependenciesField, ConfigSourceField)

    dependencies: ConfigDependenciesField
    source: ConfigSourceField


class InferConfigDependencies(InferDependenciesRequest):
    infer_from = ConfigInferenceFieldSet


async def _warn_of_forgotten_targets(
    field_set: ConfigInferenceFieldSet, unowned: Tuple[str, ...]
) -> None:
    """Say which line is missing where; without it the file is not there when it is looked for."""
    present = await Get(Paths, PathGlobs(unowned))
    for path in present.files:
        folder, _, name = path.rpartition("/")
        logger.warning(
            f"{field_set.address} names `{path}`, which no target owns;"
            f" add to {folder or '.'}/BUILD: {line_for(name)}"
        )


def line_for(name: str) -> str:
    """The target that a file of a configuration needs."""
    stem, _, suffix = name.rpartition(".")
    alias = "node_config" if suffix == "toml" else "file"
    return f'{alias}(name="{stem or name}", source="{name}")'


@rule
async def infer_config_dependencies(request: InferConfigDependencies) -> InferredDependencies:
    field_set = request.field_set
    hydrated = await Get(HydratedSources, HydrateSourcesRequest(field_set.source))
    contents = await Get(DigestContents, Digest, hydrated.snapshot.digest)
    named = {
        path
        for file in contents
        for path in referenced_paths(file.path, parse(file.content.decode(errors="replace")))
    }
    owners = await Get(
        FileOwners,
        FileOwnersRequest(
            field_set.dependencies,
            tuple(sorted(named)),
            (ConfigSourceField, FileSourceField),
            "names",
        ),
    )
    await _warn_of_forgotten_targets(field_set, owners.unowned)
    return InferredDependencies(owners.addresses)


def rules():
    return [*collect_rules(), UnionRule(InferDependenciesRequest, InferConfigDependencies)]
