"""A command that is cut off cannot reach a socket that it could reach otherwise."""

from __future__ import annotations

import socket
import sys
from types import SimpleNamespace
from typing import Iterator, Tuple

import pytest  # pants: no-infer-dep
from pants.core.util_rules.system_binaries import BinaryPath, BinaryPathRequest, BinaryPaths
from pants.engine.process import FallibleProcessResult, Process
from pants.engine.rules import QueryRule
from pants.testutil.rule_runner import MockGet, RuleRunner, run_rule_with_mocks

from nexus_os import network_cut
from nexus_os.network_cut import NetworkCut, find_network_cut

CONNECT = "import socket, sys; socket.create_connection(('127.0.0.1', int(sys.argv[1])), 5)"


def cut(*, is_wanted: bool = True, path: str = "/usr/bin/unshare", works: bool = True) -> tuple:
    options = SimpleNamespace(isolate_network=is_wanted)
    paths = BinaryPaths("unshare", [BinaryPath(path)] if path else [])
    result = SimpleNamespace(exit_code=0 if works else 1, stderr=b"not permitted")
    return run_rule_with_mocks(
        find_network_cut,
        rule_args=[options],
        mock_gets=[
            MockGet(BinaryPaths, (BinaryPathRequest,), lambda _: paths),
            MockGet(FallibleProcessResult, (Process,), lambda _: result),
        ],
    ).argv


def test_network_is_cut_only_when_asked_for() -> None:
    assert cut(is_wanted=False) == ()
    assert cut() == ("/usr/bin/unshare", "-rn", "--")


@pytest.mark.parametrize(
    ("path", "works", "reason"),
    [("", True, "no `unshare`"), ("/usr/bin/unshare", False, "not permitted")],
)
def test_a_machine_that_cannot_is_told_loudly(
    path: str, works: bool, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert cut(path=path, works=works) == ()
    assert "NOT HERMETIC" in caplog.text
    assert reason in caplog.text


@pytest.fixture
def listener() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def exit_code(runner: RuleRunner, argv: Tuple[str, ...]) -> int:
    process = Process(argv, description="connect")
    return runner.request(FallibleProcessResult, [process]).exit_code


def test_a_process_reaches_a_socket_of_this_machine_only_if_it_is_not_cut_off(
    listener: int,
) -> None:
    runner = RuleRunner(
        rules=[
            *network_cut.rules(),
            QueryRule(NetworkCut, []),
            QueryRule(FallibleProcessResult, [Process]),
        ]
    )
    runner.set_options(["--nexus-os-isolate-network"])
    argv = (sys.executable, "-c", CONNECT, str(listener))
    prefix = runner.request(NetworkCut, []).argv
    if not prefix:
        pytest.skip("this machine gives this user no network namespace")

    assert exit_code(runner, argv) == 0
    assert exit_code(runner, (*prefix, *argv)) != 0
