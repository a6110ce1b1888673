"""The walk-through of docs/fault-worlds.md, step by step: its files are run, its output compared.

Numbers are left out of the comparison: instants change with each guest.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

from nexus.campaign import simulate
from nexus.cli.main import main as nexus
from nexus.emulator.native_interpreter_support import FOR_PROCESSORS, INTERPRETER, RUNS_HERE

PAGE: Final = Path("docs/fault-worlds.md")
IMAGE: Final = Path("src.guest/system.elf").resolve()
PACKAGES: Final = Path("testprojects.packages/packages.img").resolve()
WORLD: Final = Path("ci/os2vm.toml").resolve()
NATIVE: Final = ("--native-blob", str(Path(INTERPRETER).resolve()))

_BLOCK: Final = re.compile(r"^```\w+\n# (\S+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)

pytestmark = pytest.mark.skipif(not RUNS_HERE, reason=FOR_PROCESSORS)


def without_numbers(lines: Sequence[str]) -> list[str]:
    """Replace the numbers in lines, which differ from guest to guest."""
    return [" ".join(re.sub(r"[0-9]+(\.[0-9]+)?", "N", line).split()) for line in lines]


def shown(page: str, first: str) -> list[str]:
    """The indented lines of the page that begin with this one."""
    lines = page.split("\n")
    start = next(i for i, line in enumerate(lines) if line.startswith(f"    {first}"))
    end = next(i for i in range(start, len(lines)) if not lines[i].startswith("    "))
    return without_numbers(lines[start:end])


def test_the_page_shows_what_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = PAGE.read_text()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEXUS_COMMIT", "abc")
    for name, text in _BLOCK.findall(page):
        Path(name).write_text(text.replace("ci/os2vm.toml", str(WORLD)))
    images = ["--image", f"system={IMAGE}", "--image", f"packages={PACKAGES}"]

    # As the rule of the page's target asks.
    asked = ["--target", "worlds:demo", "--seed", "5", "--out", "dist/demo"]
    assert simulate.main(["demo.toml", *images, *NATIVE, *asked]) == 1
    printed = capsys.readouterr().out.splitlines()
    assert without_numbers(printed[:1]) == shown(page, "FAILED")

    assert nexus(["world", "shrink", "dist/demo/demo-5.replay.json", *NATIVE]) == 0
    printed = without_numbers(capsys.readouterr().out.splitlines())
    expected = shown(page, "scenario demo")
    assert printed[:2] == expected[:2]
    assert printed[-3:] == expected[-3:]

    small = "dist/demo/demo-5.shrunk.replay.json"
    assert nexus(["world", "pinpoint", small, *NATIVE]) == 0
    printed = without_numbers(capsys.readouterr().out.splitlines())
    assert printed[-1:] == shown(page, "inevitable")
