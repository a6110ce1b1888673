"""`check` for node and world configurations, by the program that will read them at run time."""

from __future__ import annotations

from dataclasses import dataclass

from pants.core.goals.check import CheckRequest, CheckResult, CheckResults
from pants.core.target_types import FileSourceField
from pants.core.util_rules.source_files import SourceFiles, SourceFilesRequest
from pants.engine.process import FallibleProcessResult, Process
from pants.engine.rules import Get, collect_rules, rule
from pants.engine.target import (
    FieldSet,
    SourcesField,
    Target,
    TransitiveTargets,
    TransitiveTargetsRequest,
)
from pants.engine.unions import UnionRule
from pants.option.option_types import SkipOption
from pants.option.subsystem import Subsystem
from pants.util.logging import LogLevel

from nexus_os.options import NexusOs
from nexus_os.programs.first_party import ProgramRequest
from nexus_os.programs.program_process import ProgramProcess
from nexus_os.targets.configs import ConfigSourceField, SkipConfigCheckField


class ConfigCheck(Subsystem):
    options_scope = "config-check"
    name = "configuration check"
    help = "Validation of `node_config` and `world_config` targets."

    skip = SkipOption("check")


@dataclass(frozen=True)
class ConfigFieldSet(FieldSet):
    required_fields = (ConfigSourceField,)

    source: ConfigSourceField

    @classmethod
    def opt_out(cls, tgt: Target) -> bool:
        return tgt.get(SkipConfigCheckField).value


class ConfigCheckRequest(CheckRequest):
    field_set_type = ConfigFieldSet
    tool_name = ConfigCheck.options_scope


@rule(desc="Validate configurations", level=LogLevel.DEBUG)
async def check_configs(
    request: ConfigCheckRequest, config_check: ConfigCheck, nexus_os: NexusOs
) -> CheckResults:
    if config_check.skip:
        return CheckResults([], checker_name=request.tool_name)
    # A world is judged together with the node files it names.
    closure = await Get(
        TransitiveTargets, TransitiveTargetsRequest([fs.address for fs in request.field_sets])
    )
    files = await Get(
        SourceFiles,
        SourceFilesRequest(
            [t[SourcesField] for t in closure.closure if t.has_field(SourcesField)],
            for_sources_types=(ConfigSourceField, FileSourceField),
        ),
    )
    process = await Get(
        Process,
        ProgramProcess(
            ProgramRequest(nexus_os.check_module),
            argv=tuple(sorted(fs.source.file_path for fs in request.field_sets)),
            inputs=files.snapshot.digest,
            description=f"Validate {len(request.field_sets)} configurations",
        ),
    )
    result = await Get(FallibleProcessResult, Process, process)
    return CheckResults(
        [CheckResult.from_fallible_process_result(result)], checker_name=request.tool_name
    )


def rules():
    return [*collect_rules(), UnionRule(CheckRequest, ConfigCheckRequest)]
