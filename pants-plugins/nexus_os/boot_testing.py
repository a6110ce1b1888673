"""`test` for `guest_marker_test` and `two_vm_test`: the runner, in a sandbox, cached."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional, Tuple

from pants.core.goals.test import (
    TestExtraEnv,
    TestFieldSet,
    TestRequest,
    TestResult,
    TestSubsystem,
)
from pants.engine.addresses import Address
from pants.engine.fs import (
    EMPTY_DIGEST,
    CreateDigest,
    Digest,
    DigestContents,
    DigestSubset,
    FileContent,
    MergeDigests,
    PathGlobs,
    RemovePrefix,
    Snapshot,
)
from pants.engine.process import FallibleProcessResult, Process, ProcessCacheScope
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import Target
from pants.option.option_types import ArgsListOption, SkipOption
from pants.option.subsystem import Subsystem
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

from nexus_os import junit
from nexus_os.boot import Boot, BootRequest
from nexus_os.boot_coverage import BootLines, GuestCoverageData
from nexus_os.boot_requests import marker_test_request, world_request
from nexus_os.outcome_fields import TestMessageField, TestOutcomeField
from nexus_os.program_process import ProgramProcess
from nexus_os.run_targets import (
    BudgetField,
    ExtraArgsField,
    ImagesField,
    MarkerTestConfigField,
    MarkerTestExpectField,
    MarkerTestForbidField,
    MarkerTestImageField,
    SeedField,
    SkipTestField,
    TimeoutField,
    TranslationsField,
    WorldField,
)

OUT = "out"

# How much longer Pants waits than the runner does: time to notice, and to write the logs.
GRACE_SECONDS = 30


class BootTesting(Subsystem):
    options_scope = "boot-testing"
    name = "guest marker tests and world tests"
    help = "The `test` goal for `guest_marker_test` and `two_vm_test` targets."

    skip = SkipOption("test")
    args = ArgsListOption(
        example="--gdb A=1234",
        passthrough=True,
        tool_name="the runner, with `test --debug` alone",
    )


@dataclass(frozen=True)
class MarkerTestFieldSet(TestFieldSet):
    required_fields = (MarkerTestImageField, MarkerTestConfigField)

    image: MarkerTestImageField
    config: MarkerTestConfigField
    expect: MarkerTestExpectField
    forbid: MarkerTestForbidField
    outcome: TestOutcomeField
    message: TestMessageField
    seed: SeedField
    budget_ms: BudgetField
    extra_args: ExtraArgsField
    translations: TranslationsField
    timeout: TimeoutField

    @classmethod
    def opt_out(cls, tgt: Target) -> bool:
        return tgt.get(SkipTestField).value is not None


@dataclass(frozen=True)
class WorldTestFieldSet(TestFieldSet):
    required_fields = (WorldField, ImagesField, TestOutcomeField)

    world: WorldField
    images: ImagesField
    outcome: TestOutcomeField
    message: TestMessageField
    seed: SeedField
    budget_ms: BudgetField
    extra_args: ExtraArgsField
    translations: TranslationsField
    timeout: TimeoutField

    @classmethod
    def opt_out(cls, tgt: Target) -> bool:
        return tgt.get(SkipTestField).value is not None


class MarkerTestRequest(TestRequest):
    tool_subsystem = BootTesting
    field_set_type = MarkerTestFieldSet
    supports_debug = True


class WorldTestRequest(TestRequest):
    tool_subsystem = BootTesting
    field_set_type = WorldTestFieldSet
    supports_debug = True


@dataclass(frozen=True)
class BootTest:
    """Either kind of test, in the terms of the runner."""

    address: Address
    boot: BootRequest
    outcome: str
    message: Optional[str]
    timeout_seconds: int

    @property
    def is_on_qemu(self) -> bool:
        """Whether real QEMU is asked for, which records nothing."""
        words = " ".join(self.boot.extra_args).replace("=", " ").split()
        return ("--engine", "qemu") in zip(words, words[1:])

    @property
    def argv(self) -> Tuple[str, ...]:
        """What the runner must know to be a test, besides what to boot."""
        outcome, wanted = self.verdict_argv[:2], self.verdict_argv[2:]
        return (*outcome, "--wall-seconds", str(self.timeout_seconds), *wanted)

    @property
    def verdict_argv(self) -> Tuple[str, ...]:
        """What it must end with."""
        wanted = ["--expect-outcome", self.outcome]
        if self.message is not None:
            wanted += ["--expect-message", self.message]
        return tuple(wanted)


@dataclass(frozen=True)
class FinishedBootTest:
    """A result on its way to Pants, which would print a bare one once for every rule it passes."""

    result: TestResult


@rule(desc="Boot a node", level=LogLevel.DEBUG)
async def run_marker_test(
    batch: MarkerTestRequest.Batch[MarkerTestFieldSet, Any],
) -> TestResult:
    field_set = batch.single_element
    finished = await Get(
        FinishedBootTest,
        BootTest(
            field_set.address,
            marker_test_request(field_set),
            field_set.outcome.value or "",
            field_set.message.value,
            field_set.timeout.value or 0,
        ),
    )
    return finished.result


@rule(desc="Boot a world", level=LogLevel.DEBUG)
async def run_world_test(batch: WorldTestRequest.Batch[WorldTestFieldSet, Any]) -> TestResult:
    field_set = batch.single_element
    finished = await Get(
        FinishedBootTest,
        BootTest(
            field_set.address,
            world_request(field_set),
            field_set.outcome.value or "",
            field_set.message.value,
            field_set.timeout.value or 0,
        ),
    )
    return finished.result


@dataclass(frozen=True)
class GuestReportRequest:
    address: Address
    result: FallibleProcessResult


@rule(desc="Boot and judge", level=LogLevel.DEBUG)
async def run_boot_test(
    test: BootTest,
    test_subsystem: TestSubsystem,
    test_extra_env: TestExtraEnv,
) -> FinishedBootTest:
    boot = await Get(Boot, BootRequest, test.boot)
    recorded, inputs = None, boot.inputs
    if test_subsystem.use_coverage and not test.is_on_qemu:
        recorded = await Get(BootLines, BootRequest, test.boot)
        inputs = await Get(Digest, MergeDigests((inputs, recorded.digest)))
    process = await Get(
        Process,
        ProgramProcess(
            boot.program,
            argv=(*boot.argv(OUT), *test.argv, *(recorded.argv if recorded else ())),
            inputs=inputs,
            extra_env=FrozenDict(test_extra_env.env),
            output_directories=(OUT,),
            timeout_seconds=test.timeout_seconds + GRACE_SECONDS,
            cache_scope=(
                ProcessCacheScope.PER_SESSION
                if test_subsystem.force
                else ProcessCacheScope.SUCCESSFUL
            ),
            description=f"Boot {test.address}",
        ),
    )
    result = await Get(FallibleProcessResult, Process, process)
    left, report = await MultiGet(
        Get(Snapshot, RemovePrefix(result.output_digest, OUT))
        if result.output_digest != EMPTY_DIGEST
        else Get(Snapshot, Digest, EMPTY_DIGEST),
        Get(Snapshot, GuestReportRequest(test.address, result)),
    )
    return FinishedBootTest(
        TestResult.from_fallible_process_result(
            result,
            address=test.address,
            output_setting=test_subsystem.output,
            coverage_data=_coverage_data(test.address, left.digest, recorded),
            extra_output=left,
            xml_results=report,
            log_extra_output=result.exit_code != 0,
        )
    )


def _coverage_data(
    address: Address, left: Digest, recorded: Optional[BootLines]
) -> Optional[GuestCoverageData]:
    if recorded is None:
        return None
    return GuestCoverageData(address, left, recorded.digest, recorded.paths)


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


def rules():
    return [*collect_rules(), *MarkerTestRequest.rules(), *WorldTestRequest.rules()]
