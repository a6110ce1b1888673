"""The differential program: against a QEMU if there is one, and without."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from nexus.harness import emulator_differential as differential
from nexus.harness.qemu_command import PROGRAM


def stand_in(folder: Path, script: str) -> None:
    program = folder / PROGRAM
    head = 'if [ "$1" = --version ]; then echo "QEMU emulator version 7.2.0"; exit; fi\n'
    program.write_text(f"#!/bin/sh\n{head}{script}\n")
    program.chmod(0o755)


@pytest.mark.parametrize(
    ("script", "code", "said"),
    [
        ("exit 0", 1, "probes on QEMU 7.2.0 and reference: 5 differences"),
        ("echo broken >&2; exit 3", 21, "host-fault: QEMU ended with 3: broken"),
    ],
)
def test_a_qemu_that_answers_otherwise_is_told(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    script: str,
    code: int,
    said: str,
) -> None:
    stand_in(tmp_path, script)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert differential.main(["--programs", "1", "--probes", "5"]) == code
    output = capsys.readouterr()
    assert said in output.out + output.err


def test_without_qemu_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert differential.main([]) == 22
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("arguments", [["--programs", "0"], ["--probes", "9999"], ["--what"]])
def test_mistakes_are_one_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert differential.main(arguments) == 20
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.skipif(shutil.which(PROGRAM) is None, reason=f"{PROGRAM} is not on this host")
def test_qemu_agrees(capsys: pytest.CaptureFixture[str]) -> None:
    assert differential.main(["--programs", "3", "--seed", "1000"]) == 0, capsys.readouterr().out
