"""`run` for `fault_campaign`: in the workspace, where its scenarios are and its files stay."""

from __future__ import annotations

import os.path
from dataclasses import dataclass
from typing import Tuple

from pants.core.goals.run import RunFieldSet, RunInSandboxBehavior, RunRequest, RunSubsystem
from pants.engine.fs import Digest, MergeDigests
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.util.logging import LogLevel

from nexus_os.boots.boot_fields import EngineFields, named_images
from nexus_os.emulator.native_code import NativeCode, NativeCodeRequest
from nexus_os.emulator.translation import BuiltTranslations, TranslationsReference
from nexus_os.faults.campaign_spreading import BATCHES, Spread, SpreadRequest
from nexus_os.images.built_images import BuiltImages, require_all
from nexus_os.options import NexusOs
from nexus_os.programs.first_party import ProgramRequest
from nexus_os.programs.program_process import WorkspaceProgram
from nexus_os.references.addresses import ImageReferences, path_from_build_file
from nexus_os.targets.campaigns import ScenariosField
from nexus_os.targets.runs import ImagesField, RunOutField


@dataclass(frozen=True)
class FaultCampaignFieldSet(EngineFields, RunFieldSet):
    required_fields = (ScenariosField, ImagesField, RunOutField)
    run_in_sandbox_behavior = RunInSandboxBehavior.NOT_SUPPORTED

    scenarios: ScenariosField
    images: ImagesField
    out: RunOutField


@rule(desc="Prepare a campaign", level=LogLevel.DEBUG)
async def prepare_campaign(
    field_set: FaultCampaignFieldSet, nexus_os: NexusOs, run_subsystem: RunSubsystem
) -> RunRequest:
    owner = field_set.address
    images, native, translations = await MultiGet(
        Get(BuiltImages, ImageReferences, named_images(field_set.images, owner)),
        Get(NativeCode, NativeCodeRequest()),
        Get(BuiltTranslations, TranslationsReference, field_set.translations_reference),
    )
    require_all(owner, images.missing)
    code = await Get(Digest, MergeDigests((images.digest, native.digest, translations.digest)))
    files = [path_from_build_file(owner, text) for text in field_set.scenarios.value or ()]
    scenarios = tuple(os.path.normpath(path) for path in files)

    def code_argv(prefix: str) -> Tuple[str, ...]:
        argv = []
        for name, path in images.paths:
            argv += ["--image", f"{name}={os.path.join(prefix, path)}"]
        if native.path is not None:
            argv += ["--native-blob", os.path.join(prefix, native.path)]
            if translations.path is not None:
                argv += ["--translations", os.path.join(prefix, translations.path)]
        return tuple(argv)

    given = field_set.extra_args.value or ()
    asked = SpreadRequest(owner, scenarios, code_argv(""), code, (*given, *run_subsystem.args))
    gathered: Tuple[str, ...] = ()
    if asked.is_asked_for:
        spread = await Get(Spread, SpreadRequest, asked)
        code = await Get(Digest, MergeDigests((code, spread.digest)))
        gathered = ("--gather", f"{{chroot}}/{BATCHES}") if spread.is_planned else ()
    out = field_set.out.value or f"dist/{owner.target_name}"
    told = ("--out", out, "--target", owner.spec)
    return await Get(
        RunRequest,
        WorkspaceProgram(
            ProgramRequest(nexus_os.campaign_module),
            (*scenarios, *code_argv("{chroot}"), *told, *gathered, *given),
            code,
        ),
    )


def rules():
    return [*collect_rules(), *FaultCampaignFieldSet.rules()]
