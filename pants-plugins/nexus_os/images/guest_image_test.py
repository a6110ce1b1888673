"""The call of the compiler for an image, and the use of its output."""

from __future__ import annotations

from typing import List, Tuple

import pytest  # pants: no-infer-dep
from pants.core.goals.package import BuiltPackage, OutputPathField
from pants.engine.addresses import Address
from pants.engine.fs import (
    EMPTY_DIGEST,
    CreateDigest,
    Digest,
    DigestContents,
    FileContent,
    MergeDigests,
)
from pants.engine.internals.scheduler import ExecutionError
from pants.engine.process import Process, ProcessResult
from pants.engine.target import InvalidFieldException, WrappedTarget, WrappedTargetRequest
from pants.testutil.rule_runner import MockGet, QueryRule, RuleRunner, run_rule_with_mocks

from nexus_os.images import guest_image
from nexus_os.images.elf_cases import with_debug_information
from nexus_os.images.guest_image import (
    Compilation,
    GuestImageFieldSet,
    LinkerScript,
    Twin,
    compile_guest_image,
    package_guest_image,
)
from nexus_os.targets.images import Rv64GuestImage
from nexus_os.zig.zig_modules import ZigProgram, ZigProgramRequest
from nexus_os.zig.zig_tool import ZigProcess

PROGRAM = ZigProgram(
    ("--dep", "os", "-Mroot=logd/main.zig", "-Mos=os/root.zig"),
    EMPTY_DIGEST,
    ("logd/main.zig", "os/root.zig"),
    ("logd/main.zig",),
)
C_FILES = ("fw/main.c", "fw/start.S")
C_PROGRAM = ZigProgram((), EMPTY_DIGEST, C_FILES, C_FILES)


class Result:
    output_digest = EMPTY_DIGEST


def package(
    target: Rv64GuestImage, program: ZigProgram = PROGRAM
) -> Tuple[ZigProcess, List[str], BuiltPackage]:
    """Run the rules; hand back how zig was called, the script asked for, and what came of it."""
    calls: List[ZigProcess] = []
    scripts: List[str] = []
    process = Process(["zig"], description="")
    field_set = GuestImageFieldSet.create(target)
    twin = run_rule_with_mocks(
        compile_guest_image,
        rule_args=[Compilation(field_set)],
        mock_gets=[
            MockGet(WrappedTarget, (WrappedTargetRequest,), lambda _: WrappedTarget(target)),
            MockGet(ZigProgram, (ZigProgramRequest,), lambda _: program),
            MockGet(
                Digest, (LinkerScript,), lambda script: scripts.append(script.path) or EMPTY_DIGEST
            ),
            MockGet(Digest, (MergeDigests,), lambda _: EMPTY_DIGEST),
            MockGet(Process, (ZigProcess,), lambda call: calls.append(call) or process),
            MockGet(ProcessResult, (Process,), lambda _: Result()),
        ],
    )
    files: List[FileContent] = []
    built = run_rule_with_mocks(
        package_guest_image,
        rule_args=[field_set],
        mock_gets=[
            MockGet(Twin, (Compilation,), lambda _: twin),
            MockGet(
                DigestContents,
                (Digest,),
                lambda _: DigestContents([FileContent(twin.path, with_debug_information())]),
            ),
            MockGet(Digest, (CreateDigest,), lambda made: files.extend(made) or EMPTY_DIGEST),
        ],
    )
    (file,) = files
    assert b"somebody" in with_debug_information()
    assert b"somebody" not in file.content
    assert file.is_executable
    return calls[0], scripts, built


def test_image_is_built_for_the_board_without_paths_in_it() -> None:
    call, scripts, built = package(
        Rv64GuestImage({"linker_script": "//os/user.ld"}, Address("src/logd"))
    )

    argv = " ".join(call.argv)
    assert "-target riscv64-freestanding-none -mcpu generic_rv64+m+a+c -mcmodel=medany" in argv
    assert "-fno-strip --build-id=none" in argv
    assert "-O ReleaseSafe -T os/user.ld --dep os -Mroot=logd/main.zig -Mos=os/root.zig" in argv
    assert argv.endswith("--name logd -femit-bin=src.logd.twin")
    assert call.output_files == ("src.logd.twin",)
    assert scripts == ["os/user.ld"]
    assert [artifact.relpath for artifact in built.artifacts] == ["src.logd/logd.elf"]


def test_fields_reach_the_compiler() -> None:
    call, scripts, built = package(
        Rv64GuestImage(
            {"optimize": "ReleaseSmall", OutputPathField.alias: "boot/k.elf"},
            Address("src/kernel", target_name="k"),
        )
    )

    assert call.argv[call.argv.index("-O") + 1] == "ReleaseSmall"
    assert scripts == ["src/kernel/link.ld"]
    assert [artifact.relpath for artifact in built.artifacts] == ["boot/k.elf"]


def test_image_may_be_of_c_and_assembly_alone() -> None:
    target = Rv64GuestImage({"defines": ("A=1",), "c_flags": ("-Wall",)}, Address("fw"))

    call, _, built = package(target, C_PROGRAM)

    argv = " ".join(call.argv)
    assert "-T fw/link.ld -fsanitize-c=trap -DA=1 -I . -cflags -ffreestanding " in argv
    assert " -Wall -- fw/" in argv
    assert argv.endswith("-- fw/main.c fw/start.S --name fw -femit-bin=fw.twin")
    assert "-M" not in argv.replace("-mcmodel", "")
    assert [artifact.relpath for artifact in built.artifacts] == ["fw/fw.elf"]


def test_image_of_nothing_is_refused() -> None:
    nothing = ZigProgram((), EMPTY_DIGEST, ("fw/a.h",), ("fw/a.h",))

    with pytest.raises(InvalidFieldException, match=r"`sources` field of fw:fw has nothing to .*"):
        package(Rv64GuestImage({}, Address("fw")), nothing)


def test_linker_script_that_is_not_there_is_told_with_one_that_is() -> None:
    rule_runner = RuleRunner(
        rules=[guest_image.find_linker_script, QueryRule(Digest, [LinkerScript])]
    )
    rule_runner.write_files({"lib/os/user.ld": "", "fw/x.ld": ""})

    def find(path: str) -> Digest:
        return rule_runner.request(Digest, [LinkerScript(Address("fw"), path)])

    assert find("lib/os/user.ld") != EMPTY_DIGEST
    with pytest.raises(
        ExecutionError, match=r"`linker_script` field of fw:fw .*Did you mean '//lib/os/user\.ld'"
    ):
        find("lib/os/usr.ld")
