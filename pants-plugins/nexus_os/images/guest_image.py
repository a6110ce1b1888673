"""`package` for `rv64_guest_image`: one freestanding ELF, the same bytes every time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple

from pants.core.goals.package import (
    BuiltPackage,
    BuiltPackageArtifact,
    OutputPathField,
    PackageFieldSet,
)
from pants.engine.addresses import Address
from pants.engine.fs import (
    CreateDigest,
    Digest,
    DigestContents,
    FileContent,
    MergeDigests,
    PathGlobs,
    Paths,
    Snapshot,
)
from pants.engine.process import Process, ProcessResult
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import InvalidFieldException, WrappedTarget, WrappedTargetRequest
from pants.engine.unions import UnionRule
from pants.util.logging import LogLevel

from nexus_os.images.elf_strip import strip
from nexus_os.references.addresses import path_from_build_file
from nexus_os.targets.images import (
    ROOT_SOURCE,
    GuestCFlagsField,
    GuestDefinesField,
    GuestImageRootSourceField,
    GuestImageSourcesField,
    GuestIncludeDirectoriesField,
    GuestLinkerScriptField,
    GuestOptimizeField,
)
from nexus_os.targets.suggestion import nearest, offer
from nexus_os.zig.c_sources import ENDINGS, CSettings, c_argv
from nexus_os.zig.zig_modules import Substitution, ZigProgram, ZigProgramRequest
from nexus_os.zig.zig_tool import ZigProcess

# The board is QEMU's `virt`: RV64IMAC, and RAM above 2 GiB, which only `medany` code can reach.
# No build id: it is a hash of paths.  So is debug information full of them, and is taken out after
# compiling (`elf_strip.py`); the whole file, the twin, says which line an instruction comes from.
BOARD_ARGV = (
    "-target",
    "riscv64-freestanding-none",
    "-mcpu",
    "generic_rv64+m+a+c",
    "-mcmodel=medany",
    "-fno-strip",
    "--build-id=none",
)


@dataclass(frozen=True)
class GuestImageFieldSet(PackageFieldSet):
    required_fields = (GuestImageSourcesField, GuestImageRootSourceField)

    sources: GuestImageSourcesField
    root_source: GuestImageRootSourceField
    linker_script: GuestLinkerScriptField
    optimize: GuestOptimizeField
    c_flags: GuestCFlagsField
    defines: GuestDefinesField
    include_directories: GuestIncludeDirectoriesField
    output_path: OutputPathField

    @property
    def c_settings(self) -> CSettings:
        return CSettings(
            self.address,
            self.optimize.value or "",
            self.c_flags.value or (),
            self.defines.value or (),
            self.include_directories.value or (),
        )


@dataclass(frozen=True)
class LinkerScript:
    """The script that an image names, by its path from the root."""

    owner: Address
    path: str


@rule
async def find_linker_script(script: LinkerScript) -> Digest:
    found = await Get(Snapshot, PathGlobs([script.path]))
    if found.files:
        return found.digest
    others = await Get(Paths, PathGlobs(["**/*.ld"]))
    near = (f"//{path}" for path in nearest(script.path, others.files))
    raise InvalidFieldException(
        f"The `linker_script` field of {script.owner} stands for {script.path}, and there is no "
        f"such file.{offer(near)} Expected the path of one: relative to the BUILD file, or from "
        "the repository's root with `//`."
    )


@dataclass(frozen=True)
class MutatedGuestImage:
    """An image with a deliberate mistake in its sources; where it has no part in it, the same."""

    field_set: GuestImageFieldSet
    substitution: Substitution


@dataclass(frozen=True)
class Compilation:
    """A guest image to compile, with debug information."""

    field_set: GuestImageFieldSet
    substitution: Optional[Substitution] = None


@dataclass(frozen=True)
class Twin:
    """An image with its debug information; it has paths of the machine that compiled it."""

    digest: Digest
    path: str


async def _build(compilation: Compilation) -> BuiltPackage:
    """Rules await this; it has Gets and is not a rule."""
    twin = await Get(Twin, Compilation, compilation)
    contents = await Get(DigestContents, Digest, twin.digest)
    path = compilation.field_set.output_path.value_or_default(file_ending="elf")
    image = FileContent(path, strip(contents[0].content), is_executable=True)
    digest = await Get(Digest, CreateDigest([image]))
    return BuiltPackage(digest, (BuiltPackageArtifact(path),))


@rule
async def compile_guest_image(request: Compilation) -> Twin:
    field_set, substitution = request.field_set, request.substitution
    wrapped = await Get(
        WrappedTarget,
        WrappedTargetRequest(field_set.address, description_of_origin="a guest image"),
    )
    script = path_from_build_file(field_set.address, field_set.linker_script.value or "")
    program, script_digest = await MultiGet(
        Get(ZigProgram, ZigProgramRequest(wrapped.target, substitution)),
        Get(Digest, LinkerScript(field_set.address, script)),
    )
    c_arguments = c_argv(field_set.c_settings, program.own_files, program.files)
    _require_code(field_set, c_arguments, program)
    inputs = await Get(Digest, MergeDigests((program.sources, script_digest)))

    name = f"{field_set.address.path_safe_spec}.twin"
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
                *c_arguments,
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
    return Twin(result.output_digest, name)


@rule(desc="Build a guest image", level=LogLevel.DEBUG)
async def package_guest_image(field_set: GuestImageFieldSet) -> BuiltPackage:
    return await _build(Compilation(field_set))


@rule(desc="Build a mutant", level=LogLevel.DEBUG)
async def package_mutated_guest_image(request: MutatedGuestImage) -> BuiltPackage:
    return await _build(Compilation(request.field_set, request.substitution))


def _require_code(
    field_set: GuestImageFieldSet, c_arguments: Tuple[str, ...], program: ZigProgram
) -> None:
    if not c_arguments and not program.module_argv:
        raise InvalidFieldException(
            f"The `sources` field of {field_set.address} has nothing to compile: neither "
            f"{ROOT_SOURCE}, nor a file ending in {', '.join(ENDINGS)}, and `root_source` names no "
            f"other zig file. It stands for: {', '.join(program.own_files) or 'no file at all'}."
        )


def rules():
    return [*collect_rules(), UnionRule(PackageFieldSet, GuestImageFieldSet)]
