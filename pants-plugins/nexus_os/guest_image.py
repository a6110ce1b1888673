"""`package` for `rv64_guest_image`: one freestanding ELF, the same bytes every time."""

from __future__ import annotations

import os.path
from dataclasses import dataclass

from pants.core.goals.package import (
    BuiltPackage,
    BuiltPackageArtifact,
    OutputPathField,
    PackageFieldSet,
)
from pants.engine.fs import (
    AddPrefix,
    Digest,
    GlobMatchErrorBehavior,
    MergeDigests,
    PathGlobs,
)
from pants.engine.process import Process, ProcessResult
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import WrappedTarget, WrappedTargetRequest
from pants.engine.unions import UnionRule
from pants.util.logging import LogLevel

from nexus_os.addresses import path_from_build_file
from nexus_os.image_targets import (
    GuestImageRootSourceField,
    GuestImageSourcesField,
    GuestLinkerScriptField,
    GuestOptimizeField,
)
from nexus_os.zig_modules import ZigProgram, ZigProgramRequest
from nexus_os.zig_tool import ZigProcess

# The board is QEMU's `virt`: RV64IMAC, and RAM above 2 GiB, which only `medany` code can reach.
# Neither debug information nor a build id: both hold paths or hashes of paths.
BOARD_ARGV = (
    "-target",
    "riscv64-freestanding-none",
    "-mcpu",
    "generic_rv64+m+a+c",
    "-mcmodel=medany",
    "-fstrip",
    "--build-id=none",
)


@dataclass(frozen=True)
class GuestImageFieldSet(PackageFieldSet):
    required_fields = (GuestImageSourcesField, GuestImageRootSourceField)

    sources: GuestImageSourcesField
    root_source: GuestImageRootSourceField
    linker_script: GuestLinkerScriptField
    optimize: GuestOptimizeField
    output_path: OutputPathField


@rule(desc="Build a guest image", level=LogLevel.DEBUG)
async def package_guest_image(field_set: GuestImageFieldSet) -> BuiltPackage:
    wrapped = await Get(
        WrappedTarget,
        WrappedTargetRequest(field_set.address, description_of_origin="a guest image"),
    )
    script = path_from_build_file(field_set.address, field_set.linker_script.value or "")
    program, script_digest = await MultiGet(
        Get(ZigProgram, ZigProgramRequest(wrapped.target)),
        Get(
            Digest,
            PathGlobs(
                [script],
                glob_match_error_behavior=GlobMatchErrorBehavior.error,
                description_of_origin=f"the `linker_script` field of {field_set.address}",
            ),
        ),
    )
    inputs = await Get(Digest, MergeDigests((program.sources, script_digest)))

    path = field_set.output_path.value_or_default(file_ending="elf")
    folder, name = os.path.split(path)
    process = await Get(
        Process,
        ZigProcess(
            argv=(
                "build-exe",
                *BOARD_ARGV,
                "-O",
                field_set.optimize.value or "",
                "-T",
                script,
                *program.module_argv,
                "--name",
                field_set.address.target_name,
                f"-femit-bin={name}",
            ),
            inputs=inputs,
            output_files=(name,),
            description=f"Build {field_set.address}",
        ),
    )
    result = await Get(ProcessResult, Process, process)
    digest = await Get(Digest, AddPrefix(result.output_digest, folder))
    return BuiltPackage(digest, (BuiltPackageArtifact(path),))


def rules():
    return [*collect_rules(), UnionRule(PackageFieldSet, GuestImageFieldSet)]
