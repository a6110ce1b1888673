"""Finds what a release puts beside its program."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

# The code that makes machines fast: the release and `./pants package ci:interpreter` call it so.
NATIVE_INTERPRETER: Final = "native-interpreter.bin"

# In which a packaged program finds its own path; links are followed.
_PROGRAM: Final = "PEX"


def find_beside(name: str) -> Path | None:
    """Return the path of a file that lies beside this packaged program, None if there is none."""
    program = os.environ.get(_PROGRAM)
    if not program:
        return None
    path = Path(os.path.realpath(program)).parent / name
    return path if path.is_file() else None
