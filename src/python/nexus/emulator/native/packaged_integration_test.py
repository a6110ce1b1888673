"""A release translates by itself: `compilers.pex` beside it, LLVM installed for its interpreter."""

from __future__ import annotations

import ctypes
import os
import shutil
import struct
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Final

import llvmlite
import pytest

PACKAGED: Final = (
    "src.python.nexus.cli/nexus.pex",
    "src.python.nexus.emulator.native/compilers.pex",
    "ci/native-interpreter.bin",
)
PR_SET_CHILD_SUBREAPER: Final = 36

# Two instructions, 60 million times, and the board is switched off.
CODE: Final = (
    0x039392B7,  # lui t0, 0x3939
    0xFFF28293,  # addi t0, t0, -1
    0xFE029EE3,  # bne t0, zero, -4
    0x00100337,  # lui t1, 0x100
    0x000053B7,  # lui t2, 5
    0x55538393,  # addi t2, t2, 0x555
    0x00732023,  # sw t2, 0(t1)
    0x0000006F,  # j .
)
BASE: Final = 0x8000_0000


def make_kernel() -> bytes:
    """An ELF whose hot page is worth a translation."""
    code = struct.pack(f"<{len(CODE)}I", *CODE)
    header = struct.pack(
        "<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 2, 243, 1, BASE, 64, 0, 0, 64, 56, 1, 0, 0, 0
    )
    segment = struct.pack("<IIQQQQQQ", 1, 5, 120, BASE, BASE, len(code), len(code), 4096)
    return header + segment + code


@pytest.fixture(scope="module")
def interpreter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This Python with packages of its own, among them LLVM, as a user may have installed it."""
    real = Path(
        sysconfig.get_path(
            "stdlib", vars={"base": sys.base_prefix, "installed_base": sys.base_prefix}
        )
    )
    prefix = tmp_path_factory.mktemp("an interpreter")
    library = prefix / "lib" / real.name
    (prefix / "bin").mkdir()
    library.mkdir(parents=True)
    for entry in real.iterdir():
        if entry.name not in ("site-packages", "dist-packages"):
            (library / entry.name).symlink_to(entry)
    for entry in real.parent.glob("libpython*"):
        (prefix / "lib" / entry.name).symlink_to(entry)
    python = prefix / "bin" / "python3"
    shutil.copy(os.path.realpath(sys.executable), python)
    packages = library / "site-packages"
    packages.mkdir()
    installed = Path(llvmlite.__file__).resolve().parent
    (packages / "llvmlite").symlink_to(installed)
    return python


def test_the_second_run_uses_what_the_first_had_translated(
    interpreter: Path, tmp_path: Path
) -> None:
    release, home = tmp_path / "a release", tmp_path / "a home"
    release.mkdir()
    home.mkdir()
    for path in PACKAGED:
        shutil.copy(path, release)
    (tmp_path / "k.elf").write_bytes(make_kernel())
    # The translator outlives the run that starts it, and then is ours to wait for.
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)

    def run() -> bytes:
        kernel = str(tmp_path / "k.elf")
        command = [str(release / "nexus.pex"), "vm", "run", "--kernel", kernel]
        return subprocess.run(
            command,
            env={"PATH": f"{interpreter.parent}:{os.defpath}", "HOME": str(home)},
            capture_output=True,
            check=True,
        ).stdout

    first = run()
    os.wait()
    (made,) = (home / ".cache/nexus/translations").glob("*/??/*")
    os.utime(made, (0, 0))
    assert run() == first
    assert made.stat().st_mtime > 0, "what is used is marked as used"
    with pytest.raises(ChildProcessError):
        os.wait()  # Nothing was left to translate.
