"""`run` for `guest_run`: in the workspace, so that the output streams and the files stay."""

from __future__ import annotations

from dataclasses import dataclass

from pants.core.goals.run import RunFieldSet, RunInSandboxBehavior, RunRequest
from pants.engine.rules import Get, collect_rules, rule
from pants.util.logging import LogLevel

from nexus_os.boots.boot import Boot, BootRequest
from nexus_os.boots.boot_fields import WorldFields
from nexus_os.images.built_images import require_all
from nexus_os.programs.program_process import WorkspaceProgram
from nexus_os.targets.runs import ImagesField, RunOutField, WorldField


@dataclass(frozen=True)
class GuestRunFieldSet(WorldFields, RunFieldSet):
    # RunOutField distinguishes it from a test, which has the other fields too.
    required_fields = (WorldField, ImagesField, RunOutField)
    run_in_sandbox_behavior = RunInSandboxBehavior.NOT_SUPPORTED

    out: RunOutField


@rule(desc="Prepare a world", level=LogLevel.DEBUG)
async def prepare_guest_run(field_set: GuestRunFieldSet) -> RunRequest:
    boot = await Get(Boot, BootRequest, field_set.boot_request)
    require_all(field_set.address, boot.missing)
    out = field_set.out.value or f"dist/{field_set.address.target_name}"
    return await Get(
        RunRequest,
        WorkspaceProgram(boot.program, boot.argv(out, prefix="{chroot}"), boot.inputs),
    )


def rules():
    return [*collect_rules(), *GuestRunFieldSet.rules()]
