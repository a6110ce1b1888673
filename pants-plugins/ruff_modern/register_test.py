"""The calls of ruff."""

from __future__ import annotations

from types import SimpleNamespace
from typing import List

import pytest  # pants: no-infer-dep
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.backend.python.util_rules.pex import PexRequest, VenvPex, VenvPexProcess
from pants.core.util_rules.config_files import ConfigFiles, ConfigFilesRequest
from pants.engine.fs import EMPTY_DIGEST, EMPTY_SNAPSHOT, Digest, MergeDigests
from pants.engine.process import FallibleProcessResult
from pants.testutil.rule_runner import MockGet, run_rule_with_mocks

from ruff_modern import register
from ruff_modern.register import RuffRun

PEX = PexRequest(
    output_filename="ruff.pex",
    internal_only=True,
    interpreter_constraints=InterpreterConstraints(["CPython==3.11.*"]),
)


def call(request: RuffRun) -> VenvPexProcess:
    calls: List[VenvPexProcess] = []
    run_rule_with_mocks(
        register.run_ruff,
        rule_args=[request, SimpleNamespace(to_pex_request=lambda: PEX)],
        mock_gets=[
            MockGet(VenvPex, (PexRequest,), lambda _: None),
            MockGet(ConfigFiles, (ConfigFilesRequest,), lambda _: ConfigFiles(EMPTY_SNAPSHOT)),
            MockGet(Digest, (MergeDigests,), lambda _: EMPTY_DIGEST),
            MockGet(FallibleProcessResult, (VenvPexProcess,), calls.append),
        ],
    )
    return calls[0]


FILES = SimpleNamespace(files=("a.py", "b/c.py"), digest=EMPTY_DIGEST)


@pytest.mark.parametrize("command", [("format",), ("check", "--fix", "--exit-zero")])
def test_files_come_back_when_they_may_have_changed(command: tuple) -> None:
    process = call(RuffRun(command, FILES, writes=True))

    assert process.argv == (*command, "--no-cache", "--force-exclude", "a.py", "b/c.py")
    assert process.output_files == ("a.py", "b/c.py")


def test_check_changes_nothing() -> None:
    process = call(RuffRun(("check",), FILES, writes=False))

    assert process.argv[0] == "check"
    assert process.output_files is None


def test_tools_can_be_chosen_by_name() -> None:
    requests = (register.RuffFormatRequest, register.RuffFixRequest, register.RuffCheckRequest)

    assert [request.tool_id for request in requests] == ["ruff-format", "ruff-fix", "ruff-check"]
