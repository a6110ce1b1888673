"""A small program for tests of starters, and a way to start it that hides this environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

# Says how it was started, or ends as its arguments say.
PROGRAM: Final = """\
import json, os, signal, sys
if sys.argv[1:2] == ["exit"]:
    sys.exit(int(sys.argv[2]))
if sys.argv[1:2] == ["die"]:
    os.kill(os.getpid(), signal.SIGTERM)
seen = {
    "arguments": sys.argv[1:],
    "isolated": sys.flags.isolated,
    "variables": dict(os.environ),
    "pid": os.getpid(),
}
print(json.dumps(seen))
"""

Run = Callable[..., subprocess.CompletedProcess[bytes]]


def starter_in(folder: Path, *first: Path) -> Run:
    """Return a function that runs words in a folder, with some folders first in PATH, then Python.

    It takes variables as `more`, and redirections of a shell as `shell`.
    """
    bin_folder = folder / "bin"
    bin_folder.mkdir()
    (bin_folder / "python3").symlink_to(sys.executable)
    path = os.pathsep.join([*map(str, first), str(bin_folder), os.defpath])

    def start(
        *words: str, more: Mapping[str, str] | None = None, shell: str = ""
    ) -> subprocess.CompletedProcess[bytes]:
        command = ["/bin/sh", "-c", f'exec "$@" {shell}', "sh", *words] if shell else words
        return subprocess.run(
            command,
            cwd=folder,
            env={"PATH": path, "HOME": "/nonexistent", **(more or {})},
            capture_output=True,
            check=False,
        )

    return start


def check_arguments(run: Run, start: str) -> None:
    """Check that the program gets its arguments as they are, and nothing of the environment."""
    done = run(start, "a b", "", "--help")
    assert done.stderr == b""
    assert json.loads(done.stdout)["arguments"] == ["a b", "", "--help"]
    assert json.loads(done.stdout)["isolated"] == 1
