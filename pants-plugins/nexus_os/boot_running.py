"""`run` for `guest_run`: in the workspace, so that the output streams and the files stay."""

from __future__ import annotations

from dataclasses import dataclass

from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.backend.python.util_rules.pex import VenvPex, VenvPexRequest
from pants.backend.python.util_rules.pex_environment import PexEnvironment, PythonExecutable
from pants.core.goals.run import RunFieldSet, RunInSandboxBehavior, RunRequest
from pants.engine.fs import Digest, MergeDigests
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.util.logging import LogLevel

from nexus_os.boot import Boot, BootRequest
from nexus_os.boot_requests import world_request
from nexus_os.run_targets import (
    BudgetField,
    ExtraArgsField,
    ImagesField,
    RunOutField,
    SeedField,
    TranslationsField,
    WorldField,
)


@dataclass(frozen=True)
class GuestRunFieldSet(RunFieldSet):
    # RunOutField tells it from a test, which has the other fields too.
    required_fields = (WorldField, ImagesField, RunOutField)
    run_in_sandbox_behavior = RunInSandboxBehavior.NOT_SUPPORTED

    world: WorldField
    images: ImagesField
    out: RunOutField
    seed: SeedField
    budget_ms: BudgetField
    extra_args: ExtraArgsField
    translations: TranslationsField


@rule(desc="Prepare a world", level=LogLevel.DEBUG)
async def prepare_guest_run(field_set: GuestRunFieldSet, pex_env: PexEnvironment) -> RunRequest:
    boot = await Get(Boot, BootRequest, world_request(field_set))
    pex_request = boot.program.pex_request
    workspace = pex_env.in_workspace()
    tool, python = await MultiGet(
        Get(VenvPex, VenvPexRequest(pex_request, workspace)),
        Get(PythonExecutable, InterpreterConstraints, pex_request.interpreter_constraints),
    )
    digest = await Get(Digest, MergeDigests((tool.digest, boot.inputs)))
    out = field_set.out.value or f"dist/{field_set.address.target_name}"
    return RunRequest(
        digest=digest,
        args=("{chroot}/" + tool.pex.argv0, *boot.argv(out, prefix="{chroot}")),
        extra_env={
            **workspace.environment_dict(python=python),
            **boot.program.environment("{chroot}/"),
        },
        append_only_caches={**workspace.append_only_caches, **(tool.append_only_caches or {})},
    )


def rules():
    return [*collect_rules(), *GuestRunFieldSet.rules()]
