"""`lint` by `ci/tidy.py`: the habits of this project that no other linter knows."""

from __future__ import annotations

from pants.backend.python.util_rules import pex
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.backend.python.util_rules.pex import PexRequest, VenvPex, VenvPexProcess
from pants.core.goals.lint import LintFilesRequest, LintResult
from pants.core.util_rules.partitions import Partitions
from pants.engine.fs import Digest, PathGlobs
from pants.engine.process import FallibleProcessResult
from pants.engine.rules import Get, collect_rules, rule
from pants.option.option_types import SkipOption
from pants.option.subsystem import Subsystem
from pants.util.logging import LogLevel

PROGRAM = "ci/tidy.py"
# With what it imports.
SOURCES = (
    PROGRAM,
    "ci/tidy_documents.py",
    "ci/tidy_language.py",
    "ci/tidy_python.py",
    "ci/tidy_source.py",
)


class Tidy(Subsystem):
    options_scope = "tidy"
    name = "tidy"
    help = "Plain words, names in documents, width of prose, silenced checks; `ci/tidy.py`."

    skip = SkipOption("lint")


class TidyRequest(LintFilesRequest):
    tool_subsystem = Tidy


@rule
async def partition(request: TidyRequest.PartitionRequest, tidy: Tidy) -> Partitions:
    known = (".md", ".py", ".pyi", ".zig", ".toml", ".capnp", ".svg", ".png", "BUILD")
    paths = sorted(path for path in request.files if path.endswith(known))
    # One process: some rules look at all paths.
    return Partitions() if tidy.skip or not paths else Partitions.single_partition(paths)


@rule(desc="Lint with ci/tidy.py", level=LogLevel.DEBUG)
async def run_tidy(request: TidyRequest.Batch) -> LintResult:
    interpreter = PexRequest(
        output_filename="tidy.pex",
        internal_only=True,
        interpreter_constraints=InterpreterConstraints(["CPython>=3.11,<3.15"]),
    )
    tool = await Get(VenvPex, PexRequest, interpreter)
    inputs = await Get(Digest, PathGlobs([*SOURCES, *request.elements]))
    result = await Get(
        FallibleProcessResult,
        VenvPexProcess(
            tool,
            argv=(PROGRAM, *request.elements),
            input_digest=inputs,
            description=f"Run {PROGRAM} on {len(request.elements)} files",
            level=LogLevel.DEBUG,
        ),
    )
    return LintResult.create(request, result)


def rules():
    return [*collect_rules(), *TidyRequest.rules(), *pex.rules()]
