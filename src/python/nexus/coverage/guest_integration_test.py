"""The real guest: its line table has the code that runs, and the worlds reach most of its lines.

The figures are shares of the lines of each part, in per cent, that the two nodes of `ci/os2vm.toml`
execute.  They must not fall: a change that adds code to a service adds a marker that reaches it, or
says here why not.  `./pants test --use-coverage ci:: testprojects::` adds up all worlds.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

import pytest

from nexus.coverage.code import parts_of
from nexus.coverage.figures import Coverage, combine
from nexus.coverage.reading import read_executed, read_lines_file
from nexus.emulator.native_interpreter_support import INTERPRETER, RUNS_HERE
from nexus.harness import os2vm

SYSTEM: Final = Path("src.guest/system.elf")
LINES: Final = Path("src.guest/lines.json")
PACKAGES: Final = Path("testprojects.packages/packages.img")

# Part of the image, and the share of its lines that the world must execute at least.
MINIMUM_PERCENT: Final = {
    "bundlemgrd": 83,
    "dsoftbusd": 62,
    "init": 78,
    "kernel": 92,
    "logd": 66,
    "netstackd": 77,
    "packagefsd": 87,
    "policyd": 72,
    "rngd": 82,
    "samgrd": 63,
    "selftest-client": 87,
    "statefsd": 63,
}

# The same for both ways of all branches of the project's files.
MINIMUM_WAYS_PERCENT: Final = 30


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The artifacts of a run of the two nodes, recorded."""
    out = tmp_path_factory.mktemp("run")
    images = ("--image", f"system={SYSTEM}", "--image", f"packages={PACKAGES}")
    blob = ("--native-blob", str(INTERPRETER)) if RUNS_HERE else ()
    recorded = ("--coverage", "--profile", "--lines", str(LINES))
    arguments = ["--world", "ci/os2vm.toml", *images, *blob, *recorded, "--out", str(out)]
    assert os2vm.main(arguments) == 0
    return out


@pytest.fixture(scope="module")
def coverage(run: Path) -> Coverage:
    """Combine a run's coverage with the table of lines."""
    return combine(read_executed(run), read_lines_file(LINES))


def test_the_lines_are_those_of_the_code_that_boots() -> None:
    parts = parts_of(SYSTEM.read_bytes(), str(SYSTEM))
    lines = read_lines_file(LINES)
    assert {(part.name, part.digest) for part in lines} == {(it.name, it.digest) for it in parts}


def test_the_lines_have_no_path_of_a_machine() -> None:
    files = {path for part in read_lines_file(LINES) for path in part.files}
    assert "src/guest/kernel/main.zig" in files
    assert not [path for path in files if path.startswith("/") or "sandbox" in path]


def test_every_part_is_executed_as_far_as_it_was(coverage: Coverage) -> None:
    shares = {part.name: 100 * part.hit // part.found for part in coverage.parts}
    assert shares.keys() == MINIMUM_PERCENT.keys()
    fallen = {name: share for name, share in shares.items() if share < MINIMUM_PERCENT[name]}
    assert not fallen


def test_all_that_was_executed_belongs_to_a_part(run: Path) -> None:
    assert json.loads((run / "coverage.json").read_text())["pages_unknown"] == 0


def test_what_a_marker_proves_was_executed(coverage: Coverage) -> None:
    """The line after which the kernel's greeting was printed, and one that only a panic reaches."""
    files = coverage.files
    assert files["src/guest/kernel/main.zig"].hit
    assert files["src/guest/services/dsoftbusd/main.zig"].hit
    assert not any(is_hit for _, is_hit in files["src/guest/kernel/stop.zig"].lines.items())


def test_both_ways_of_branches_are_known(coverage: Coverage) -> None:
    """Some branches went both ways, some one way; none that was not executed went any."""
    ways = [way for file in coverage.files.values() for way in file.branches.values()]
    kinds = {(taken, not_taken) for taken, not_taken, was_executed in ways if was_executed}
    assert kinds >= {(True, True), (True, False), (False, True)}
    assert not [way for way in ways if not way[2] and (way[0] or way[1])]
    gone, found = coverage.ways
    assert 100 * gone // found >= MINIMUM_WAYS_PERCENT


def test_functions_that_are_part_of_others_are_known(run: Path, coverage: Coverage) -> None:
    parts = read_lines_file(LINES)
    inlined = {it.name for part in parts for it in part.declared}
    symbols = {it.name for part in parts for it in part.functions}
    alone = inlined - symbols
    reached = {
        name
        for file in coverage.files.values()
        for (_, name), is_hit in file.functions.items()
        if is_hit
    }
    assert reached & alone
    frames = {
        frame
        for line in (run / "profile.folded").read_text().splitlines()
        for frame in line.rpartition(" ")[0].split(";")
    }
    assert frames & alone


def test_the_profile_names_machines_parts_and_functions(run: Path) -> None:
    lines = (run / "profile.folded").read_text().splitlines()
    stacks = [line.rpartition(" ")[0].split(";") for line in lines]
    assert {stack[0] for stack in stacks} == {"A", "B"}
    assert {stack[1] for stack in stacks} >= {"kernel", "dsoftbusd"}
    named = [stack for stack in stacks if re.fullmatch(r"[A-Za-z].*", stack[-1])]
    assert len(named) >= 0.9 * len(stacks)


def test_a_recorded_run_is_the_same_run(run: Path, tmp_path: Path) -> None:
    images = ("--image", f"system={SYSTEM}", "--image", f"packages={PACKAGES}")
    blob = ("--native-blob", str(INTERPRETER)) if RUNS_HERE else ()
    plain = ["--world", "ci/os2vm.toml", *images, *blob, "--out", str(tmp_path)]
    assert os2vm.main(plain) == 0
    for name in ("uart-A.log", "uart-B.log", "capture.pcapng", "trace.txt", "timeline.jsonl"):
        assert (tmp_path / name).read_bytes() == (run / name).read_bytes(), name
    held = [json.loads((it / "summary.json").read_text()) for it in (run, tmp_path)]
    assert held[0]["deterministic"] == held[1]["deterministic"]


def test_the_page_shows_both(run: Path) -> None:
    page = (run / "report.html").read_text()
    assert "Coverage of the guest" in page
    assert '<svg xmlns="http://www.w3.org/2000/svg"' in page
    assert "src/guest/kernel/main.zig" in page
    assert len(page) < 1_000_000
