"""An image that is a file as it is: there, and not there."""

from __future__ import annotations

from typing import List
from xml.etree import ElementTree

import pytest  # pants: no-infer-dep
from pants.core.goals import package as package_goal
from pants.core.goals.test import ShowOutput, TestSubsystem
from pants.core.target_types import FileTarget
from pants.core.target_types import rules as core_target_type_rules
from pants.core.util_rules import archive, source_files
from pants.engine.addresses import Address
from pants.engine.fs import CreateDigest, DigestContents, FileContent, Snapshot
from pants.engine.target import InvalidFieldException
from pants.testutil.option_util import create_subsystem
from pants.testutil.rule_runner import MockGet, QueryRule, RuleRunner, run_rule_with_mocks
from pants.util.frozendict import FrozenDict

from nexus_os.boots.playing import SkipRequest, skip_test
from nexus_os.images import built_images
from nexus_os.images.built_images import BuiltImages, require_all
from nexus_os.references import addresses, field_targets
from nexus_os.references.addresses import ImageReferences
from nexus_os.targets.fetched import FetchedFile

BUILD = """\
file(name='disk', source='disk.img')
fetched_file(name='kernel', source='fetched/Image', fetched_by='./fetch')
"""
REASON = "os/fetched/Image is not there; ./fetch fetches it"


@pytest.fixture
def rule_runner() -> RuleRunner:
    rule_runner = RuleRunner(
        target_types=[FetchedFile, FileTarget],
        rules=[
            *addresses.rules(),
            *field_targets.rules(),
            *archive.rules(),
            *core_target_type_rules(),
            *built_images.rules(),
            *package_goal.rules(),
            *source_files.rules(),
            QueryRule(BuiltImages, [ImageReferences]),
        ],
    )
    rule_runner.write_files({"os/BUILD": BUILD, "os/disk.img": b"disk"})
    return rule_runner


def built(rule_runner: RuleRunner) -> BuiltImages:
    named = FrozenDict({"linux": "//os:kernel", "disk": "//os:disk"})
    return rule_runner.request(BuiltImages, [ImageReferences(Address("ci"), "images", named)])


def test_files_are_images_as_they_are(rule_runner: RuleRunner) -> None:
    rule_runner.write_files({"os/fetched/Image": b"kernel"})
    found = built(rule_runner)

    contents = rule_runner.request(DigestContents, [found.digest])
    assert {file.path: file.content for file in contents} == {
        "os/disk.img": b"disk",
        "os/fetched/Image": b"kernel",
    }
    assert found.paths == (("disk", "os/disk.img"), ("linux", "os/fetched/Image"))
    assert found.missing == ()
    require_all(Address("ci"), found.missing)


def test_file_that_was_not_fetched_has_its_reason(rule_runner: RuleRunner) -> None:
    found = built(rule_runner)

    assert found.paths == (("disk", "os/disk.img"),)
    assert found.missing == (REASON,)
    with pytest.raises(InvalidFieldException, match=f"ci:ci cannot be run: {REASON}"):
        require_all(Address("ci"), found.missing)


def test_test_without_it_is_reported_as_skipped() -> None:
    made: List[FileContent] = []
    subsystem = create_subsystem(TestSubsystem, output=ShowOutput.FAILED)
    skipped = run_rule_with_mocks(
        skip_test,
        rule_args=[SkipRequest(Address("os", target_name="pair"), REASON), subsystem],
        mock_gets=[MockGet(Snapshot, (CreateDigest,), lambda create: made.extend(create))],
    )

    assert skipped.result.exit_code is None
    assert made[0].path == "os.pair.xml"
    suite = ElementTree.fromstring(made[0].content)
    assert (suite.get("tests"), suite.get("skipped")) == ("1", "1")
    element = suite.find("testcase/skipped")
    assert element is not None
    assert element.get("message") == REASON
