"""The interpreters that may run Pants on each processor."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

UNAME = """#!/bin/sh
[ "$1" = -s ] && echo {system} || echo {machine}
"""


@pytest.mark.parametrize(
    ("system", "machine", "first"),
    [
        ("Linux", "x86_64", "3.9"),
        ("Linux", "aarch64", "3.10"),
        ("Darwin", "arm64", "3.9"),
    ],
)
def test_an_interpreter_whose_lock_lacks_wheels_is_not_taken(
    tmp_path: Path, system: str, machine: str, first: str
) -> None:
    uname = tmp_path / "uname"
    uname.write_text(UNAME.format(system=system, machine=machine))
    uname.chmod(0o755)
    script = Path("build-support/pants/python.bash")
    command = ["bash", "-euc", 'source "$0"; echo "${RUN_PANTS[0]}"', str(script)]
    environment = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == f"{first}\n"
