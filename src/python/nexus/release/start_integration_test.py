"""The packaged program, started as a release starts it, under variables of other programs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from nexus.core.version import VERSION

PACKAGED: Final = Path("src.python.nexus.cli/nexus.pex")
# With each of these alone, a PEX ends with a traceback, or does something else.
HOSTILE: Final = {
    "PEX_PATH": "/none",
    "PEX_ROOT": "/proc/none",
    "PEX_INTERPRETER": "1",
    "PEX_MODULE": "none",
    "PEX_SCRIPT": "none",
    "PEX_PYTHON": "/none",
    "PEX_PYTHON_PATH": "/none",
    "PEX_TOOLS": "1",
    "__PEX_ENTRY_POINT__": "/none",
    "PYTHONHOME": "/none",
    "PYTHONIOENCODING": "none",
    "PYTHONMALLOC": "none",
    "PYTHONHASHSEED": "none",
    "PYTHONEXECUTABLE": "/none",
}


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("a release")
    shutil.copy(PACKAGED, folder / "nexus.pex")
    shutil.copy(Path(__file__).with_name("nexus.sh"), folder / "nexus")
    (folder / ".pexrc").write_text("PEX_MODULE=none\n")
    (folder / "bin").mkdir()
    (folder / "bin" / "python3").symlink_to(sys.executable)
    return folder


@pytest.mark.parametrize(
    ("program", "hostile"),
    [
        *(("nexus", [name]) for name in HOSTILE),
        *((program, list(HOSTILE)) for program in ("nexus", "nexus.pex")),
    ],
)
def test_variables_of_other_programs_change_nothing(
    program: str, hostile: list[str], release: Path
) -> None:
    done = subprocess.run(
        [release / program, "--version"],
        env={
            "PATH": os.pathsep.join([str(release / "bin"), os.defpath]),
            "HOME": str(release),
            **{name: HOSTILE[name] for name in hostile},
        },
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, f"nexus {VERSION}\n".encode(), b"")


def test_the_plugin_chooses_a_module_of_a_file_that_it_gives_to_python(release: Path) -> None:
    done = subprocess.run(
        [release / "bin" / "python3", release / "nexus.pex", "--help"],
        env={
            "PATH": os.pathsep.join([str(release / "bin"), os.defpath]),
            "HOME": str(release),
            "PEX_MODULE": "nexus.harness.os2vm",
        },
        capture_output=True,
        check=True,
    )
    assert b"os2vm" in done.stdout.splitlines()[0]


def test_a_start_after_the_first_does_without_the_loader(release: Path) -> None:
    path = os.pathsep.join([str(release / "bin"), os.defpath])

    def start(*words: str) -> bytes:
        *starter, name = words
        done = subprocess.run(
            [*starter, release / name, "--version"],
            env={"PATH": path, "HOME": str(release)},
            capture_output=True,
            check=True,
        )
        return done.stdout

    ways = (("nexus",), ("sh", "nexus.pex"), ("python3", "nexus.pex"))
    for words in (ways[0], *ways):
        assert start(*words) == f"nexus {VERSION}\n".encode()
    (link,) = (release / ".cache/pex/quick").glob("**/python3")
    assert (link / "bin" / "python").exists()
    # Something else in the place of what was unpacked shows that nothing else is looked at.
    aside = link.rename(link.with_name("aside"))
    (link / "bin").mkdir(parents=True)
    (link / "bin" / "python").symlink_to(sys.executable)
    (link / "pex").write_text("print('unpacked')")
    assert {start(*words) for words in ways} == {b"unpacked\n"}
    shutil.rmtree(link)
    aside.rename(link)
