"""A package image is built of the target's files, and may stand where a world names images."""

from __future__ import annotations

from typing import List, Tuple

import pytest  # pants: no-infer-dep
from pants.core.goals import package as package_goal
from pants.core.goals.package import BuiltPackage, BuiltPackageArtifact, PackageFieldSet
from pants.core.target_types import GenericTarget
from pants.core.util_rules import source_files
from pants.core.util_rules.source_files import SourceFiles, SourceFilesRequest
from pants.engine.addresses import Address
from pants.engine.fs import (
    EMPTY_DIGEST,
    AddPrefix,
    CreateDigest,
    Digest,
    FileContent,
    Snapshot,
)
from pants.engine.internals.scheduler import ExecutionError
from pants.engine.process import Process, ProcessResult
from pants.engine.rules import Get, rule
from pants.engine.target import InvalidFieldException
from pants.engine.unions import UnionRule
from pants.testutil.option_util import create_subsystem
from pants.testutil.rule_runner import MockGet, QueryRule, RuleRunner, run_rule_with_mocks
from pants.util.frozendict import FrozenDict

from nexus_os.images import built_images
from nexus_os.images.built_images import BuiltImages
from nexus_os.images.package_image import PackageImageFieldSet, package_package_image
from nexus_os.options import NexusOs
from nexus_os.programs.first_party import ProgramRequest
from nexus_os.programs.program_process import ProgramProcess
from nexus_os.references import addresses, field_targets
from nexus_os.references.addresses import ImageReferences
from nexus_os.targets.packages import PackageImage

FILES = ("pkgs/a/build.prop", "pkgs/a/bundle.toml", "pkgs/b/bundle.toml")

PROGRAM = ProgramRequest("some.program")
PROCESS = Process(argv=("some",), description="stand-in")


class Result:
    output_digest = EMPTY_DIGEST


def package(*manifests: str) -> Tuple[ProgramProcess, BuiltPackage]:
    """Run the rule; hand back how it called the program, and what it built."""
    files = SourceFiles(Snapshot.create_for_testing(list(FILES), []), ())
    target = PackageImage({"manifests": manifests}, Address("pkgs"))
    calls: List[ProgramProcess] = []
    built = run_rule_with_mocks(
        package_package_image,
        rule_args=[
            PackageImageFieldSet.create(target),
            create_subsystem(NexusOs, package_module="some.program"),
        ],
        mock_gets=[
            MockGet(SourceFiles, (SourceFilesRequest,), lambda _: files),
            MockGet(Process, (ProgramProcess,), lambda c: calls.append(c) or PROCESS),
            MockGet(ProcessResult, (Process,), lambda _: Result()),
            MockGet(Digest, (AddPrefix,), lambda _: EMPTY_DIGEST),
        ],
    )
    return calls[0], built


def test_manifests_reach_the_program_from_the_root() -> None:
    call, built = package("b/bundle.toml", "a/bundle.toml")

    assert call.argv == (
        "--manifest",
        "pkgs/b/bundle.toml",
        "--manifest",
        "pkgs/a/bundle.toml",
        "--out",
        "pkgs.img",
    )
    assert call.output_files == ("pkgs.img",)
    assert call.program == PROGRAM
    assert [artifact.relpath for artifact in built.artifacts] == ["pkgs/pkgs.img"]


@pytest.mark.parametrize("manifests", [("c/bundle.toml",), ("a/bundle.toml", "/x"), ()])
def test_manifest_that_is_not_there_is_told_by_field(manifests: Tuple[str, ...]) -> None:
    with pytest.raises(InvalidFieldException, match="`manifests` field of pkgs:pkgs"):
        package(*manifests)


def test_manifest_that_is_nearly_there_is_offered() -> None:
    with pytest.raises(InvalidFieldException, match=r"Did you mean 'pkgs/a/bundle\.toml'"):
        package("a/bundel.toml")


@rule
async def build_stand_in(field_set: PackageImageFieldSet) -> BuiltPackage:
    path = field_set.output_path.value_or_default(file_ending="img")
    digest = await Get(Digest, CreateDigest([FileContent(path, b"")]))
    return BuiltPackage(digest, (BuiltPackageArtifact(path),))


@pytest.fixture
def rule_runner() -> RuleRunner:
    return RuleRunner(
        target_types=[PackageImage, GenericTarget],
        rules=[
            *addresses.rules(),
            *field_targets.rules(),
            *built_images.rules(),
            *package_goal.rules(),
            *source_files.rules(),
            build_stand_in,
            UnionRule(PackageFieldSet, PackageImageFieldSet),
            QueryRule(SourceFiles, [SourceFilesRequest]),
            QueryRule(BuiltImages, [ImageReferences]),
        ],
    )


def test_sources_are_everything_but_build_files(rule_runner: RuleRunner) -> None:
    rule_runner.write_files(
        {"pkgs/BUILD": "package_image(manifests=['a/bundle.toml'])", "pkgs/a/BUILD": ""}
    )
    rule_runner.write_files(dict.fromkeys(FILES, ""))
    target = rule_runner.get_target(Address("pkgs"))
    field_set = PackageImageFieldSet.create(target)

    files = rule_runner.request(SourceFiles, [SourceFilesRequest([field_set.sources])])

    assert files.snapshot.files == FILES


def references(text: str) -> ImageReferences:
    return ImageReferences(Address("ci"), "images", FrozenDict({"packages": text}))


def test_world_may_name_it_among_its_images(rule_runner: RuleRunner) -> None:
    rule_runner.write_files(
        {"pkgs/BUILD": "package_image(manifests=['a'])\ntarget(name='no')", "pkgs/a": ""}
    )

    built = rule_runner.request(BuiltImages, [references("//pkgs")])
    assert built.paths == (("packages", "pkgs/pkgs.img"),)
    with pytest.raises(ExecutionError, match=r"which is a `target`\. Expected .*package_image"):
        rule_runner.request(BuiltImages, [references("//pkgs:no")])
