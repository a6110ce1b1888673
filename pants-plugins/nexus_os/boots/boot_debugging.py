"""`test --debug` for guest and world tests: the same run, in the foreground, with a debugger on it.

    ./pants test --debug path/to:test -- --gdb A=1234

What follows `--` goes to the runner.  It runs in the workspace, since a debugger connects from
outside of any sandbox, and without the test's limit of wall time, since a person takes time.
"""

from __future__ import annotations

from typing import Any  # Any: Pants gives batches of tests no metadata.

from pants.core.goals.run import RunRequest
from pants.core.goals.test import TestDebugRequest, TestSubsystem
from pants.engine.env_vars import CompleteEnvironmentVars
from pants.engine.process import InteractiveProcess
from pants.engine.rules import Get, collect_rules, rule
from pants.util.logging import LogLevel

from nexus_os.boots.boot import Boot, BootRequest
from nexus_os.boots.boot_fields import BootTest
from nexus_os.boots.boot_testing import (
    BootTesting,
    MarkerTestFieldSet,
    MarkerTestRequest,
    WorldTestFieldSet,
    WorldTestRequest,
)
from nexus_os.images.built_images import require_all
from nexus_os.programs.program_process import WorkspaceProgram


@rule(desc="Prepare to debug a node", level=LogLevel.DEBUG)
async def debug_marker_test(
    batch: MarkerTestRequest.Batch[MarkerTestFieldSet, Any],
) -> TestDebugRequest:
    return await Get(TestDebugRequest, BootTest, batch.single_element.boot_test)


@rule(desc="Prepare to debug a world", level=LogLevel.DEBUG)
async def debug_world_test(
    batch: WorldTestRequest.Batch[WorldTestFieldSet, Any],
) -> TestDebugRequest:
    return await Get(TestDebugRequest, BootTest, batch.single_element.boot_test)


@rule
async def debug_boot_test(
    test: BootTest,
    boot_testing: BootTesting,
    test_subsystem: TestSubsystem,
    complete_env: CompleteEnvironmentVars,
) -> TestDebugRequest:
    boot = await Get(Boot, BootRequest, test.boot)
    require_all(test.address, boot.missing)
    out = f"dist/debug/{test.address.path_safe_spec}"
    argv = (*boot.argv(out, prefix="{chroot}"), *test.verdict_argv, *boot_testing.args)
    run = await Get(RunRequest, WorkspaceProgram(boot.program, argv, boot.inputs))
    return TestDebugRequest(
        InteractiveProcess(
            argv=run.args,
            env={**complete_env, **run.extra_env},
            input_digest=run.digest,
            run_in_workspace=True,
            restartable=True,
            immutable_input_digests=run.immutable_input_digests,
            append_only_caches=run.append_only_caches,
        )
    )


def rules():
    return collect_rules()
