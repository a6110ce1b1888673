"""A campaign in batches, each an ordinary process that caches keep.

The program says which batches there are (`--plan`), plays them one by one, and in the end puts
together what they have found (`--gather`); here is only how they become processes.
"""

from __future__ import annotations

import json
import os.path
from dataclasses import dataclass
from typing import Any, Mapping, Tuple  # Any: JSON, as it is read.

from pants.core.target_types import FileSourceField
from pants.core.util_rules.source_files import SourceFiles, SourceFilesRequest
from pants.engine.addresses import Address
from pants.engine.env_vars import CompleteEnvironmentVars
from pants.engine.fs import (
    EMPTY_DIGEST,
    CreateDigest,
    Digest,
    DigestContents,
    FileContent,
    MergeDigests,
    Snapshot,
)
from pants.engine.internals.session import SessionValues
from pants.engine.process import FallibleProcessResult, Process
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import SourcesField, TransitiveTargets, TransitiveTargetsRequest
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel
from pants.vcs.git import GitWorktreeRequest, MaybeGitWorktree

from nexus_os.faults.fault_world_testing import NamedFile, beside
from nexus_os.options import NexusOs
from nexus_os.programs.first_party import ProgramRequest
from nexus_os.programs.program_process import ProgramProcess
from nexus_os.references.addresses import ConfigReference, ConfigTarget
from nexus_os.references.config_references import parse
from nexus_os.targets.campaigns import ScenariosField
from nexus_os.targets.configs import ConfigSourceField, WorldConfig

# The option that asks for batches, and the folder where the program then finds their files.
SPREAD = "--spread"
BATCHES = "batches"

# A thousand seeds of some seconds each; one that hangs must end.  Servers bound what they execute,
# too, ours by two hours, and refuse what asks for more.
BATCH_SECONDS_MAX = 3600
# A mistake in the arguments, which the program itself is to report.
EXIT_CONFIG = 20
_COMMIT = "NEXUS_COMMIT"
_ENDING_CHARS_MAX = 500


class PlanError(Exception):
    """The program did not say which batches there are."""


@dataclass(frozen=True)
class SpreadRequest:
    """A campaign: its scenarios, what runs them, and what was asked of the program."""

    owner: Address
    scenarios: Tuple[str, ...]
    code_argv: Tuple[str, ...]
    code: Digest
    arguments: Tuple[str, ...]

    @property
    def is_asked_for(self) -> bool:
        """Whether batches are wanted."""
        return any(word.partition("=")[0] == SPREAD for word in self.arguments)


@dataclass(frozen=True)
class Spread:
    """The files of all batches, each in a folder of its name below `BATCHES`.

    Without a plan nothing was played: the program says why, since it is given the same arguments.
    """

    digest: Digest
    is_planned: bool


@dataclass(frozen=True)
class ScenarioRequest:
    owner: Address
    path: str


@dataclass(frozen=True)
class ScenarioFiles:
    """All files that a scenario names: itself, its world, the nodes, and its oracles."""

    digest: Digest


@dataclass(frozen=True)
class Batch:
    """A part of the campaign, as the program plans it."""

    name: str
    scenario: str
    arguments: Tuple[str, ...]


@rule
async def find_files_of_scenario(request: ScenarioRequest) -> ScenarioFiles:
    owner, path, field = request.owner, request.path, ScenariosField.alias
    scenario = await Get(Snapshot, NamedFile(owner, field, path, ".toml"))
    contents = await Get(DigestContents, Digest, scenario.digest)
    content = parse(contents[0].content.decode(errors="replace"))
    named, names = content.get("world"), content.get("oracles", [])
    if not isinstance(named, str) or not isinstance(names, list):
        # The program says what is wrong: it reads all scenarios before it puts anything together.
        return ScenarioFiles(scenario.digest)
    folder = os.path.dirname(path)
    world, *oracles = (beside(folder, name) for name in (named, *names))
    config = await Get(ConfigTarget, ConfigReference(owner, field, f"//{world}", (WorldConfig,)))
    closure, *judges = await MultiGet(
        Get(TransitiveTargets, TransitiveTargetsRequest([config.target.address])),
        *(Get(Snapshot, NamedFile(owner, field, oracle, ".py")) for oracle in oracles),
    )
    files = await Get(
        SourceFiles,
        SourceFilesRequest(
            [t[SourcesField] for t in closure.closure if t.has_field(SourcesField)],
            for_sources_types=(ConfigSourceField, FileSourceField),
        ),
    )
    laid_out = (scenario, files.snapshot, *judges)
    return ScenarioFiles(await Get(Digest, MergeDigests(each.digest for each in laid_out)))


@dataclass(frozen=True)
class CommitRequest:
    """Return the commit that a campaign begins at, if its arguments name it."""

    arguments: Tuple[str, ...]


@dataclass(frozen=True)
class CommitVariable:
    """The variable that names the commit to the program, which does not see the work tree."""

    environment: FrozenDict[str, str]


@rule
async def find_commit(request: CommitRequest, values: SessionValues) -> CommitVariable:
    if not any(word.rpartition("=")[2] == "commit" for word in request.arguments):
        return CommitVariable(FrozenDict())
    # The variables of this machine: with remote execution, a request for them asks a worker.
    given = values[CompleteEnvironmentVars].get(_COMMIT)
    if given:
        return CommitVariable(FrozenDict({_COMMIT: given}))
    found = await Get(MaybeGitWorktree, GitWorktreeRequest())
    if found.git_worktree is None:
        return CommitVariable(FrozenDict())
    return CommitVariable(FrozenDict({_COMMIT: found.git_worktree.commit_id}))


def read_plan(content: bytes) -> Tuple[Batch, ...]:
    """Read what the program planned."""
    plan: Mapping[str, Any] = json.loads(content)
    return tuple(
        Batch(batch["name"], batch["scenario"], tuple(batch["arguments"]))
        for batch in plan["batches"]
    )


@dataclass(frozen=True)
class BatchRequest:
    """A batch of a campaign, to be played."""

    campaign: SpreadRequest
    batch: Batch


@dataclass(frozen=True)
class PlayedBatch:
    """The end of a batch: its results, or why there are none."""

    digest: Digest


@rule(desc="Play a batch", level=LogLevel.DEBUG)
async def play_batch(request: BatchRequest, nexus_os: NexusOs) -> PlayedBatch:
    campaign, batch = request.campaign, request.batch
    files = await Get(ScenarioFiles, ScenarioRequest(campaign.owner, batch.scenario))
    inputs = await Get(Digest, MergeDigests((files.digest, campaign.code)))
    out = f"{BATCHES}/{batch.name}"
    how = ("--jobs", "1", "--out", out)
    process = await Get(
        Process,
        ProgramProcess(
            ProgramRequest(nexus_os.campaign_module),
            argv=(batch.scenario, *campaign.code_argv, *batch.arguments, *how),
            inputs=inputs,
            output_files=(f"{out}/results.json",),
            timeout_seconds=BATCH_SECONDS_MAX,
            description=f"Play {batch.name} of {campaign.owner}",
        ),
    )
    result = await Get(FallibleProcessResult, Process, process)
    if result.output_digest != EMPTY_DIGEST:
        return PlayedBatch(result.output_digest)
    ending = ending_of(result.exit_code, result.stderr, result.stdout)
    return PlayedBatch(
        await Get(Digest, CreateDigest([FileContent(f"{out}/ending.txt", ending.encode())]))
    )


def ending_of(exit_code: int, stderr: bytes, stdout: bytes = b"") -> str:
    """Describe the end of a batch without results: the code, and the last line that it said.

    Of a process that took too long Pants says so, on the one stream or the other.
    """
    said = stderr.strip() or stdout.strip() or b"it said nothing"
    lines = said.decode(errors="replace").splitlines()
    return f"exit code {exit_code}: {lines[-1][:_ENDING_CHARS_MAX]}"


@rule(desc="Play a campaign in batches", level=LogLevel.DEBUG)
async def spread_campaign(request: SpreadRequest, nexus_os: NexusOs) -> Spread:
    commit = await Get(CommitVariable, CommitRequest(request.arguments))
    planning = await Get(
        Process,
        ProgramProcess(
            ProgramRequest(nexus_os.campaign_module),
            argv=(*request.scenarios, *request.arguments, "--plan", BATCHES),
            inputs=EMPTY_DIGEST,
            output_files=(f"{BATCHES}/batches.json",),
            extra_env=commit.environment,
            description=f"Plan the batches of {request.owner}",
        ),
    )
    planned = await Get(FallibleProcessResult, Process, planning)
    if planned.exit_code == EXIT_CONFIG:
        return Spread(EMPTY_DIGEST, is_planned=False)
    contents = await Get(DigestContents, Digest, planned.output_digest)
    if planned.exit_code or not contents:
        raise PlanError(f"{request.owner}: {ending_of(planned.exit_code, planned.stderr)}")
    played = await MultiGet(
        Get(PlayedBatch, BatchRequest(request, batch)) for batch in read_plan(contents[0].content)
    )
    digest = await Get(Digest, MergeDigests(each.digest for each in played))
    return Spread(digest, is_planned=True)


def rules():
    return collect_rules()
