"""The compiled interpreter, which Pants puts beside a test that depends on `//ci:interpreter`."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Final

from nexus.emulator.native.processor import HOSTS

INTERPRETER: Final = Path("ci/native-interpreter.bin")
RUNS_HERE: Final = platform.machine() in HOSTS


def native_interpreter() -> bytes | None:
    """Return its code, or None on a machine it does not run on; every engine does the same."""
    return INTERPRETER.read_bytes() if RUNS_HERE else None
