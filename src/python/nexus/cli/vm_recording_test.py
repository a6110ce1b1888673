"""`nexus vm run` with a record of what the guest executes, and what does not go with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nexus.cli.vm_run import main
from nexus.coverage.code import parts_of
from nexus.coverage.coverage_cases import lines_of
from nexus.coverage.lines import render
from nexus.emulator.program_support import EXIT, program

KERNEL = program(
    f"""
    li a0, 3
again:
    addi a0, a0, -1
    bne a0, zero, again
    {EXIT}
    """
)


@pytest.fixture
def kernel(tmp_path: Path) -> Path:
    path = tmp_path / "kernel.elf"
    path.write_bytes(KERNEL)
    return path


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    path = tmp_path / "lines.json"
    path.write_text(render([lines_of(parts_of(KERNEL, "kernel")[0])]))
    return path


def run(kernel: Path, *more: str | Path) -> int:
    words = ["--kernel", kernel, "--engine", "reference", *more]
    return main([str(word) for word in words])


def test_what_was_executed_is_written(kernel: Path, tmp_path: Path) -> None:
    out = tmp_path / "coverage.json"
    assert run(kernel, "--coverage", out) == 0
    held = json.loads(out.read_text())
    assert held["has_branches"]
    (part,) = held["parts"]
    assert part["name"] == "kernel"
    assert part["pages"]["0x80000000"]["taken"]


def test_lines_are_written_as_a_trace_file(kernel: Path, lines: Path, tmp_path: Path) -> None:
    out = tmp_path / "coverage.info"
    assert run(kernel, "--coverage", out, "--lines", lines) == 0
    text = out.read_text()
    assert text.startswith("TN:kernel_elf\nSF:src/main.zig\n")
    assert "DA:10,1" in text
    assert "BRDA:12,0,0,1\nBRDA:12,0,1,1" in text


def test_without_lines_the_run_says_so(
    kernel: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(kernel, "--coverage", tmp_path / "coverage.info") == 0
    assert "no part of the image has debug information" in capsys.readouterr().err


def test_a_profile_is_the_same_every_time(kernel: Path, lines: Path, tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("one.folded", "two.folded", "three.svg")]
    for path in files:
        assert run(kernel, "--profile", path, "--profile-every", "2", "--lines", lines) == 0
    assert files[0].read_text() == files[1].read_text()
    assert files[0].read_text().startswith("vm;kernel;main ")
    assert files[2].read_text().startswith("<svg ")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--lines", "x"), "--lines: goes with --coverage or --profile"),
        (("--profile-every", "5"), "--profile-every: goes with --profile"),
        (("--profile", "x", "--profile-every", "0"), "--profile-every: '0' is not a whole number"),
        (("--coverage", "x", "--trace", "traps"), "--coverage: does not go with --trace"),
        (("--coverage", "x", "--gdb", "0"), "--coverage: does not go with --gdb"),
        (("--coverage", "x", "--lines", "nowhere"), "cannot read nowhere"),
    ],
)
def test_what_does_not_go_together_is_one_line(
    kernel: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    complaint: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(kernel, *arguments) == 20
    shown = capsys.readouterr().err
    assert complaint in shown
    assert shown.count("\n") == 1
