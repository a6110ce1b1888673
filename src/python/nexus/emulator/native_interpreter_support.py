"""This host's interpreter, which Pants puts beside a test that depends on `//ci:interpreter`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from nexus.emulator.native.processor import host

INTERPRETER: Final = Path("ci/native-interpreter.bin")
RUNS_HERE: Final = host() is not None
# Why a test is skipped elsewhere; ci/tally.py knows the words.
FOR_PROCESSORS: Final = "the compiled engines are for x86-64 and AArch64"


def native_interpreter() -> bytes | None:
    """Return its code, or None on a machine it does not run on; every engine does the same."""
    return INTERPRETER.read_bytes() if RUNS_HERE else None
