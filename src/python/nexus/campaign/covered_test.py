"""The code that a campaign executes, added up: in any order the same, with lines or without."""

from __future__ import annotations

import json

from nexus.campaign.covered import Sum
from nexus.coverage.attribution import Attribution
from nexus.coverage.code import parts_of
from nexus.coverage.coverage_cases import lines_of, page_of, system
from nexus.coverage.executed import Executed

PARTS = {part.name: part for part in parts_of(system(logd="li a0, 3\nret"), "the image")}
LINES = [lines_of(PARTS["kernel"]), lines_of(PARTS["logd"])]


def run_of(name: str, offset: int) -> Executed:
    return Attribution(list(PARTS.values())).attribute([page_of(PARTS[name], offset)])


def files_of(*runs: Executed) -> dict[str, str]:
    total = Sum(LINES)
    for executed in runs:
        total.add(executed)
    return total.files(total.coverage(), lambda paths: dict.fromkeys(paths, "a source"))


def test_the_order_of_runs_does_not_matter() -> None:
    one, two = run_of("kernel", 0), run_of("logd", 4)
    files = files_of(one, two)
    assert files == files_of(two, one)
    assert list(files) == [
        "coverage.json",
        "coverage.info",
        "coverage/index.html",
        "coverage/src_main.zig.html",
    ]
    assert json.loads(files["coverage.json"])["runs"] == 2
    assert "a source" in files["coverage/src_main.zig.html"]


def test_the_sum_is_a_sentence() -> None:
    total = Sum(LINES)
    assert total.text(total.coverage()) == "coverage: no run has ended"
    total.add(run_of("kernel", 0))
    total.add(run_of("kernel", 4))
    assert total.text(total.coverage()) == "coverage: 2 of 4 lines were executed, 50.0 %"


def test_without_lines_there_are_addresses() -> None:
    total = Sum([])
    total.add(run_of("kernel", 0))
    coverage = total.coverage()
    assert list(total.files(coverage, lambda _: {})) == ["coverage.json"]
    assert "--lines has nothing of these images" in total.text(coverage)
