"""Starting a program of ours: in a sandbox, or in the workspace where people watch it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, Optional, Tuple  # Any: keyword arguments of several types.

from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.backend.python.util_rules.pex import (
    Pex,
    PexProcess,
    PexRequest,
    VenvPex,
    VenvPexProcess,
)
from pants.backend.python.util_rules.pex_environment import (
    CompletePexEnvironment,
    PexEnvironment,
    PythonExecutable,
)
from pants.core.goals.run import RunRequest
from pants.engine.fs import Digest, MergeDigests
from pants.engine.process import Process, ProcessCacheScope
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

from nexus_os.programs.first_party import Program, ProgramRequest
from nexus_os.sealing.process_sealing import Seal


@dataclass(frozen=True)
class ProgramProcess:
    """One run of a program in a sandbox; becomes a `Process`."""

    program: ProgramRequest
    argv: Tuple[str, ...]
    inputs: Digest
    description: str
    output_files: Tuple[str, ...] = ()
    output_directories: Tuple[str, ...] = ()
    extra_env: FrozenDict[str, str] = field(default_factory=FrozenDict)
    timeout_seconds: Optional[int] = None
    cache_scope: ProcessCacheScope = ProcessCacheScope.SUCCESSFUL
    concurrency_available: int = 0


@rule
async def start_in_sandbox(request: ProgramProcess, seal: Seal) -> Process:
    program = await Get(Program, ProgramRequest, request.program)
    inputs = await Get(Digest, MergeDigests((request.inputs, program.sources)))
    how: Dict[str, Any] = {
        "argv": request.argv,
        "input_digest": inputs,
        "extra_env": {**request.extra_env, **program.environment()},
        "output_files": request.output_files,
        "output_directories": request.output_directories,
        "timeout_seconds": request.timeout_seconds,
        "cache_scope": request.cache_scope,
        "concurrency_available": request.concurrency_available,
        "description": request.description,
        "level": LogLevel.DEBUG,
    }
    if program.release is not None:
        return seal.around(await Get(Process, PexProcess(program.release, **how)))
    tool = await Get(VenvPex, PexRequest, program.pex_request)
    return seal.around(await Get(Process, VenvPexProcess(tool, **how)))


# By it a program leaves the temporary folder out of what it says.
SANDBOX = {"NEXUS_SANDBOX": "{chroot}"}


@dataclass(frozen=True)
class WorkspaceProgram:
    """One run of a program in the workspace; becomes a `RunRequest`.

    The inputs are laid out under `{chroot}`, which the arguments name.
    """

    program: ProgramRequest
    argv: Tuple[str, ...]
    inputs: Digest


@rule
async def start_in_workspace(request: WorkspaceProgram, pex_env: PexEnvironment) -> RunRequest:
    program = await Get(Program, ProgramRequest, request.program)
    workspace = pex_env.in_workspace()
    if program.release is not None:
        digest = await Get(Digest, MergeDigests((request.inputs, program.sources)))
        return RunRequest(
            digest=digest,
            args=(*workspace.create_argv("{chroot}/" + program.release.name), *request.argv),
            extra_env={
                **_environment(workspace, program.release.python),
                **program.environment(),
                **SANDBOX,
            },
            append_only_caches=workspace.append_only_caches,
        )
    assert program.pex_request is not None, f"{program.module} comes from nowhere"
    # Not a venv: the script that starts one sets a PATH of its own, without what the user has.
    pex, python = await MultiGet(
        Get(Pex, PexRequest, program.pex_request),
        Get(PythonExecutable, InterpreterConstraints, program.pex_request.interpreter_constraints),
    )
    digest = await Get(Digest, MergeDigests((pex.digest, request.inputs, program.sources)))
    return RunRequest(
        digest=digest,
        args=(*workspace.create_argv("{chroot}/" + pex.name), *request.argv),
        extra_env={
            **_environment(workspace, python),
            **program.environment("{chroot}/"),
            **SANDBOX,
        },
        append_only_caches=workspace.append_only_caches,
    )


def _environment(
    workspace: CompletePexEnvironment, python: Optional[PythonExecutable]
) -> Dict[str, str]:
    """Return a PEX's variables, with the PATH of its caller: an engine is a program of the host."""
    environment = dict(workspace.environment_dict(python=python))
    environment.pop("PATH", None)
    return environment


def rules():
    return collect_rules()
