"""Dependencies that configurations tell by themselves: bases, nodes, and files of keys."""

from __future__ import annotations

from dataclasses import dataclass

from pants.core.target_types import FileSourceField
from pants.engine.fs import Digest, DigestContents
from pants.engine.rules import Get, collect_rules, rule
from pants.engine.target import (
    FieldSet,
    HydratedSources,
    HydrateSourcesRequest,
    InferDependenciesRequest,
    InferredDependencies,
)
from pants.engine.unions import UnionRule

from nexus_os.config_references import parse, referenced_paths
from nexus_os.config_targets import ConfigDependenciesField, ConfigSourceField
from nexus_os.file_owners import FileOwners, FileOwnersRequest


@dataclass(frozen=True)
class ConfigInferenceFieldSet(FieldSet):
    required_fields = (ConfigDependenciesField, ConfigSourceField)

    dependencies: ConfigDependenciesField
    source: ConfigSourceField


class InferConfigDependencies(InferDependenciesRequest):
    infer_from = ConfigInferenceFieldSet


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
    return InferredDependencies(owners.addresses)


def rules():
    return [*collect_rules(), UnionRule(InferDependenciesRequest, InferConfigDependencies)]
