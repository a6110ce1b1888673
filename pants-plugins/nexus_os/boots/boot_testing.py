"""`test` for `guest_marker_test` and `two_vm_test`: the runner, in a sandbox, cached."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional  # Any: Pants gives batches of tests no metadata.

from pants.core.goals.test import TestFieldSet, TestRequest, TestResult, TestSubsystem
from pants.engine.addresses import Address
from pants.engine.fs import Digest, MergeDigests
from pants.engine.rules import Get, collect_rules, rule
from pants.option.option_types import ArgsListOption, SkipOption
from pants.option.subsystem import Subsystem
from pants.util.logging import LogLevel

from nexus_os.boots.boot import Boot, BootRequest
from nexus_os.boots.boot_coverage import BootLines, GuestCoverageData
from nexus_os.boots.boot_fields import BootTest, JudgedFields, MarkerFields, WorldFields
from nexus_os.boots.playing import OUT, Played, PlayRequest, SkippedTest, SkipRequest
from nexus_os.targets.outcomes import TestOutcomeField
from nexus_os.targets.runs import (
    ImagesField,
    MarkerTestConfigField,
    MarkerTestImageField,
    WorldField,
)


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
class MarkerTestFieldSet(MarkerFields, JudgedFields, TestFieldSet):
    required_fields = (MarkerTestImageField, MarkerTestConfigField)


@dataclass(frozen=True)
class WorldTestFieldSet(WorldFields, JudgedFields, TestFieldSet):
    required_fields = (WorldField, ImagesField, TestOutcomeField)


class MarkerTestRequest(TestRequest):
    tool_subsystem = BootTesting
    field_set_type = MarkerTestFieldSet
    supports_debug = True


class WorldTestRequest(TestRequest):
    tool_subsystem = BootTesting
    field_set_type = WorldTestFieldSet
    supports_debug = True


@dataclass(frozen=True)
class FinishedBootTest:
    """A result on its way to Pants, which would print a bare one once for every rule it passes."""

    result: TestResult


@rule(desc="Boot a node", level=LogLevel.DEBUG)
async def run_marker_test(
    batch: MarkerTestRequest.Batch[MarkerTestFieldSet, Any],
) -> TestResult:
    finished = await Get(FinishedBootTest, BootTest, batch.single_element.boot_test)
    return finished.result


@rule(desc="Boot a world", level=LogLevel.DEBUG)
async def run_world_test(batch: WorldTestRequest.Batch[WorldTestFieldSet, Any]) -> TestResult:
    finished = await Get(FinishedBootTest, BootTest, batch.single_element.boot_test)
    return finished.result


@rule(desc="Boot and judge", level=LogLevel.DEBUG)
async def run_boot_test(test: BootTest, test_subsystem: TestSubsystem) -> FinishedBootTest:
    boot = await Get(Boot, BootRequest, test.boot)
    if boot.missing:
        skipped = await Get(SkippedTest, SkipRequest(test.address, boot.missing[0]))
        return FinishedBootTest(skipped.result)
    recorded, inputs = None, boot.inputs
    if test_subsystem.use_coverage and not test.is_on_qemu:
        recorded = await Get(BootLines, BootRequest, test.boot)
        inputs = await Get(Digest, MergeDigests((inputs, recorded.digest)))
    played = await Get(
        Played,
        PlayRequest(
            test.address,
            boot.program,
            (*boot.argv(OUT), *test.argv, *(recorded.argv if recorded else ())),
            inputs,
            test.timeout_seconds,
            f"Boot {test.address}",
        ),
    )
    coverage_data = _coverage_data(test.address, played.left.digest, recorded)
    return FinishedBootTest(played.result(test.address, test_subsystem, coverage_data))


def _coverage_data(
    address: Address, left: Digest, recorded: Optional[BootLines]
) -> Optional[GuestCoverageData]:
    if recorded is None:
        return None
    return GuestCoverageData(address, left, recorded.digest, recorded.paths)


def rules():
    return [*collect_rules(), *MarkerTestRequest.rules(), *WorldTestRequest.rules()]
