"""Starting a program of ours: in a sandbox, or in the workspace where people watch it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, Optional, Tuple

from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.backend.python.util_rules.pex import (
    PexProcess,
    PexRequest,
    VenvPex,
    VenvPexProcess,
    VenvPexRequest,
)
from pants.backend.python.util_rules.pex_environment import PexEnvironment, PythonExecutable
from pants.core.goals.run import RunRequest
from pants.engine.fs import Digest, MergeDigests
from pants.engine.process import Process, ProcessCacheScope
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

from nexus_os.first_party import Program, ProgramRequest
from nexus_os.sealing import Seal


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
    how: Dict[str, Any] = dict(
        argv=request.argv,
        input_digest=inputs,
        extra_env={**request.extra_env, **program.environment()},
        output_files=request.output_files,
        output_directories=request.output_directories,
        timeout_seconds=request.timeout_seconds,
        cache_scope=request.cache_scope,
        concurrency_available=request.concurrency_available,
        description=request.description,
        level=LogLevel.DEBUG,
    )
    if program.release is not None:
        return seal.around(await Get(Process, PexProcess(program.release, **how)))
    tool = await Get(VenvPex, PexRequest, program.pex_request)
    return seal.around(await Get(Process, VenvPexProcess(tool, **how)))


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
                **workspace.environment_dict(python=program.release.python),
                **program.environment(),
            },
            append_only_caches=workspace.append_only_caches,
        )
    assert program.pex_request is not None, f"{program.module} comes from nowhere"
    tool, python = await MultiGet(
        Get(VenvPex, VenvPexRequest(program.pex_request, workspace)),
        Get(PythonExecutable, InterpreterConstraints, program.pex_request.interpreter_constraints),
    )
    digest = await Get(Digest, MergeDigests((tool.digest, request.inputs, program.sources)))
    return RunRequest(
        digest=digest,
        args=("{chroot}/" + tool.pex.argv0, *request.argv),
        extra_env={
            **workspace.environment_dict(python=python),
            **program.environment("{chroot}/"),
        },
        append_only_caches={**workspace.append_only_caches, **(tool.append_only_caches or {})},
    )


def rules():
    return collect_rules()
