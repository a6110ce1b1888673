"""Imports of schemas, and of what is generated from them, become dependencies."""

from __future__ import annotations

import os.path
import re
from dataclasses import dataclass
from typing import Dict, List, Tuple

from pants.backend.python.dependency_inference.module_mapper import (
    FirstPartyPythonMappingImpl,
    FirstPartyPythonMappingImplMarker,
    ModuleProvider,
    ModuleProviderType,
    ResolveName,
)
from pants.backend.python.subsystems.setup import PythonSetup
from pants.core.util_rules.source_files import SourceFiles, SourceFilesRequest
from pants.engine.fs import Digest, DigestContents
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import (
    AllTargets,
    FieldSet,
    InferDependenciesRequest,
    InferredDependencies,
    SourcesPaths,
    SourcesPathsRequest,
    Target,
)
from pants.engine.unions import UnionRule
from pants.util.logging import LogLevel

from nexus_os.references.field_targets import FieldTarget, TargetReference
from nexus_os.references.file_owners import FileOwners, FileOwnersRequest
from nexus_os.schemas.capnp_code import schema_reference
from nexus_os.targets.capnp import (
    CapnpDependenciesField,
    CapnpPackageField,
    CapnpPython,
    CapnpPythonPackageField,
    CapnpSchema,
    CapnpSourcesField,
)

# The modules that the generator makes beside one for each schema.
_EXTRA_MODULES = ("clients", "message", "message_layout", "message_writer", "services")
_NO_MODULE = "annotations.capnp"

_IMPORT = re.compile(r'^[^#\n]*\bimport\s+"([^"\n]+)"', re.MULTILINE)


class CapnpPythonMapping(FirstPartyPythonMappingImplMarker):
    """Map each generated module to its target."""


@rule(desc="Map modules generated from schemas", level=LogLevel.DEBUG)
async def map_generated_modules(
    _: CapnpPythonMapping, everything: AllTargets, python_setup: PythonSetup
) -> FirstPartyPythonMappingImpl:
    packages: List[Tuple[Target, str]] = []
    elsewhere: List[Target] = []
    for target in everything:
        if isinstance(target, CapnpSchema) and target[CapnpPackageField].value:
            packages.append((target, target[CapnpPackageField].value))
        elif isinstance(target, CapnpPython):
            elsewhere.append(target)
    named = await MultiGet(
        Get(FieldTarget, TargetReference, schema_reference(target)) for target in elsewhere
    )
    schemas = [target for target, _ in packages] + [found.target for found in named]
    owners = packages + [
        (target, target[CapnpPythonPackageField].value or "") for target in elsewhere
    ]
    files = await MultiGet(
        Get(SourcesPaths, SourcesPathsRequest(schema[CapnpSourcesField])) for schema in schemas
    )
    modules: Dict[str, Tuple[ModuleProvider, ...]] = {}
    for (target, package), paths in zip(owners, files):
        provider = ModuleProvider(target.address, ModuleProviderType.IMPL)
        for name in module_names(package, paths.files):
            modules[name] = (*modules.get(name, ()), provider)
    # Generated code needs nothing but the standard library: it is at home in every resolve.
    resolves: Dict[ResolveName, Dict[str, Tuple[ModuleProvider, ...]]] = dict.fromkeys(
        python_setup.resolves, modules
    )
    return FirstPartyPythonMappingImpl.create(resolves)


def module_names(package: str, files: Tuple[str, ...]) -> List[str]:
    """The dotted names of what is generated from these schemas."""
    stems = [
        os.path.basename(file)[: -len(".capnp")]
        for file in files
        if os.path.basename(file) != _NO_MODULE
    ]
    return [package, *(f"{package}.{stem}" for stem in [*stems, *_EXTRA_MODULES])]


@dataclass(frozen=True)
class CapnpImportsFieldSet(FieldSet):
    required_fields = (CapnpDependenciesField, CapnpSourcesField)

    dependencies: CapnpDependenciesField
    sources: CapnpSourcesField


class InferCapnpImports(InferDependenciesRequest):
    infer_from = CapnpImportsFieldSet


@rule
async def infer_capnp_imports(request: InferCapnpImports) -> InferredDependencies:
    field_set = request.field_set
    files = await Get(SourceFiles, SourceFilesRequest([field_set.sources]))
    contents = await Get(DigestContents, Digest, files.snapshot.digest)
    imported = [
        path
        for file in contents
        for path in imports_of(file.path, file.content.decode(errors="replace"))
        if path not in files.files
    ]
    owners = await Get(
        FileOwners,
        FileOwnersRequest(
            field_set.dependencies,
            tuple(dict.fromkeys(imported)),
            (CapnpSourcesField,),
            "imports",
        ),
    )
    return InferredDependencies(owners.addresses)


def imports_of(path: str, text: str) -> List[str]:
    """The paths, from the repository's root, of the schemas that one imports."""
    return [
        name.lstrip("/") if name.startswith("/") else _beside(path, name)
        for name in _IMPORT.findall(text)
    ]


def _beside(path: str, name: str) -> str:
    return os.path.normpath(os.path.join(os.path.dirname(path), name))


def rules():
    return [
        *collect_rules(),
        UnionRule(FirstPartyPythonMappingImplMarker, CapnpPythonMapping),
        UnionRule(InferDependenciesRequest, InferCapnpImports),
    ]
