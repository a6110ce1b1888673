"""Packaged programs but `nexus`, under variables of other programs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

# The packaged programs, and how `--help` ends: here, Python has no LLVM.
PROGRAMS: Final = {
    "ci/cache_report.pex": 0,
    "src.python.nexus.emulator.native/compilers.pex": 21,
}
HOSTILE: Final = {
    "PEX_PATH": "/none",
    "PEX_ROOT": "/proc/none",
    "PEX_INTERPRETER": "1",
    "PEX_MODULE": "none",
    "PEX_SCRIPT": "none",
    "PEX_PYTHON": "/none",
    "PEX_TOOLS": "1",
    "PYTHONHOME": "/none",
    "PYTHONIOENCODING": "none",
}


@pytest.mark.parametrize("packaged", PROGRAMS)
def test_variables_of_other_programs_reach_none(packaged: str, tmp_path: Path) -> None:
    program = shutil.copy(packaged, tmp_path)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3").symlink_to(sys.executable)
    plain = {"PATH": f"{tmp_path}/bin{os.pathsep}{os.defpath}", "HOME": str(tmp_path)}
    first, second = (
        subprocess.run([program, "--help"], env=env, capture_output=True, check=False)
        for env in (plain, plain | HOSTILE)
    )
    code = PROGRAMS[packaged]
    assert (first.returncode, first.stderr.count(b"\n")) == (code, bool(code)), first.stderr
    assert (second.returncode, second.stdout, second.stderr) == (code, first.stdout, first.stderr)
