"""`lint` for schemas: what peers of the last release rely on must stay."""

from __future__ import annotations

from dataclasses import dataclass

from pants.core.goals.lint import LintResult, LintTargetsRequest
from pants.core.target_types import FileSourceField
from pants.core.util_rules.partitions import Partition, PartitionMetadataT, Partitions
from pants.core.util_rules.source_files import SourceFiles, SourceFilesRequest
from pants.engine.addresses import UnparsedAddressInputs
from pants.engine.fs import Digest, MergeDigests
from pants.engine.process import FallibleProcessResult, Process
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import FieldSet, SourcesField, Target, Targets
from pants.option.option_types import SkipOption
from pants.option.subsystem import Subsystem
from pants.util.logging import LogLevel

from nexus_os.options import NexusOs
from nexus_os.programs.first_party import ProgramRequest
from nexus_os.programs.program_process import ProgramProcess
from nexus_os.targets.capnp import CapnpReleasedField, CapnpSourcesField


class CapnpEvolution(Subsystem):
    options_scope = "capnp-evolution"
    name = "schema evolution"
    help = "Schemas of `capnp_schema` targets, held to those that their field `released` names."

    skip = SkipOption("lint")


@dataclass(frozen=True)
class CapnpEvolutionFieldSet(FieldSet):
    required_fields = (CapnpSourcesField, CapnpReleasedField)

    sources: CapnpSourcesField
    released: CapnpReleasedField

    @classmethod
    def opt_out(cls, tgt: Target) -> bool:
        return tgt.get(CapnpReleasedField).value is None


class CapnpEvolutionRequest(LintTargetsRequest):
    field_set_type = CapnpEvolutionFieldSet
    tool_subsystem = CapnpEvolution


@rule
async def partition_schemas(
    request: CapnpEvolutionRequest.PartitionRequest[CapnpEvolutionFieldSet],
    evolution: CapnpEvolution,
) -> Partitions:
    if evolution.skip:
        return Partitions()
    return Partitions(Partition((each,), _Owner(str(each.address))) for each in request.field_sets)


@dataclass(frozen=True)
class _Owner:
    """Whose schemas a partition holds."""

    description: str


@rule(desc="Hold schemas to the released ones", level=LogLevel.DEBUG)
async def lint_schemas(
    request: CapnpEvolutionRequest.Batch[CapnpEvolutionFieldSet, PartitionMetadataT],
    nexus_os: NexusOs,
) -> LintResult:
    (field_set,) = request.elements
    field = field_set.released
    released = await Get(
        Targets,
        UnparsedAddressInputs(
            (field.value or "",),
            owning_address=field.address,
            description_of_origin=f"the `{field.alias}` field of {field.address}",
        ),
    )
    old, new = await MultiGet(
        Get(
            SourceFiles,
            SourceFilesRequest(
                [target.get(SourcesField) for target in released],
                for_sources_types=(FileSourceField,),
            ),
        ),
        Get(SourceFiles, SourceFilesRequest([field_set.sources])),
    )
    inputs = await Get(Digest, MergeDigests((old.snapshot.digest, new.snapshot.digest)))
    process = await Get(
        Process,
        ProgramProcess(
            ProgramRequest(nexus_os.evolution_module),
            argv=("--released", *old.files, "--current", *new.files),
            inputs=inputs,
            description=f"Hold {field_set.address} to the released schemas",
        ),
    )
    return LintResult.create(request, await Get(FallibleProcessResult, Process, process))


def rules():
    return [*collect_rules(), *CapnpEvolutionRequest.rules()]
