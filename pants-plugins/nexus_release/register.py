"""The target `release_archive`: what others get of this repository, as one reproducible file.

Apart from `nexus_os`, because it is not part of what it packs.
"""

from __future__ import annotations

import json
import os.path
from dataclasses import dataclass
from typing import Mapping, Optional

from pants.backend.adhoc.target_types import AdhocToolSourcesField
from pants.core.goals.package import (
    BuiltPackage,
    BuiltPackageArtifact,
    EnvironmentAwarePackageRequest,
    OutputPathField,
    PackageFieldSet,
)
from pants.core.target_types import FileSourceField
from pants.core.util_rules.source_files import SourceFiles, SourceFilesRequest
from pants.engine.addresses import Address
from pants.engine.fs import AddPrefix, CreateDigest, Digest, FileContent, MergeDigests, Snapshot
from pants.engine.platform import Platform
from pants.engine.process import Process, ProcessResult
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import (
    COMMON_TARGET_FIELDS,
    AsyncFieldMixin,
    Dependencies,
    DependenciesRequest,
    DictStringToStringField,
    FieldSetsPerTarget,
    FieldSetsPerTargetRequest,
    InvalidFieldException,
    SourcesField,
    StringField,
    Target,
    Targets,
)
from pants.engine.unions import UnionRule
from pants.util.logging import LogLevel
from pants.util.strutil import help_text

from nexus_os.programs.first_party import ProgramRequest
from nexus_os.programs.program_process import ProgramProcess
from nexus_release import quick_pex

PROGRAM = "nexus.release.archive"
LIST = "release-files.json"
VERSION = "VERSION"


class ReleaseDependenciesField(Dependencies):
    help = "Targets whose sources, or whose packages if they can be packaged, are in the archive."


class ReleaseVersionField(StringField):
    alias = "version"
    required = True
    help = "Part of the archive's name, and the first line of the file VERSION in it."


class ReleaseFolderField(StringField):
    alias = "folder"
    required = True
    help = "The one folder that the archive unpacks to, and the first part of its name."


class ReleaseLayoutField(DictStringToStringField, AsyncFieldMixin):
    alias = "layout"
    required = True
    help = help_text(
        """
        Where files go: paths from this repository's root (of packages: from `dist`) to paths in
        the archive's folder. A path with a slash at its end stands for everything below it; the
        longest one that fits decides. Each file must have a place, and each entry a file.
        """
    )


class ReleaseArchive(Target):
    alias = "release_archive"
    core_fields = (
        *COMMON_TARGET_FIELDS,
        OutputPathField,
        ReleaseDependenciesField,
        ReleaseVersionField,
        ReleaseFolderField,
        ReleaseLayoutField,
    )
    help = help_text(
        """
        Files and packages in one `.tar.gz`, the same bytes every time.

        It is named after folder, version and platform: packages may hold machine code.
        """
    )


@dataclass(frozen=True)
class ReleaseFieldSet(PackageFieldSet):
    required_fields = (ReleaseVersionField, ReleaseLayoutField)

    dependencies: ReleaseDependenciesField
    version: ReleaseVersionField
    folder: ReleaseFolderField
    layout: ReleaseLayoutField
    output_path: OutputPathField


@rule(desc="Build a release archive", level=LogLevel.DEBUG)
async def package_release(field_set: ReleaseFieldSet, platform: Platform) -> BuiltPackage:
    targets = await Get(Targets, DependenciesRequest(field_set.dependencies))
    packageable = await Get(FieldSetsPerTarget, FieldSetsPerTargetRequest(PackageFieldSet, targets))
    packages = await MultiGet(
        Get(BuiltPackage, EnvironmentAwarePackageRequest(found)) for found in packageable.field_sets
    )
    built = {found.address for found in packageable.field_sets}
    fields = [
        target[SourcesField]
        for target in targets
        if target.has_field(SourcesField) and target.address not in built
    ]
    is_made = [isinstance(field, AdhocToolSourcesField) for field in fields]
    sources, made = await MultiGet(
        Get(
            SourceFiles,
            SourceFilesRequest([field for field, made in zip(fields, is_made) if not made]),
        ),
        # The files that a tool prints are files of this archive too.
        Get(
            SourceFiles,
            SourceFilesRequest(
                [field for field, made in zip(fields, is_made) if made],
                for_sources_types=(FileSourceField,),
                enable_codegen=True,
            ),
        ),
    )
    version = f"{field_set.version.value}\n{platform.value}\n"
    written = await Get(Digest, CreateDigest([FileContent(VERSION, version.encode())]))
    files = await Get(
        Snapshot,
        MergeDigests(
            [
                sources.snapshot.digest,
                made.snapshot.digest,
                written,
                *(package.digest for package in packages),
            ]
        ),
    )
    places = lay_out(
        field_set.address, {**(field_set.layout.value or {}), VERSION: VERSION}, files.files
    )
    listed = json.dumps(places, indent=0, sort_keys=True).encode()
    list_digest = await Get(Digest, CreateDigest([FileContent(LIST, listed)]))
    inputs = await Get(Digest, MergeDigests([files.digest, list_digest]))

    label = f"{field_set.folder.value}-{field_set.version.value}-{platform.value}"
    path = field_set.output_path.value or f"{label}.tar.gz"
    folder, name = os.path.split(path)
    process = await Get(
        Process,
        ProgramProcess(
            ProgramRequest(PROGRAM),
            argv=("--list", LIST, "--folder", field_set.folder.value or "", "--out", name),
            inputs=inputs,
            output_files=(name,),
            description=f"Build {field_set.address}",
        ),
    )
    result = await Get(ProcessResult, Process, process)
    digest = await Get(Digest, AddPrefix(result.output_digest, folder))
    return BuiltPackage(digest, (BuiltPackageArtifact(path),))


def lay_out(owner: Address, layout: Mapping[str, str], files) -> Mapping[str, str]:
    """The place of every file: names in the archive to paths in the sandbox."""
    places = {}
    used = set()
    for path in files:
        entry = find_entry(layout, path)
        if entry is None:
            raise InvalidFieldException(
                f"The `layout` field of {owner} has no place for {path}. Expected its path, "
                "or that of a folder above it with a slash at its end."
            )
        used.add(entry)
        name = layout[entry] + path[len(entry) :]
        if name in places:
            raise InvalidFieldException(
                f"The `layout` field of {owner} gives {places[name]} and {path} one name: {name}."
            )
        places[name] = path
    if unused := sorted(set(layout) - used):
        raise InvalidFieldException(
            f"The `layout` field of {owner} has places for files that no dependency provides: "
            f"{', '.join(unused)}. Add the targets of these files to `dependencies`."
        )
    return places


def find_entry(layout: Mapping[str, str], path: str) -> Optional[str]:
    """The longest entry that stands for this file."""
    fitting = [
        entry
        for entry in layout
        if entry == path or (entry.endswith("/") and path.startswith(entry))
    ]
    return max(fitting, key=len, default=None)


def target_types():
    return [ReleaseArchive, quick_pex.QuickPex]


def rules():
    return [
        *collect_rules(),
        UnionRule(PackageFieldSet, ReleaseFieldSet),
        *quick_pex.rules(),
    ]
