"""`package` for `zig_shared_library`: code of the guest for programs of this machine."""

from __future__ import annotations

import os.path
from dataclasses import dataclass

from pants.core.goals.package import (
    BuiltPackage,
    OutputPathField,
    PackageFieldSet,
)
from pants.engine.process import Process
from pants.engine.rules import Get, collect_rules, rule
from pants.engine.unions import UnionRule
from pants.util.logging import LogLevel

from nexus_os.inference.named_module import NamedZigModule
from nexus_os.programs.packaged_file import package_file
from nexus_os.targets.zig import ZigLibraryOptimizeField, ZigModuleAddressField
from nexus_os.zig.zig_modules import ZigProgram, ZigProgramRequest
from nexus_os.zig.zig_tool import ZigProcess

# A plain CPU of this architecture, so that machines which share a cache agree.  Neither debug
# information nor a build id: both hold paths or hashes of paths.
LIBRARY_ARGV = ("build-lib", "-dynamic", "-mcpu=baseline", "-fstrip", "--build-id=none")


@dataclass(frozen=True)
class SharedLibraryFieldSet(PackageFieldSet):
    required_fields = (ZigModuleAddressField, ZigLibraryOptimizeField)

    module: ZigModuleAddressField
    optimize: ZigLibraryOptimizeField
    output_path: OutputPathField


@rule(desc="Build a shared library", level=LogLevel.DEBUG)
async def package_shared_library(field_set: SharedLibraryFieldSet) -> BuiltPackage:
    named = await Get(NamedZigModule, ZigModuleAddressField, field_set.module)
    program = await Get(ZigProgram, ZigProgramRequest(named.module))
    path = field_set.output_path.value_or_default(file_ending="so")
    name = os.path.basename(path)
    process = await Get(
        Process,
        ZigProcess(
            argv=(
                *LIBRARY_ARGV,
                "-O",
                field_set.optimize.value or "",
                *program.module_argv,
                "--name",
                field_set.address.target_name,
                f"-femit-bin={name}",
            ),
            inputs=program.sources,
            output_files=(name,),
            description=f"Build {field_set.address}",
        ),
    )
    return await package_file(process, path)


def rules():
    return [*collect_rules(), UnionRule(PackageFieldSet, SharedLibraryFieldSet)]
