"""A program starts from this repository's sources, or from the PEX of a release."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Dict, List, Tuple  # Any: a stand-in for what Pants awaits.

import pytest  # pants: no-infer-dep
from pants.backend.python.dependency_inference.module_mapper import (
    PythonModuleOwners,
    PythonModuleOwnersRequest,
)
from pants.backend.python.subsystems.setup import PythonSetup
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.backend.python.util_rules.pex import (
    Pex,
    PexProcess,
    PexRequest,
    VenvPex,
    VenvPexProcess,
)
from pants.backend.python.util_rules.pex_environment import PythonExecutable
from pants.backend.python.util_rules.pex_requirements import EntireLockfile, Lockfile, Resolve
from pants.engine.fs import EMPTY_DIGEST, Digest, MergeDigests, PathGlobs, Snapshot
from pants.engine.platform import Platform
from pants.engine.process import Process, ProcessResult
from pants.testutil.option_util import create_subsystem
from pants.testutil.rule_runner import MockGet, run_rule_with_mocks

from nexus_os.emulator.native_code import NativeCode, NativeCodeRequest, build_native_code
from nexus_os.options import NexusOs
from nexus_os.programs.first_party import (
    Program,
    ProgramAddresses,
    ProgramRequest,
    ReleasedFile,
    ReleasedFileRequest,
    _FromRelease,
    find_program,
    take_program_from_release,
)
from nexus_os.programs.program_process import (
    ProgramProcess,
    WorkspaceProgram,
    start_in_sandbox,
    start_in_workspace,
)
from nexus_os.sealing.process_sealing import Seal

UNSEALED = Seal((), "", EMPTY_DIGEST)

PROCESS = Process(argv=("some",), description="stand-in")

SOURCES = Program(
    "some.program",
    PexRequest(
        output_filename="p.pex",
        internal_only=True,
        interpreter_constraints=InterpreterConstraints(["CPython==3.11.*"]),
    ),
    None,
    EMPTY_DIGEST,
    ("src/python", "lib"),
)
RELEASE = Program(
    "some.program", None, Pex(EMPTY_DIGEST, "nexus/nexus.pex", None), EMPTY_DIGEST, ()
)


def start(program: Program) -> Any:
    """Run the rule; hand back what Pants is asked to run."""
    asked: List[Any] = []
    request = ProgramProcess(
        ProgramRequest("some.program"), ("--out", "x"), EMPTY_DIGEST, "Try", output_files=("x",)
    )
    run_rule_with_mocks(
        start_in_sandbox,
        rule_args=[request, UNSEALED],
        mock_gets=[
            MockGet(Program, (ProgramRequest,), lambda _: program),
            MockGet(Digest, (MergeDigests,), lambda _: EMPTY_DIGEST),
            MockGet(VenvPex, (PexRequest,), lambda _: "the tool"),
            MockGet(Process, (VenvPexProcess,), lambda c: asked.append(c) or PROCESS),
            MockGet(Process, (PexProcess,), lambda c: asked.append(c) or PROCESS),
        ],
    )
    return asked[0]


class Workspace:
    """Stands in for what Pants knows of PEXes in the workspace."""

    append_only_caches: Dict[str, str] = {}

    def environment_dict(self, *, python: object) -> Dict[str, str]:
        return {"PATH": "/nonexistent", "PEX_ROOT": "/root"}

    def create_argv(self, *words: str) -> Tuple[str, ...]:
        return words


@pytest.mark.parametrize("program", [SOURCES, RELEASE], ids=["sources", "release"])
def test_in_the_workspace_a_program_finds_what_the_user_finds(program: Program) -> None:
    """Pants adds these variables to the user's own; QEMU is on the user's PATH."""
    workspace = Workspace()
    request = WorkspaceProgram(ProgramRequest("some.program"), ("--out", "x"), EMPTY_DIGEST)
    run = run_rule_with_mocks(
        start_in_workspace,
        rule_args=[request, SimpleNamespace(in_workspace=lambda: workspace)],
        mock_gets=[
            MockGet(Program, (ProgramRequest,), lambda _: program),
            MockGet(Digest, (MergeDigests,), lambda _: EMPTY_DIGEST),
            MockGet(Pex, (PexRequest,), lambda _: Pex(EMPTY_DIGEST, "p.pex", None)),
            MockGet(PythonExecutable, (InterpreterConstraints,), lambda _: None),
        ],
    )

    assert "PATH" not in run.extra_env
    assert run.extra_env["PEX_ROOT"] == "/root"
    assert run.args[-2:] == ("--out", "x")


def test_sources_are_put_on_the_path_of_a_pex_of_requirements() -> None:
    process = start(SOURCES)

    assert isinstance(process, VenvPexProcess)
    assert dict(process.extra_env or {}) == {"PEX_EXTRA_SYS_PATH": "src/python:lib"}
    assert process.argv == ("--out", "x")
    assert process.output_files == ("x",)


def test_sources_in_the_workspace_are_where_they_are_laid() -> None:
    assert dict(SOURCES.environment("{chroot}/")) == {
        "PEX_EXTRA_SYS_PATH": "{chroot}/src/python:{chroot}/lib"
    }


def test_release_is_one_pex_that_is_told_which_program() -> None:
    process = start(RELEASE)

    assert isinstance(process, PexProcess)
    assert process.pex.name == "nexus/nexus.pex"
    assert dict(process.extra_env) == {"PEX_MODULE": "some.program"}
    assert process.argv == ("--out", "x")
    assert process.output_files == ("x",)


def released_native_code(*others: str, **options: str) -> NativeCode:
    """Return the native code of an arm64 host, of a release that has these files, too."""
    values = {"native_interpreter": "", "native_module": "some.builder", "programs": "", **options}
    native: NativeCode = run_rule_with_mocks(
        build_native_code,
        rule_args=[
            NativeCodeRequest(),
            create_subsystem(NexusOs, **values),
            Platform.linux_arm64,
        ],
        mock_gets=[
            MockGet(
                ReleasedFile,
                (ReleasedFileRequest,),
                lambda r: ReleasedFile(EMPTY_DIGEST, r.path),
            ),
            MockGet(
                Snapshot,
                (PathGlobs,),
                lambda globs: SimpleNamespace(
                    files=tuple(set(globs.globs) & set(others)), digest=EMPTY_DIGEST
                ),
            ),
            MockGet(Process, (ProgramProcess,), lambda _: pytest.fail("nothing is to be built")),
            MockGet(ProcessResult, (Process,), lambda _: pytest.fail("nothing is to be built")),
        ],
    )
    return native


def test_release_brings_the_interpreter_and_compiles_none() -> None:
    assert released_native_code(native_interpreter="nexus/i.bin").path == "nexus/i.bin"
    assert released_native_code(programs="nexus/nexus.pex").path is None


def test_release_with_code_for_more_processors_brings_that_of_the_host() -> None:
    others = ("nexus/i.aarch64.bin", "nexus/i.x86_64.bin")
    code = released_native_code(*others, native_interpreter="nexus/i.bin")
    assert code.path == "nexus/i.aarch64.bin"


def take(request: ProgramRequest) -> Program:
    """Run the rule that takes a program from a release."""
    python = PythonExecutable("/python3.11")
    program: Program = run_rule_with_mocks(
        take_program_from_release,
        rule_args=[
            _FromRelease(request),
            create_subsystem(NexusOs, programs="nexus/nexus.pex", compilers="nexus/compilers.pex"),
        ],
        mock_gets=[
            MockGet(
                ReleasedFile,
                (ReleasedFileRequest,),
                lambda r: ReleasedFile(EMPTY_DIGEST, r.path),
            ),
            MockGet(PythonExecutable, (InterpreterConstraints,), lambda _: python),
            MockGet(Lockfile, (Resolve,), lambda r: Lockfile(f"{r.name}.lock", "here", r.name)),
        ],
    )
    return program


def test_compiler_of_machine_code_comes_from_a_lock_and_the_program_from_the_pex() -> None:
    program = take(ProgramRequest("some.compiler", "llvm"))

    assert program.pex_request is not None
    requirements = program.pex_request.requirements
    assert isinstance(requirements, EntireLockfile)
    assert requirements.lockfile.url == "llvm.lock"
    assert dict(program.environment()) == {"PEX_EXTRA_SYS_PATH": "nexus/compilers.pex"}
    assert take(ProgramRequest("some.program")).pex_request is None


def test_program_of_a_release_depends_on_no_target() -> None:
    found: ProgramAddresses = run_rule_with_mocks(
        find_program,
        rule_args=[
            ProgramRequest("some.program"),
            create_subsystem(NexusOs, programs="nexus/nexus.pex"),
            create_subsystem(PythonSetup, default_resolve="any"),
        ],
        mock_gets=[
            MockGet(
                PythonModuleOwners,
                (PythonModuleOwnersRequest,),
                lambda _: pytest.fail("there are no sources to look for"),
            ),
        ],
    )

    assert found.addresses == ()


def test_a_program_in_a_sandbox_is_sealed() -> None:
    started = run_rule_with_mocks(
        start_in_sandbox,
        rule_args=[
            ProgramProcess(ProgramRequest("some.program"), (), EMPTY_DIGEST, "Try"),
            Seal(("network", "home"), "/python", EMPTY_DIGEST),
        ],
        mock_gets=[
            MockGet(Program, (ProgramRequest,), lambda _: SOURCES),
            MockGet(Digest, (MergeDigests,), lambda _: EMPTY_DIGEST),
            MockGet(VenvPex, (PexRequest,), lambda _: "the tool"),
            MockGet(Process, (VenvPexProcess,), lambda _: PROCESS),
            MockGet(Process, (PexProcess,), lambda _: PROCESS),
        ],
    )
    assert started.argv[0] == "/python"
    assert started.argv[-2:] == ("--", "some")
