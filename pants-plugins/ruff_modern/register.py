"""`fmt`, `fix` and `lint` with a current ruff.

The ruff backend that comes with Pants 2.17 calls `ruff FILES`, a command ruff has since removed,
and knows no formatter.  This one runs `ruff check`, `ruff check --fix` and `ruff format` over the
sources of every Python target, with the configuration found in `pyproject.toml`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Tuple

from pants.backend.python.subsystems.python_tool_base import PythonToolBase
from pants.backend.python.target_types import ConsoleScript, PythonSourceField
from pants.backend.python.util_rules import pex
from pants.backend.python.util_rules.pex import PexRequest, VenvPex, VenvPexProcess
from pants.core.goals.fix import FixResult, FixTargetsRequest
from pants.core.goals.fmt import FmtResult, FmtTargetsRequest
from pants.core.goals.lint import LintResult, LintTargetsRequest
from pants.core.util_rules.config_files import ConfigFiles, ConfigFilesRequest
from pants.core.util_rules.partitions import PartitionerType
from pants.core.util_rules.source_files import SourceFiles, SourceFilesRequest
from pants.engine.fs import Digest, MergeDigests, Snapshot
from pants.engine.process import FallibleProcessResult
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import FieldSet
from pants.option.option_types import SkipOption
from pants.util.logging import LogLevel
from pants.util.meta import classproperty


class Ruff(PythonToolBase):
    options_scope = "ruff"
    name = "ruff"
    help = "Ruff, linter and formatter for Python; `[ruff].install_from_resolve` names its lock."

    default_version = "ruff"
    default_main = ConsoleScript("ruff")
    default_requirements = [default_version]
    register_interpreter_constraints = True
    default_interpreter_constraints = ["CPython>=3.11,<3.15"]
    # Demanded by the base class.  There is no such file: `install_from_resolve` is always set.
    default_lockfile_resource = ("ruff_modern", "none.lock")

    skip = SkipOption("fmt", "fix", "lint")


@dataclass(frozen=True)
class RuffFieldSet(FieldSet):
    required_fields = (PythonSourceField,)

    source: PythonSourceField


class RuffFormatRequest(FmtTargetsRequest):
    field_set_type = RuffFieldSet
    tool_subsystem = Ruff
    partitioner_type = PartitionerType.DEFAULT_SINGLE_PARTITION

    @classproperty
    def tool_name(cls) -> str:
        return "ruff format"

    @classproperty
    def tool_id(cls) -> str:
        return "ruff-format"


class RuffFixRequest(FixTargetsRequest):
    field_set_type = RuffFieldSet
    tool_subsystem = Ruff
    partitioner_type = PartitionerType.DEFAULT_SINGLE_PARTITION

    @classproperty
    def tool_name(cls) -> str:
        return "ruff check --fix"

    @classproperty
    def tool_id(cls) -> str:
        return "ruff-fix"


class RuffCheckRequest(LintTargetsRequest):
    field_set_type = RuffFieldSet
    tool_subsystem = Ruff
    partitioner_type = PartitionerType.DEFAULT_SINGLE_PARTITION

    @classproperty
    def tool_name(cls) -> str:
        return "ruff check"

    @classproperty
    def tool_id(cls) -> str:
        return "ruff-check"


@dataclass(frozen=True)
class RuffRun:
    """One call of ruff over some files; `writes` says whether they come back changed."""

    command: Tuple[str, ...]
    files: Snapshot
    writes: bool


@rule(level=LogLevel.DEBUG)
async def run_ruff(request: RuffRun, ruff: Ruff) -> FallibleProcessResult:
    tool, config = await MultiGet(
        Get(VenvPex, PexRequest, ruff.to_pex_request()),
        Get(
            ConfigFiles,
            ConfigFilesRequest(discovery=True, check_content={"pyproject.toml": b"[tool.ruff"}),
        ),
    )
    inputs = await Get(Digest, MergeDigests((request.files.digest, config.snapshot.digest)))
    return await Get(
        FallibleProcessResult,
        VenvPexProcess(
            tool,
            # A cache inside the sandbox would be thrown away with it.
            argv=(*request.command, "--no-cache", "--force-exclude", *request.files.files),
            input_digest=inputs,
            output_files=request.files.files if request.writes else None,
            description=f"Run ruff {request.command[0]} on {len(request.files.files)} files",
            level=LogLevel.DEBUG,
        ),
    )


@rule(desc="Format with ruff", level=LogLevel.DEBUG)
async def ruff_format(request: RuffFormatRequest.Batch) -> FmtResult:
    result = await Get(FallibleProcessResult, RuffRun(("format",), request.snapshot, writes=True))
    return await FmtResult.create(request, result, strip_chroot_path=True)


@rule(desc="Fix with ruff", level=LogLevel.DEBUG)
async def ruff_fix(request: RuffFixRequest.Batch) -> FixResult:
    result = await Get(
        FallibleProcessResult,
        # `lint` reports the rest, which cannot be fixed: `fix` fails only if ruff itself does.
        RuffRun(("check", "--fix", "--exit-zero"), request.snapshot, writes=True),
    )
    return await FixResult.create(request, result, strip_chroot_path=True)


@rule(desc="Lint with ruff", level=LogLevel.DEBUG)
async def ruff_check(request: RuffCheckRequest.Batch) -> LintResult:
    files = await Get(SourceFiles, SourceFilesRequest(fs.source for fs in request.elements))
    result = await Get(FallibleProcessResult, RuffRun(("check",), files.snapshot, writes=False))
    return LintResult.create(request, result, strip_chroot_path=True)


def rules():
    return [
        *collect_rules(),
        *RuffFormatRequest.rules(),
        *RuffFixRequest.rules(),
        *RuffCheckRequest.rules(),
        *pex.rules(),
    ]
