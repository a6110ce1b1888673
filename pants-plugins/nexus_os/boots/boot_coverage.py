"""`test --use-coverage`: what guest and world tests execute of the guest, in one report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import Tuple

from pants.core.goals.test import (
    ConsoleCoverageReport,
    CoverageData,
    CoverageDataCollection,
    CoverageReports,
    FilesystemCoverageReport,
)
from pants.core.util_rules.distdir import DistDir
from pants.engine.addresses import Address
from pants.engine.fs import (
    AddPrefix,
    Digest,
    DigestSubset,
    MergeDigests,
    PathGlobs,
    RemovePrefix,
    Snapshot,
)
from pants.engine.process import ProcessResult
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.unions import UnionRule

from nexus_os.boots.boot import BootRequest
from nexus_os.images.lines import BuiltLines, LinesRequest
from nexus_os.options import NexusOs
from nexus_os.programs.first_party import ProgramRequest
from nexus_os.programs.program_process import ProgramProcess
from nexus_os.references.addresses import ImageReferences, ImageTargets
from nexus_os.targets.images import Rv64GuestImage, Rv64SystemImage

# The runner's options, what it writes, and where a report goes.
COVERAGE = "coverage.json"
REPORT = "report"
FOLDER = PurePath("coverage", "guest")

# The files whose text the page shows, if the repository has them.
_SOURCES = ("**/*.zig", "**/*.c", "**/*.S", "**/*.h")


@dataclass(frozen=True)
class BootLines:
    """The lines of all images of a test that are compiled here."""

    digest: Digest
    paths: Tuple[str, ...]

    @property
    def argv(self) -> Tuple[str, ...]:
        """The runner's options that ask for a record."""
        return ("--coverage", *(word for path in self.paths for word in ("--lines", path)))


@dataclass(frozen=True)
class GuestCoverageData(CoverageData):
    """The record of one test's executed code, and the lines of its images."""

    address: Address
    executed: Digest
    lines: Digest
    lines_paths: Tuple[str, ...]


class GuestCoverageCollection(CoverageDataCollection):
    element_type = GuestCoverageData


@rule
async def find_boot_lines(request: BootRequest) -> BootLines:
    references = request.images
    found = await Get(ImageTargets, ImageReferences, references)
    names = [
        name for name, it in found.targets if isinstance(it, (Rv64GuestImage, Rv64SystemImage))
    ]
    built = await MultiGet(
        Get(
            BuiltLines,
            LinesRequest(
                references.owner,
                references.field,
                references.images[name],
                f"{references.owner.path_safe_spec}.{name}.lines.json",
            ),
        )
        for name in names
    )
    digest = await Get(Digest, MergeDigests(it.digest for it in built))
    return BootLines(digest, tuple(path for it in built for path in it.paths))


@dataclass(frozen=True)
class _Executed:
    data: GuestCoverageData


@dataclass(frozen=True)
class _ExecutedFile:
    digest: Digest
    paths: Tuple[str, ...]


@rule
async def name_executed(request: _Executed) -> _ExecutedFile:
    """Each test's file in a folder of its own; a test that did not run has none."""
    data = request.data
    found = await Get(Snapshot, DigestSubset(data.executed, PathGlobs([COVERAGE])))
    folder = data.address.path_safe_spec
    digest = await Get(Digest, AddPrefix(found.digest, folder))
    return _ExecutedFile(digest, tuple(f"{folder}/{path}" for path in found.files))


@rule(desc="Merge the coverage of guests")
async def report_guest_coverage(
    collection: GuestCoverageCollection, nexus_os: NexusOs, dist_dir: DistDir
) -> CoverageReports:
    executed = await MultiGet(Get(_ExecutedFile, _Executed(data)) for data in collection)
    sources = await Get(Snapshot, PathGlobs(_SOURCES))
    digests = (it.digest for it in executed)
    inputs = await Get(
        Digest, MergeDigests((*digests, *(data.lines for data in collection), sources.digest))
    )
    runs = sorted(path for it in executed for path in it.paths)
    lines = sorted({path for data in collection for path in data.lines_paths})
    if not runs or not lines:
        return CoverageReports(())
    result = await Get(
        ProcessResult,
        ProgramProcess(
            ProgramRequest(nexus_os.coverage_module),
            argv=(
                *runs,
                *(word for path in lines for word in ("--lines", path)),
                "--sources",
                ".",
                "--out",
                REPORT,
            ),
            inputs=inputs,
            output_directories=(REPORT,),
            description="Merge the coverage of guests",
        ),
    )
    report = await Get(Snapshot, RemovePrefix(result.output_digest, REPORT))
    folder = dist_dir.relpath / FOLDER
    return CoverageReports(
        (
            ConsoleCoverageReport(False, _summary(result.stdout.decode())),
            FilesystemCoverageReport(False, report, folder, folder / "index.html", "guest"),
        )
    )


def _summary(output: str) -> str:
    """The figures of the parts; the files are in the report."""
    return output.partition("\n\n")[2].rpartition("\n")[0].rpartition("\n")[0]


def rules():
    return [*collect_rules(), UnionRule(CoverageDataCollection, GuestCoverageCollection)]
