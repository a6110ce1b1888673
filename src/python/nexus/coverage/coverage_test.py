"""From executed pages to parts and lines: figures, files, and what is said when they do not fit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import pytest

from nexus.cli.main import main
from nexus.coverage import executed as executed_file
from nexus.coverage import lcov, lines, page, profile, text
from nexus.coverage.attribution import Attribution
from nexus.coverage.code import Part, parts_of
from nexus.coverage.coverage_cases import SERVICE_AT, kernel_of, lines_of, page_of, system
from nexus.coverage.executed import Executed, Reached, merged
from nexus.coverage.figures import combine
from nexus.coverage.reading import read_executed, read_lines_file
from nexus.emulator.coverage import EXECUTED, NOT_TAKEN, TAKEN

SAME = "li a0, 1\nret"
IMAGE = system(logd="li a0, 3\nli a1, 4\nret", policyd="li a0, 5\nret")
PARTS = {part.name: part for part in parts_of(IMAGE, "the image")}


def run_of(*pages: tuple[str, int]) -> Executed:
    """A run that executed one instruction of each of some parts."""
    return Attribution(list(PARTS.values())).attribute(
        page_of(PARTS[name], offset) for name, offset in pages
    )


def was_executed(executed: Executed, part: Part, address: int) -> bool:
    """Whether the instruction at an address of a part was executed."""
    return Reached(executed.parts[part.name, part.digest]).is_any(address, address + 2)


def test_pages_of_services_at_the_same_address_are_told_apart() -> None:
    executed = run_of(("logd", 4), ("policyd", 0))
    assert was_executed(executed, PARTS["logd"], SERVICE_AT + 4)
    assert not was_executed(executed, PARTS["logd"], SERVICE_AT)
    assert was_executed(executed, PARTS["policyd"], SERVICE_AT)
    assert executed.pages_unknown == 0


def test_services_with_the_same_bytes_are_told_apart_by_their_place() -> None:
    parts = {part.name: part for part in parts_of(system(one=SAME, two=SAME), "the image")}
    place = parts["two"].stretches[0].physical
    executed = Attribution(list(parts.values())).attribute(
        [page_of(parts["two"], 4, physical=place)]
    )
    assert was_executed(executed, parts["two"], SERVICE_AT + 4)
    assert not was_executed(executed, parts["one"], SERVICE_AT + 4)


def test_code_of_no_part_is_counted() -> None:
    other = {part.name: part for part in parts_of(system(logd="li a0, 9\nret"), "other")}
    executed = Attribution(list(PARTS.values())).attribute([page_of(other["logd"], 0)])
    assert executed.pages_unknown == 1
    assert "1 executed pages belong to no part" in text.render(combine(executed, []), executed)


def test_lines_are_hit_or_missed_and_others_are_not_mentioned() -> None:
    coverage = combine(run_of(("kernel", 0), ("kernel", 4)), [lines_of(PARTS["kernel"])])
    file = coverage.files["src/main.zig"]
    assert file.lines == {10: True, 11: True, 12: False, 13: False}
    assert (coverage.hit, coverage.found, file.missed) == (2, 4, [12, 13])
    assert file.functions == {(10, "main"): True}


def test_a_file_of_two_parts_is_hit_by_either() -> None:
    executed = run_of(("logd", 0), ("policyd", 4))
    both = combine(executed, [lines_of(PARTS["logd"]), lines_of(PARTS["policyd"])])
    assert both.files["src/main.zig"].lines == {10: True, 11: True, 12: False}


def test_files_of_the_compiler_are_left_out() -> None:
    executed = run_of(("logd", 0))
    assert not combine(executed, [lines_of(PARTS["logd"], "zig/std/mem.zig")]).files


def test_ways_of_branches_are_in_the_trace_file() -> None:
    pages = [page_of(PARTS["kernel"], 4, flags=EXECUTED | NOT_TAKEN)]
    executed = Attribution(list(PARTS.values())).attribute(pages)
    info = lcov.render(combine(executed, [lines_of(PARTS["kernel"])]), "a test")
    assert info == (
        "TN:a_test\nSF:src/main.zig\nFN:10,main\nFNDA:0,main\nFNF:1\nFNH:0\n"
        "BRDA:11,0,0,0\nBRDA:11,0,1,1\nBRF:2\nBRH:1\n"
        "DA:10,0\nDA:11,1\nDA:12,0\nDA:13,0\nLF:4\nLH:1\nend_of_record\n"
    )


def test_ways_of_branches_are_counted() -> None:
    pages = [page_of(PARTS["kernel"], 4, flags=EXECUTED | NOT_TAKEN)]
    executed = Attribution(list(PARTS.values())).attribute(pages)
    coverage = combine(executed, [lines_of(PARTS["kernel"])])
    assert coverage.ways == (1, 2)
    assert "1 of 2 ways of branches were taken, 50.0 %." in text.render(coverage, executed)


INLINED: Final = [(4, 12, 1, "outer"), (8, 12, 2, "inner"), (0, 4, 1, "before")]


def test_functions_that_are_part_of_others_are_covered_as_such() -> None:
    executed = run_of(("kernel", 4))
    file = combine(executed, [lines_of(PARTS["kernel"], inlined=INLINED)]).files["src/main.zig"]
    assert file.functions == {
        (10, "main"): False,
        (30, "before"): False,
        (30, "inner"): False,
        (30, "outer"): True,
    }
    # The lines that call them: 21 for one that was reached and one that was not, 22 for the latter.
    assert (file.lines[21], file.lines[22]) == (True, False)


def test_functions_that_are_part_of_others_are_frames() -> None:
    kernel = PARTS["kernel"]
    start = kernel.pages()[0]
    namer = profile.Namer(kernel, lines_of(kernel, inlined=INLINED))
    assert [namer.frames_of(start + at) for at in (0, 4, 10, 12)] == [
        ["main", "before"],
        ["main", "outer"],
        ["main", "outer", "inner"],
        ["main"],
    ]


def test_merging_is_the_same_in_any_order_and_adds_runs() -> None:
    one, two = run_of(("kernel", 0)), run_of(("kernel", 4), ("logd", 0))
    two.parts["kernel", PARTS["kernel"].digest][PARTS["kernel"].pages()[0]].taken = TAKEN
    first = executed_file.render(merged([one, two]))
    assert first == executed_file.render(merged([two, one]))
    assert json.loads(first)["runs"] == 2


def test_the_file_reads_back_as_it_was(tmp_path: Path) -> None:
    run = run_of(("kernel", 0), ("logd", 4))
    path = tmp_path / "coverage.json"
    path.write_text(executed_file.render(run))
    assert executed_file.render(read_executed(tmp_path)) == path.read_text()


def test_lines_of_another_build_are_not_taken_for_these() -> None:
    older = kernel_of(system(logd=SAME))
    lines_of_other = lines_of(older).model_copy(update={"digest": "0" * 32})
    executed = run_of(("kernel", 0))
    coverage = combine(executed, [lines_of_other])
    shown = text.render(coverage, executed)
    assert coverage.found == 0
    assert "kernel: another build: its code is not that of the lines" in shown
    assert "logd: there is no debug information for it" in shown


def test_pages_show_sources_and_escape_them() -> None:
    executed = run_of(("kernel", 0))
    coverage = combine(executed, [lines_of(PARTS["kernel"])])
    source = "\n" * 9 + "<script>alert(1)</script>\n"
    files = page.render(coverage, executed, {"src/main.zig": source})
    assert sorted(files) == ["index.html", "src_main.zig.html"]
    shown = files["src_main.zig.html"]
    assert '<tr id="L10" class="hit">' in shown
    assert '<tr id="L12" class="missed">' in shown
    assert "<script>" not in shown
    assert 'href="src_main.zig.html"' in files["index.html"]


def written(folder: Path, run: Executed) -> tuple[Path, Path]:
    coverage, known = folder / "coverage.json", folder / "lines.json"
    coverage.write_text(executed_file.render(run))
    known.write_text(lines.render([lines_of(PARTS["kernel"])]))
    return coverage, known


def test_the_report_ends_with_1_below_the_minimum(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    coverage, known = written(tmp_path, run_of(("kernel", 0)))
    arguments = ["coverage", "report", str(coverage), "--lines", str(known)]
    out = str(tmp_path / "html")
    assert main([*arguments, "--minimum", "1", "--out", out]) == 0
    assert sorted(it.name for it in Path(out).iterdir()) == [
        "coverage.info",
        "index.html",
        "src_main.zig.html",
    ]
    assert main([*arguments, "--minimum", "2"]) == 1
    assert "1 lines were executed, 2 are expected" in capsys.readouterr().err


def test_merge_writes_what_report_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    coverage, _ = written(tmp_path, run_of(("kernel", 0)))
    out = tmp_path / "all.json"
    assert main(["coverage", "merge", str(coverage), str(tmp_path), "--out", str(out)]) == 0
    assert read_executed(out).runs == 2
    assert capsys.readouterr().out == f"{out}: 2 runs\n"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", "not JSON"),
        ("{}", "'format' is missing"),
        ('{"format": 2}', "is missing"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_a_file_that_is_not_coverage_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, complaint: str
) -> None:
    coverage, known = written(tmp_path, run_of(("kernel", 0)))
    coverage.write_text(content)
    assert main(["coverage", "report", str(coverage), "--lines", str(known)]) == 20
    shown = capsys.readouterr().err
    assert complaint in shown
    assert shown.count("\n") == 1


def test_a_part_of_a_file_is_named_with_its_value(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    coverage, _ = written(tmp_path, run_of(("kernel", 0)))
    held = json.loads(coverage.read_text())
    held["parts"][0]["digest"] = "xyz"
    coverage.write_text(json.dumps(held))
    assert main(["coverage", "merge", str(coverage), "--out", str(tmp_path / "x")]) == 20
    assert 'parts.0.digest: "xyz"' in capsys.readouterr().err


@pytest.mark.parametrize(
    ("table", "text", "complaint"),
    [
        ("rows", "80000000 9 1\n", "lines of kernel: rows: file 9; the last one is 0"),
        ("functions", "80000000 4 7 1 f\n", "lines of kernel: functions: file 7"),
        ("declared", "7 1 f\n", "lines of kernel: declared: file 7; the last one is 0"),
        ("inlined", "80000000 4 1 9 0 1\n", "lines of kernel: inlined: function 9"),
        ("inlined", "80000000 4 1 0 9 1\n", "lines of kernel: inlined: file 9"),
        ("rows", "x", "parts.0.rows: "),
        ("branches", "-4\n", "parts.0.branches: "),
    ],
)
def test_a_table_of_lines_that_says_what_cannot_be_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], table: str, text: str, complaint: str
) -> None:
    coverage, known = written(tmp_path, run_of(("kernel", 0)))
    held = json.loads(lines.render([lines_of(PARTS["kernel"], inlined=INLINED)]))
    held["parts"][0][table] = text
    known.write_text(json.dumps(held))
    assert main(["coverage", "report", str(coverage), "--lines", str(known)]) == 20
    shown = capsys.readouterr()
    assert complaint in shown.err
    assert shown.err.count("\n") == 1
    assert shown.out == ""


def test_an_elf_without_debug_information_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    coverage, _ = written(tmp_path, run_of(("kernel", 0)))
    image = tmp_path / "system.elf"
    image.write_bytes(IMAGE)
    assert main(["coverage", "report", str(coverage), "--lines", str(image)]) == 20
    assert "it has no debug information" in capsys.readouterr().err


def test_a_twin_with_other_code_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image, twin = tmp_path / "system.elf", tmp_path / "twin.elf"
    image.write_bytes(IMAGE)
    twin.write_bytes(system(logd=SAME))
    arguments = ["coverage", "lines", "--image", str(image), "--out", str(tmp_path / "l.json")]
    assert main([*arguments, "--twin", f"logd={twin}"]) == 20
    assert "the code of" in capsys.readouterr().err
    assert main([*arguments, "--twin", f"lodg={twin}"]) == 20
    assert "no such part; it has kernel, logd, policyd" in capsys.readouterr().err


def test_lines_read_back_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "lines.json"
    known = lines_of(PARTS["kernel"], inlined=INLINED)
    path.write_text(lines.render([known]))
    (read,) = read_lines_file(path)
    assert (read.rows, read.branches, read.functions, read.inlined) == (
        known.rows,
        known.branches,
        known.functions,
        known.inlined,
    )
