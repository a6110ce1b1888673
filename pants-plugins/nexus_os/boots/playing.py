"""Playing a test by a program of ours, in a sandbox: what it printed, left behind and reported."""

from __future__ import annotations

import dataclasses
import logging
from dataclasses import dataclass
from typing import Optional, Tuple

from pants.core.goals.test import CoverageData, TestExtraEnv, TestResult, TestSubsystem
from pants.engine.addresses import Address
from pants.engine.fs import (
    EMPTY_DIGEST,
    CreateDigest,
    Digest,
    DigestContents,
    DigestSubset,
    FileContent,
    PathGlobs,
    RemovePrefix,
    Snapshot,
)
from pants.engine.process import FallibleProcessResult, Process, ProcessCacheScope
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.util.frozendict import FrozenDict

from nexus_os.programs import junit
from nexus_os.programs.first_party import ProgramRequest
from nexus_os.programs.program_process import ProgramProcess

logger = logging.getLogger(__name__)

OUT = "out"

# How much longer Pants waits than the program does: time to notice, and to write the logs.
GRACE_SECONDS = 30


@dataclass(frozen=True)
class PlayRequest:
    """A program that plays a test, leaves its files in `OUT`, and ends by itself in time."""

    address: Address
    program: ProgramRequest
    argv: Tuple[str, ...]
    inputs: Digest
    timeout_seconds: int
    description: str


@dataclass(frozen=True)
class Played:
    """The end of a run, the files that it left, and its report under the target's name."""

    process: FallibleProcessResult
    left: Snapshot
    report: Snapshot

    def result(
        self,
        address: Address,
        test_subsystem: TestSubsystem,
        coverage_data: Optional[CoverageData] = None,
    ) -> TestResult:
        """The same for Pants."""
        return TestResult.from_fallible_process_result(
            self.process,
            address=address,
            output_setting=test_subsystem.output,
            coverage_data=coverage_data,
            extra_output=self.left,
            xml_results=self.report,
            log_extra_output=self.process.exit_code != 0,
        )


@dataclass(frozen=True)
class GuestReportRequest:
    address: Address
    result: FallibleProcessResult


@rule
async def play_test(
    request: PlayRequest, test_subsystem: TestSubsystem, test_extra_env: TestExtraEnv
) -> Played:
    process = await Get(
        Process,
        ProgramProcess(
            request.program,
            argv=request.argv,
            inputs=request.inputs,
            extra_env=FrozenDict(test_extra_env.env),
            output_directories=(OUT,),
            timeout_seconds=request.timeout_seconds + GRACE_SECONDS,
            cache_scope=(
                ProcessCacheScope.PER_SESSION
                if test_subsystem.force
                else ProcessCacheScope.SUCCESSFUL
            ),
            description=request.description,
        ),
    )
    result = await Get(FallibleProcessResult, Process, process)
    left, report = await MultiGet(
        Get(Snapshot, RemovePrefix(result.output_digest, OUT))
        if result.output_digest != EMPTY_DIGEST
        else Get(Snapshot, Digest, EMPTY_DIGEST),
        Get(Snapshot, GuestReportRequest(request.address, result)),
    )
    return Played(result, left, report)


@rule
async def report_under_name_of_target(request: GuestReportRequest) -> Snapshot:
    """The runner calls its report `junit.xml`; side by side with others it needs its own name."""
    address, result = request.address, request.result
    found = await Get(
        DigestContents, DigestSubset(result.output_digest, PathGlobs([f"{OUT}/junit.xml"]))
    )
    if found:
        content = found[0].content
    else:
        output = (result.stdout + result.stderr).decode(errors="backslashreplace")
        case = junit.case_of_process(address.spec, result.exit_code)
        content = junit.render(address.spec, [case], output)
    return await Get(
        Snapshot, CreateDigest([FileContent(f"{address.path_safe_spec}.xml", content)])
    )


@dataclass(frozen=True)
class SkipRequest:
    """A test that cannot be played on this machine, and why."""

    address: Address
    reason: str


@dataclass(frozen=True)
class SkippedTest:
    """The result of such a test: nothing was tried, and the report says why."""

    result: TestResult


@rule
async def skip_test(request: SkipRequest, test_subsystem: TestSubsystem) -> SkippedTest:
    address = request.address
    logger.warning(f"{address} is skipped: {request.reason}.")
    case = junit.Case(address.spec, skipped=True, reason=request.reason)
    content = junit.render(address.spec, [case], "")
    report = await Get(
        Snapshot, CreateDigest([FileContent(f"{address.path_safe_spec}.xml", content)])
    )
    bare = TestResult.no_tests_found(address, test_subsystem.output)
    return SkippedTest(dataclasses.replace(bare, xml_results=report))


def rules():
    return collect_rules()
