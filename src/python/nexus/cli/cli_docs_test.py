"""Every command of docs/cli.md that can be typed as it is written, run."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from nexus.cli import main
from nexus.cli.vm_support import TIMEOUT_S, environment

TEXT: Final = Path("docs/cli.md").read_text(encoding="utf-8")
# Indented lines, and what is quoted in the text; a word in capitals is for the reader to fill in.
_QUOTED: Final = re.compile(r"^    (nexus .*)$|`(nexus [^`]*)`", re.MULTILINE)
_COMMANDS: Final = sorted(
    command
    for found in _QUOTED.findall(TEXT)
    if not re.search(r"\b[A-Z]{2,}\b", command := "".join(found))
)
# Named in the text as commands with arguments of their own, which docs/emulator.md shows.
_BY_NAME: Final = {"nexus vm run"}


def test_the_page_has_commands() -> None:
    assert {"nexus --version", "nexus help"} <= set(_COMMANDS)
    assert sum("completion" in command for command in _COMMANDS) == 3


@pytest.mark.parametrize("command", sorted(set(_COMMANDS) - _BY_NAME))
def test_each_command_does_what_it_is_there_for(command: str) -> None:
    """Up to a redirection or a pipe, which are the shell's business."""
    words = shlex.split(re.split(r"[>|]", command)[0], comments=True)
    done = subprocess.run(
        [sys.executable, "-m", main.__name__, *words[1:]],
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout
