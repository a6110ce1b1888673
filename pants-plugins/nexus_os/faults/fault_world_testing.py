"""`test` for `fault_world_test`: a campaign of fixed seeds, in a sandbox, cached."""

from __future__ import annotations

import json
import os.path
from dataclasses import dataclass
from typing import Any, Mapping, Tuple  # Any: contents of files, and batches of tests.

from pants.backend.python.target_types import PythonSourceField
from pants.core.goals.test import TestFieldSet, TestRequest, TestResult, TestSubsystem
from pants.core.target_types import FileSourceField
from pants.engine.addresses import Address
from pants.engine.fs import (
    CreateDigest,
    Digest,
    DigestContents,
    FileContent,
    MergeDigests,
    PathGlobs,
    Paths,
    Snapshot,
)
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import (
    FieldSet,
    InferDependenciesRequest,
    InferredDependencies,
    InvalidFieldException,
    Target,
)
from pants.engine.unions import UnionRule
from pants.util.logging import LogLevel

from nexus_os.boots.boot import Boot, BootRequest
from nexus_os.boots.boot_fields import WorldFields
from nexus_os.boots.boot_testing import BootTesting
from nexus_os.boots.playing import OUT, Played, PlayRequest, SkippedTest, SkipRequest
from nexus_os.options import NexusOs
from nexus_os.programs.first_party import ProgramAddresses, ProgramRequest
from nexus_os.references.addresses import path_from_build_file
from nexus_os.references.config_references import parse
from nexus_os.references.file_owners import FileOwners, FileOwnersRequest
from nexus_os.targets.fault_worlds import FaultsField, FindsField, OracleField, SeedsField
from nexus_os.targets.runs import (
    BootDependenciesField,
    SkipTestField,
    TimeoutField,
    WorldField,
)
from nexus_os.targets.suggestion import nearest, offer


@dataclass(frozen=True)
class FaultWorldFieldSet(WorldFields, TestFieldSet):
    required_fields = (WorldField, FaultsField, SeedsField)

    faults: FaultsField
    oracle: OracleField
    seeds: SeedsField
    finds: FindsField
    timeout: TimeoutField

    @classmethod
    def opt_out(cls, tgt: Target) -> bool:
        return tgt.get(SkipTestField).value is not None


class FaultWorldRequest(TestRequest):
    tool_subsystem = BootTesting
    field_set_type = FaultWorldFieldSet


@dataclass(frozen=True)
class NamedFile:
    """A file that a field names by its path from the root."""

    owner: Address
    field: str
    path: str
    ending: str


@rule
async def find_named_file(request: NamedFile) -> Snapshot:
    found = await Get(Snapshot, PathGlobs([request.path]))
    if found.files == (request.path,):
        return found
    others = await Get(Paths, PathGlobs([f"**/*{request.ending}"]))
    near = (f"//{path}" for path in nearest(request.path, others.files, likeness=0.8))
    raise InvalidFieldException(
        f"The `{request.field}` field of {request.owner} stands for {request.path}, and there is "
        f"no such file.{offer(near)} Expected the path of a {request.ending} file: relative to "
        "the BUILD file, or from the repository's root with `//`."
    )


def complete_scenario(
    owner: Address, path: str, text: str, world: str, oracles: Tuple[str, ...]
) -> Tuple[str, Tuple[str, ...]]:
    """Add to the faults what the target names; the text, and the paths of the oracles it has.

    A whole scenario stays as it is, if it says the same.
    """
    folder = os.path.dirname(path)
    content: Mapping[str, Any] = parse(text)
    head = []
    if "world" not in content:
        head.append(f"world = {json.dumps(os.path.relpath(world, folder or '.'))}")
    elif beside(folder, content["world"]) != world:
        raise InvalidFieldException(
            f"The `world` field of {owner} stands for {world}, and its `faults`, {path}, have "
            f"{content['world']!r} as their world. Remove `world` from that file, or name the same."
        )
    own = tuple(beside(folder, name) for name in content.get("oracles", ()))
    if not own and oracles:
        names = [os.path.relpath(oracle, folder or ".") for oracle in oracles]
        head.append(f"oracles = {json.dumps(names)}")
    elif own and oracles and own != oracles:
        raise InvalidFieldException(
            f"The `oracle` field of {owner} stands for {', '.join(oracles)}, and its `faults`, "
            f"{path}, have {', '.join(own)}. Remove `oracles` from that file, or name the same."
        )
    return "".join(f"{line}\n" for line in head) + text, own or oracles


def beside(folder: str, name: object) -> str:
    """The path of a file that one in `folder` names."""
    return os.path.normpath(os.path.join(folder, str(name)))


def _oracle_paths(owner: Address, field: OracleField) -> Tuple[str, ...]:
    return tuple(_path(owner, text) for text in field.value or ())


def _path(owner: Address, text: str) -> str:
    return os.path.normpath(path_from_build_file(owner, text))


@rule(desc="Play a world with faults", level=LogLevel.DEBUG)
async def run_fault_world_test(
    batch: FaultWorldRequest.Batch[FaultWorldFieldSet, Any],
    nexus_os: NexusOs,
    test_subsystem: TestSubsystem,
) -> TestResult:
    field_set = batch.single_element
    owner = field_set.address
    path = _path(owner, field_set.faults.value or "")
    boot, faults = await MultiGet(
        Get(Boot, BootRequest, field_set.boot_request),
        Get(Snapshot, NamedFile(owner, field_set.faults.alias, path, ".toml")),
    )
    if boot.missing:
        skipped = await Get(SkippedTest, SkipRequest(owner, boot.missing[0]))
        return skipped.result
    contents = await Get(DigestContents, Digest, faults.digest)
    text, oracles = complete_scenario(
        owner,
        path,
        contents[0].content.decode(errors="replace"),
        boot.config_path,
        _oracle_paths(owner, field_set.oracle),
    )
    judges = await MultiGet(
        Get(Snapshot, NamedFile(owner, field_set.oracle.alias, oracle, ".py")) for oracle in oracles
    )
    scenario = await Get(Digest, CreateDigest([FileContent(path, text.encode())]))
    inputs = await Get(
        Digest, MergeDigests((boot.inputs, scenario, *(judge.digest for judge in judges)))
    )
    played = await Get(
        Played,
        PlayRequest(
            owner,
            ProgramRequest(nexus_os.campaign_module),
            _argv(field_set, path, boot),
            inputs,
            field_set.timeout.value or 0,
            f"Play {owner}",
        ),
    )
    return played.result(owner, test_subsystem)


def _argv(field_set: FaultWorldFieldSet, scenario: str, boot: Boot) -> Tuple[str, ...]:
    argv = [scenario, "--jobs", "1", "--out", OUT, *boot.code_argv()]
    for seed in field_set.seeds.value or ():
        argv += ["--seed", str(seed)]
    if field_set.finds.value is not None:
        argv += ["--finds", field_set.finds.value]
    return (*argv, *(field_set.extra_args.value or ()))


@dataclass(frozen=True)
class FaultWorldDependenciesFieldSet(FieldSet):
    required_fields = (BootDependenciesField, FaultsField, OracleField)

    dependencies: BootDependenciesField
    faults: FaultsField
    oracle: OracleField


class InferFaultWorldDependencies(InferDependenciesRequest):
    infer_from = FaultWorldDependenciesFieldSet


@rule
async def infer_fault_world_dependencies(
    request: InferFaultWorldDependencies, nexus_os: NexusOs
) -> InferredDependencies:
    """The files of faults and oracles, where targets own them, and the program that plays."""
    field_set = request.field_set
    owner = field_set.address
    paths = (_path(owner, field_set.faults.value or ""), *_oracle_paths(owner, field_set.oracle))
    owners, program = await MultiGet(
        Get(
            FileOwners,
            FileOwnersRequest(
                field_set.dependencies, paths, (FileSourceField, PythonSourceField), "names"
            ),
        ),
        Get(ProgramAddresses, ProgramRequest(nexus_os.campaign_module)),
    )
    return InferredDependencies([*owners.addresses, *program.addresses])


def rules():
    return [
        *collect_rules(),
        *FaultWorldRequest.rules(),
        UnionRule(InferDependenciesRequest, InferFaultWorldDependencies),
    ]
