"""Which files are looked at, and how."""

from __future__ import annotations

from types import SimpleNamespace
from typing import List

import pytest  # pants: no-infer-dep
from pants.backend.python.util_rules.pex import PexRequest, VenvPex, VenvPexProcess
from pants.core.goals.lint import LintResult
from pants.engine.fs import EMPTY_DIGEST, Digest, PathGlobs
from pants.engine.process import FallibleProcessResult
from pants.testutil.rule_runner import MockGet, run_rule_with_mocks

from tidy import register
from tidy.register import TidyRequest

FILES = ("b.md", "a.py", "c.zig", "d.toml", "pants", "e.lock")


@pytest.mark.parametrize(
    ("skip", "files", "batches"),
    [
        (False, FILES, [("a.py", "b.md", "c.zig", "d.toml")]),
        (True, FILES, []),
        (False, ("e.lock",), []),
    ],
)
def test_all_prose_and_sources_are_one_batch(skip: bool, files, batches) -> None:
    partitions = run_rule_with_mocks(
        register.partition,
        rule_args=[TidyRequest.PartitionRequest(files), SimpleNamespace(skip=skip)],
    )
    assert [tuple(partition.elements) for partition in partitions] == batches


def test_the_program_is_an_input_beside_the_files() -> None:
    asked: List[PathGlobs] = []
    calls: List[VenvPexProcess] = []

    def digest_of(globs: PathGlobs) -> Digest:
        asked.append(globs)
        return EMPTY_DIGEST

    def run(process: VenvPexProcess) -> SimpleNamespace:
        calls.append(process)
        return SimpleNamespace(exit_code=1, stdout=b"a.md:1: wide\n", stderr=b"")

    batch = TidyRequest.Batch("tidy", ("a.md", "b.md"), SimpleNamespace(description=None))
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
    assert calls[0].argv == ("ci/tidy.py", "a.md", "b.md")
    assert isinstance(result, LintResult)
    assert (result.exit_code, result.stdout) == (1, "a.md:1: wide\n")
