"""Batches of a campaign as processes: when they are wanted, what a plan says, and how one ended."""

from __future__ import annotations

import json
from typing import Tuple

import pytest  # pants: no-infer-dep
from pants.core.util_rules.source_files import SourceFiles, SourceFilesRequest
from pants.engine.addresses import Address
from pants.engine.env_vars import CompleteEnvironmentVars
from pants.engine.fs import (
    EMPTY_DIGEST,
    EMPTY_SNAPSHOT,
    Digest,
    DigestContents,
    FileContent,
    MergeDigests,
    Snapshot,
)
from pants.engine.internals.session import SessionValues
from pants.engine.target import TransitiveTargets, TransitiveTargetsRequest
from pants.testutil.rule_runner import MockGet, run_rule_with_mocks
from pants.vcs.git import GitWorktreeRequest, MaybeGitWorktree

from nexus_os.faults.campaign_spreading import (
    Batch,
    CommitRequest,
    ScenarioFiles,
    ScenarioRequest,
    SpreadRequest,
    ending_of,
    find_commit,
    find_files_of_scenario,
    read_plan,
)
from nexus_os.faults.fault_world_testing import NamedFile
from nexus_os.references.addresses import ConfigReference, ConfigTarget


@pytest.mark.parametrize(
    ("arguments", "is_asked_for"),
    [
        ((), False),
        (("--seeds", "5"), False),
        (("--out", "spread"), False),
        (("--seeds", "5", "--spread"), True),
        (("--spread", "10"), True),
        (("--spread=10",), True),
    ],
)
def test_batches_are_made_where_they_are_asked_for(
    arguments: Tuple[str, ...], is_asked_for: bool
) -> None:
    request = SpreadRequest(Address("ci"), ("a.toml",), (), EMPTY_DIGEST, arguments)
    assert request.is_asked_for == is_asked_for


def test_a_plan_is_read() -> None:
    batch = {"name": "a-0-1", "scenario": "a.toml", "arguments": ["--seed=0", "--seed=1"]}
    plan = json.dumps({"format": "nexus-batches-1", "batches": [batch]})
    assert read_plan(plan.encode()) == (Batch("a-0-1", "a.toml", ("--seed=0", "--seed=1")),)


@pytest.mark.parametrize(
    ("stderr", "stdout", "words"),
    [
        (b"", b"", "exit code 21: it said nothing"),
        (b"first\nerror: last\n", b"simulate: 2 runs\n", "exit code 21: error: last"),
        (b"\n", b"Exceeded timeout of 3600.0 s\n", "exit code 21: Exceeded timeout of 3600.0 s"),
        (b"\xff" + b"x" * 600, b"", "exit code 21: \ufffd" + "x" * 499),
    ],
)
def test_a_batch_that_left_nothing_is_said_to_have_ended_so(
    stderr: bytes, stdout: bytes, words: str
) -> None:
    assert ending_of(21, stderr, stdout) == words


@pytest.mark.parametrize("text", ["world = ", "", "world = 3", 'world = "w.toml"\noracles = 3'])
def test_a_scenario_that_is_not_one_is_left_to_the_program(text: str) -> None:
    files = run_rule_with_mocks(
        find_files_of_scenario,
        rule_args=[ScenarioRequest(Address("ci"), "ci/a.toml")],
        mock_gets=[
            MockGet(Snapshot, (NamedFile,), lambda _: EMPTY_SNAPSHOT),
            MockGet(
                DigestContents,
                (Digest,),
                lambda _: DigestContents([FileContent("ci/a.toml", text.encode())]),
            ),
            MockGet(ConfigTarget, (ConfigReference,), lambda _: pytest.fail("no world is named")),
            MockGet(TransitiveTargets, (TransitiveTargetsRequest,), lambda _: None),
            MockGet(SourceFiles, (SourceFilesRequest,), lambda _: None),
            MockGet(Digest, (MergeDigests,), lambda _: None),
        ],
    )
    assert files == ScenarioFiles(EMPTY_SNAPSHOT.digest)


@pytest.mark.parametrize(
    ("arguments", "variables", "commit"),
    [
        (("--seeds", "5"), {"NEXUS_COMMIT": "abc"}, {}),
        (("--from", "commit"), {"NEXUS_COMMIT": "abc"}, {"NEXUS_COMMIT": "abc"}),
        (("--from=commit",), {"NEXUS_COMMIT": "abc"}, {"NEXUS_COMMIT": "abc"}),
        (("--from=commit",), {"NEXUS_COMMIT": ""}, {}),
        (("--from=commit",), {}, {}),
    ],
)
def test_the_commit_is_that_of_the_machine_where_pants_runs(
    arguments: Tuple[str, ...], variables: dict, commit: dict
) -> None:
    """Wherever batches are played: variables of a worker are not asked for."""
    here = SessionValues({CompleteEnvironmentVars: CompleteEnvironmentVars(variables)})
    no_worktree = MockGet(
        output_type=MaybeGitWorktree,
        input_types=(GitWorktreeRequest,),
        mock=lambda _request: MaybeGitWorktree(),
    )
    found = run_rule_with_mocks(
        find_commit, rule_args=[CommitRequest(arguments), here], mock_gets=[no_worktree]
    )
    assert dict(found.environment) == commit
