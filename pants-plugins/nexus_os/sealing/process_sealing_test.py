"""A sealed process sees less than the same process unsealed; where none can be, it is said."""

from __future__ import annotations

import os
import pwd
import socket
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Iterator, Tuple

import pytest  # pants: no-infer-dep
from pants.core.util_rules.adhoc_binaries import PythonBuildStandaloneBinary
from pants.engine.fs import EMPTY_DIGEST, CreateDigest, Digest
from pants.engine.process import FallibleProcessResult, Process
from pants.engine.rules import QueryRule
from pants.testutil.rule_runner import MockGet, RuleRunner, run_rule_with_mocks

from nexus_os.programs import first_party
from nexus_os.sealing import process_sealing, seal
from nexus_os.sealing.process_sealing import FOLDER, Seal, UnknownPartError, find_seal

CONNECT = "import socket, sys; socket.create_connection(('127.0.0.1', int(sys.argv[1])), 5)"
READ = "import sys; print(open(sys.argv[1]).read())"


def found(
    *,
    hide: Tuple[str, ...] = seal.PARTS,
    said: str = "",
    exit_code: int = 0,
    require_hidden: bool = False,
) -> Seal:
    result = SimpleNamespace(exit_code=exit_code, stdout=said.encode(), stderr=b"Oops\nno fork")
    return run_rule_with_mocks(
        find_seal,
        rule_args=[
            SimpleNamespace(hide=hide, require_hidden=require_hidden),
            PythonBuildStandaloneBinary("/python"),
        ],
        mock_gets=[
            MockGet(Digest, (CreateDigest,), lambda _: EMPTY_DIGEST),
            MockGet(FallibleProcessResult, (Process,), lambda _: result),
        ],
    )


def words(one: Seal) -> Tuple[str, ...]:
    return one.around(Process(("./tool", "-x"), description="tool")).argv


def test_command_is_wrapped_only_if_something_is_hidden() -> None:
    program = ("/python", "-I", "-S", f"{FOLDER}/seal.py")
    assert words(found()) == (*program, "--", "./tool", "-x")
    assert words(found(hide=("network",))) == (*program, "--allow", "home", "--", "./tool", "-x")
    assert words(found(hide=())) == ("./tool", "-x")


def test_program_lies_beside_the_command() -> None:
    process = Process(
        ("./tool",), description="tool", immutable_input_digests={"other": EMPTY_DIGEST}
    )
    assert set(found().around(process).immutable_input_digests) == {"other", FOLDER}


def test_what_a_machine_refuses_is_said_loudly(caplog: pytest.LogCaptureFixture) -> None:
    assert found(said="network: unshare: not permitted\n").parts == ("home",)
    assert "NOT HERMETIC: builds and tests can see the network" in caplog.text
    assert "unshare: not permitted" in caplog.text
    assert "see the home" not in caplog.text


def test_where_hiding_is_required_a_refusal_is_an_error() -> None:
    with pytest.raises(
        process_sealing.NotHiddenError, match=r"The home cannot .*require_hidden.*: full"
    ):
        found(said="home: full\n", require_hidden=True)
    # A part that no option asks to hide may be refused.
    assert found(hide=("network",), said="home: full\n", require_hidden=True).parts == ("network",)
    with pytest.raises(process_sealing.NotHiddenError, match="no fork"):
        found(exit_code=1, require_hidden=True)


def test_a_program_that_breaks_hides_nothing(caplog: pytest.LogCaptureFixture) -> None:
    assert words(found(exit_code=1)) == ("./tool", "-x")
    assert "see the home" in caplog.text
    assert "no fork" in caplog.text


def test_an_unknown_part_is_refused() -> None:
    with pytest.raises(UnknownPartError, match=r"`\[nexus-os\].hide` has 'clock'; expected"):
        found(hide=("clock",))


@pytest.fixture
def listener() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def runner() -> RuleRunner:
    runner = RuleRunner(
        rules=[
            *first_party.rules(),
            *process_sealing.rules(),
            QueryRule(Seal, []),
            QueryRule(FallibleProcessResult, [Process]),
        ]
    )
    runner.set_options([], env_inherit={"PATH", "PYENV_ROOT"})
    return runner


def exit_codes(runner: RuleRunner, *argv: str) -> Tuple[int, int]:
    """Return the ends of a command as it is, and sealed."""
    one = runner.request(Seal, [])
    if one.parts != seal.PARTS:
        pytest.skip("this machine gives this user no namespaces")
    # Not the link to it in the environment of this test, which is in the home.
    python = os.path.realpath(sys.executable)
    process = Process((python, *argv), description="look")
    plain, sealed = (
        runner.request(FallibleProcessResult, [each]) for each in (process, one.around(process))
    )
    # The seal did its part, and the command ended as it did by itself.
    assert b"seal:" not in sealed.stderr
    return plain.exit_code, sealed.exit_code


def test_a_socket_of_this_machine_is_out_of_reach(runner: RuleRunner, listener: int) -> None:
    assert exit_codes(runner, "-c", CONNECT, str(listener)) == (0, 1)


@pytest.fixture
def home() -> str:
    """The folder of this user, as the system knows it."""
    folder = pwd.getpwuid(os.getuid()).pw_dir
    if not os.access(folder, os.W_OK):
        pytest.skip("this user has no home")
    return folder


def test_a_file_in_the_home_is_out_of_sight(runner: RuleRunner, home: str) -> None:
    with tempfile.NamedTemporaryFile(dir=home) as file:
        assert exit_codes(runner, "-I", "-c", READ, file.name) == (0, 1)


def test_a_file_beside_the_home_stays_in_sight(runner: RuleRunner, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("content")
    assert exit_codes(runner, "-I", "-c", READ, str(tmp_path / "file")) == (0, 0)
