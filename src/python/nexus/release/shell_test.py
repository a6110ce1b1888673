"""Commands follow one another in one shell, and nothing that they started is left behind."""

from __future__ import annotations

import os
import select
from pathlib import Path

import pytest

from nexus.release.shell import Shell, ShellError

# Far longer than any machine takes; only a defect waits for its end.
SECONDS = 60


class Life:
    """Whether a process lives: it holds the other end of a pipe."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self._pipe = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    def has_ended(self) -> bool:
        ready, _, _ = select.select([self._pipe], [], [], SECONDS)
        return bool(ready) and os.read(self._pipe, 1) == b""


def test_folder_variables_and_exit_codes_are_those_of_a_terminal(tmp_path: Path) -> None:
    with Shell(tmp_path, os.environ, tmp_path) as shell:
        assert shell.run("mkdir x; cd x; a=1", SECONDS) == (0, "")
        assert shell.run("pwd; echo $a", SECONDS) == (0, f"{tmp_path}/x\n1\n")
        assert shell.run("(exit 7)", SECONDS) == (7, "")
        assert shell.run("printf unended", SECONDS) == (0, "unended")
        assert shell.run("cat", SECONDS) == (0, "")


def test_command_without_end_is_ended_with_all_it_started(tmp_path: Path) -> None:
    life = Life(tmp_path / "life")
    with Shell(tmp_path, os.environ, tmp_path) as shell:
        shell.run("{ tail -f /dev/null & } >life", SECONDS)
        with pytest.raises(ShellError, match="'wait' did not end in time"):
            shell.run("wait", 0.01)

    assert life.has_ended()


def test_daemons_are_stopped_by_the_numbers_they_left(tmp_path: Path) -> None:
    life = Life(tmp_path / "life")
    with Shell(tmp_path, os.environ, tmp_path) as shell:
        shell.run(
            "set -m; mkdir pantsd; { tail -f /dev/null & } >life; echo $! >pantsd/pid", SECONDS
        )

    assert life.has_ended()
