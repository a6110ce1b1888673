"""The reports that a test of machines leaves behind."""

from __future__ import annotations

from types import SimpleNamespace
from typing import List

from pants.engine.addresses import Address
from pants.engine.fs import (
    EMPTY_DIGEST,
    CreateDigest,
    DigestContents,
    DigestSubset,
    FileContent,
    Snapshot,
)
from pants.testutil.rule_runner import MockGet, run_rule_with_mocks

from nexus_os.boots.playing import GuestReportRequest, report_under_name_of_target

ADDRESS = Address("ci", target_name="os2vm_test")


def report(found: List[FileContent], exit_code: int) -> FileContent:
    """Run the rule; hand back the one file it made."""
    made: List[FileContent] = []
    result = SimpleNamespace(
        exit_code=exit_code, stdout=b"said", stderr=b"", output_digest=EMPTY_DIGEST
    )
    run_rule_with_mocks(
        report_under_name_of_target,
        rule_args=[GuestReportRequest(ADDRESS, result)],
        mock_gets=[
            MockGet(DigestContents, (DigestSubset,), lambda _: DigestContents(found)),
            MockGet(Snapshot, (CreateDigest,), lambda create: made.extend(create)),
        ],
    )
    return made[0]


def test_report_of_the_runner_gets_the_name_of_the_target() -> None:
    made = report([FileContent("out/junit.xml", b"<testsuite/>")], 0)

    assert made == FileContent("ci.os2vm_test.xml", b"<testsuite/>")


def test_runner_that_died_is_reported_as_failed() -> None:
    made = report([], -9)

    assert made.path == "ci.os2vm_test.xml"
    assert b'tests="1" failures="1"' in made.content
    assert b"said" in made.content
