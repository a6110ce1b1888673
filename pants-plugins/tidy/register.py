"""`lint` by `ci/tidy.py`: the habits of this project that no other linter knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Tuple

from pants.backend.python.util_rules import pex
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.backend.python.util_rules.pex import PexRequest, VenvPex, VenvPexProcess
from pants.core.goals.lint import LintFilesRequest, LintResult
from pants.core.util_rules.partitions import Partitions
from pants.engine.fs import Digest, PathGlobs, Paths
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
    "ci/tidy_zig.py",
)


# Files that have rules, and the pictures and targets that documents name.
ENDINGS = (".md", ".py", ".pyi", ".zig", ".toml", ".capnp", ".lua", ".svg", ".png", "BUILD")


class Tidy(Subsystem):
    options_scope = "tidy"
    name = "tidy"
    help = "Plain words, names in documents, width of prose, silenced checks; `ci/tidy.py`."

    skip = SkipOption("lint")


class TidyRequest(LintFilesRequest):
    tool_subsystem = Tidy


@dataclass(frozen=True)
class Files:
    """The files that one process looks at: some of the files, or all of them."""

    paths: Tuple[str, ...]
    is_whole: bool

    @property
    def description(self) -> None:
        """Nothing more than the name of the linter."""
        return None


@rule
async def partition(request: TidyRequest.PartitionRequest, tidy: Tidy) -> Partitions:
    if tidy.skip:
        return Partitions()
    tree = await Get(Paths, PathGlobs([f"**/*{ending}" for ending in ENDINGS]))
    paths = tuple(sorted(path for path in request.files if path.endswith(ENDINGS)))
    if not paths:
        return Partitions()
    # Pants cuts the elements of a partition into batches of `[lint].batch_size`, and some rules
    # compare all files.  So there is one element, and the files are what is said about it.
    return Partitions.single_partition(
        [PROGRAM], metadata=Files(paths, set(tree.files) <= set(paths))
    )


@rule(desc="Lint with ci/tidy.py", level=LogLevel.DEBUG)
async def run_tidy(request: TidyRequest.Batch) -> LintResult:
    interpreter = PexRequest(
        output_filename="tidy.pex",
        internal_only=True,
        interpreter_constraints=InterpreterConstraints(["CPython>=3.11,<3.15"]),
    )
    tool = await Get(VenvPex, PexRequest, interpreter)
    files = request.partition_metadata
    inputs = await Get(Digest, PathGlobs([*SOURCES, *files.paths]))
    parts = () if files.is_whole else ("--part",)
    result = await Get(
        FallibleProcessResult,
        VenvPexProcess(
            tool,
            argv=(PROGRAM, *parts, *files.paths),
            input_digest=inputs,
            description=f"Run {PROGRAM} on {len(files.paths)} files",
            level=LogLevel.DEBUG,
        ),
    )
    return LintResult.create(request, result)


def rules():
    return [*collect_rules(), *TidyRequest.rules(), *pex.rules()]
