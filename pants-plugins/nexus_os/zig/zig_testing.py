"""`test` for `zig_test`: the test blocks of a module, compiled for and run on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any  # Any: Pants gives batches of tests no metadata.

from pants.core.goals.test import TestFieldSet, TestRequest, TestResult, TestSubsystem
from pants.engine.fs import CreateDigest, FileContent, Snapshot
from pants.engine.process import FallibleProcessResult, Process, ProcessCacheScope
from pants.engine.rules import Get, collect_rules, rule
from pants.option.option_types import SkipOption
from pants.option.subsystem import Subsystem
from pants.util.logging import LogLevel

from nexus_os.inference.named_module import NamedZigModule
from nexus_os.programs import junit
from nexus_os.targets.zig import ZigModuleAddressField, ZigTestTimeoutField
from nexus_os.zig.zig_modules import ZigProgram, ZigProgramRequest
from nexus_os.zig.zig_tool import ZigProcess


class ZigTesting(Subsystem):
    options_scope = "zig-testing"
    name = "zig tests"
    help = "The `test` goal for `zig_test` targets."

    skip = SkipOption("test")


@dataclass(frozen=True)
class ZigTestFieldSet(TestFieldSet):
    required_fields = (ZigModuleAddressField, ZigTestTimeoutField)

    module: ZigModuleAddressField
    timeout: ZigTestTimeoutField


class ZigTestRequest(TestRequest):
    tool_subsystem = ZigTesting
    field_set_type = ZigTestFieldSet


@rule(desc="Run zig tests", level=LogLevel.DEBUG)
async def run_zig_test(
    batch: ZigTestRequest.Batch[ZigTestFieldSet, Any], test_subsystem: TestSubsystem
) -> TestResult:
    field_set = batch.single_element
    tested = await Get(NamedZigModule, ZigModuleAddressField, field_set.module)
    program = await Get(ZigProgram, ZigProgramRequest(tested.module))
    process = await Get(
        Process,
        ZigProcess(
            # A plain CPU of this architecture: a cached result must hold on every machine that
            # shares the cache.
            argv=("test", "-mcpu=baseline", *program.module_argv),
            inputs=program.sources,
            timeout_seconds=field_set.timeout.value,
            cache_scope=(
                ProcessCacheScope.PER_SESSION
                if test_subsystem.force
                else ProcessCacheScope.SUCCESSFUL
            ),
            description=f"Test {tested.module.address}",
        ),
    )
    result = await Get(FallibleProcessResult, Process, process)
    output = result.stderr.decode(errors="backslashreplace")
    cases = junit.cases_of_zig(output, result.exit_code, field_set.address.spec)
    report = junit.render(field_set.address.spec, cases, output)
    report_snapshot = await Get(
        Snapshot,
        CreateDigest([FileContent(f"{field_set.address.path_safe_spec}.xml", report)]),
    )
    return TestResult.from_fallible_process_result(
        result,
        address=field_set.address,
        output_setting=test_subsystem.output,
        xml_results=report_snapshot,
    )


def rules():
    return [*collect_rules(), *ZigTestRequest.rules()]
