"""The files that are looked at, and the way in which they are."""

from __future__ import annotations

from types import SimpleNamespace
from typing import List

import pytest  # pants: no-infer-dep
from pants.backend.python.util_rules.pex import PexRequest, VenvPex, VenvPexProcess
from pants.core.goals.lint import LintResult
from pants.engine.fs import EMPTY_DIGEST, Digest, PathGlobs, Paths
from pants.engine.process import FallibleProcessResult
from pants.testutil.rule_runner import MockGet, run_rule_with_mocks

from tidy import register
from tidy.register import Files, TidyRequest

FILES = ("b.md", "a.py", "c.zig", "d.toml", "pants", "e.lock")


TREE = ("a.py", "b.md", "c.zig", "d.toml")
PART = ("a.py", "b.md")


@pytest.mark.parametrize(
    ("skip", "files", "expected"),
    [
        (False, FILES, [Files(TREE, True)]),
        (False, PART, [Files(PART, False)]),
        (True, FILES, []),
        (False, ("e.lock",), []),
    ],
)
def test_all_prose_and_sources_are_one_process_however_many(skip: bool, files, expected) -> None:
    partitions = run_rule_with_mocks(
        register.partition,
        rule_args=[TidyRequest.PartitionRequest(files), SimpleNamespace(skip=skip)],
        mock_gets=[MockGet(Paths, (PathGlobs,), lambda _: Paths(TREE, ()))],
    )
    assert [partition.metadata for partition in partitions] == expected
    # One element: Pants would cut more of them into batches.
    assert [len(partition.elements) for partition in partitions] == [1] * len(expected)


@pytest.mark.parametrize(("is_whole", "options"), [(True, ()), (False, ("--part",))])
def test_the_program_is_an_input_beside_the_files(is_whole: bool, options) -> None:
    asked: List[PathGlobs] = []
    calls: List[VenvPexProcess] = []

    def digest_of(globs: PathGlobs) -> Digest:
        asked.append(globs)
        return EMPTY_DIGEST

    def run(process: VenvPexProcess) -> SimpleNamespace:
        calls.append(process)
        return SimpleNamespace(exit_code=1, stdout=b"a.md:1: wide\n", stderr=b"")

    batch = TidyRequest.Batch("tidy", (register.PROGRAM,), Files(("a.md", "b.md"), is_whole))
    result = run_rule_with_mocks(
        register.run_tidy,
        rule_args=[batch],
        mock_gets=[
            MockGet(VenvPex, (PexRequest,), lambda _: None),
            MockGet(Digest, (PathGlobs,), digest_of),
            MockGet(FallibleProcessResult, (VenvPexProcess,), run),
        ],
    )

    assert sorted(asked[0].globs) == ["a.md", "b.md", *register.SOURCES]
    assert calls[0].argv == ("ci/tidy.py", *options, "a.md", "b.md")
    assert isinstance(result, LintResult)
    assert (result.exit_code, result.stdout) == (1, "a.md:1: wide\n")
