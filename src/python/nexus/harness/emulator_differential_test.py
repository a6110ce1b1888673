"""The differential program: against a QEMU if there is one, and without."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any  # Any: what stand-ins are asked with.

import pytest

from nexus.emulator.differential.arithmetic import Program
from nexus.emulator.native.blob import Blob
from nexus.emulator.native.processor import X86_64
from nexus.harness import emulator_differential as differential
from nexus.harness.engine import HostFaultError
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


PROGRAMS = ["--programs", "2", "--probes", "3", "--rounds", "0", "--seed", "5"]


class Compared:
    """A QEMU that gives these records, and machines of ours that give others."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, found: int) -> None:
        self.asked: list[tuple[object, ...]] = []
        monkeypatch.setattr(differential, "find_qemu", lambda: ("qemu", "7.2.0"))
        monkeypatch.setattr(differential, "run_qemu", lambda *words: self.asked.append(words))
        monkeypatch.setattr(differential, "run_here", lambda *words: self.asked.append(words))
        monkeypatch.setattr(differential, "build", lambda probes: b"%d probes" % len(probes))
        monkeypatch.setattr(
            differential, "differences", lambda *both: [f"difference {n}" for n in range(found)]
        )


@pytest.mark.parametrize(("found", "code"), [(0, 0), (1, 1), (10, 1), (11, 1)])
def test_differences_are_shown_up_to_ten_a_program_and_counted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], found: int, code: int
) -> None:
    Compared(monkeypatch, found)
    assert differential.main(PROGRAMS) == code
    shown = [f"reference: difference {number}" for number in range(min(found, 10))]
    more = ["reference: and 1 more"] * (found == 11)
    assert capsys.readouterr().out.splitlines() == [
        *(f"seed 5, {line}" for line in shown + more),
        *(f"seed 6, {line}" for line in shown + more),
        f"6 probes on QEMU 7.2.0 and reference: {2 * found} differences",
    ]


def test_with_native_code_both_engines_are_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    compared = Compared(monkeypatch, 0)
    code = Blob(enter=0, fill=4, handlers=3, code=bytes(8), processor=X86_64).pack()
    (tmp_path / "blob").write_bytes(code)
    assert differential.main([*PROGRAMS, "--native-blob", str(tmp_path / "blob")]) == 0
    assert [words[:2] for words in compared.asked if words[0] != "qemu"] == [
        *((b"3 probes", None), (b"3 probes", code)) * 2
    ]
    assert "7.2.0 and reference, native: 0 differences" in capsys.readouterr().out


def test_a_file_that_is_not_the_native_interpreter_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "blob").write_bytes(b"code")
    assert differential.main(["--native-blob", str(tmp_path / "blob")]) == 20
    assert capsys.readouterr().err == (
        f"emulator_differential: bad-configuration: --native-blob: {tmp_path}/blob: "
        "native blob: 4 bytes; expected a header of 72, then code;"
        " build it again with this version\n"
    )


def test_the_first_program_is_that_of_seed_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Compared(monkeypatch, 1)
    assert differential.main(["--programs", "1", "--probes", "3", "--rounds", "0"]) == 1
    assert capsys.readouterr().out.startswith("seed 1, reference: difference 0\n")


@pytest.mark.parametrize("rounds", [1, 3])
def test_more_rounds_have_more_time(monkeypatch: pytest.MonkeyPatch, rounds: int) -> None:
    monkeypatch.setattr(Program, "differing", lambda *both: [])
    compared = Compared(monkeypatch, 0)
    differential.compare_arithmetic("qemu", "8.0.0", Program((), 1, rounds), None, Path())
    *_, ours_ns = compared.asked[-1]
    assert ours_ns == 20_000_000 + rounds * 1_000_000


@pytest.mark.parametrize(
    ("option", "value", "accepted"),
    [
        *(("--programs", value, "1..100000") for value in (0, 100_001)),
        *(("--probes", value, "1..1000") for value in (0, 1001)),
        *(("--rounds", value, "0..10000000") for value in (-1, 10_000_001)),
    ],
)
def test_a_number_that_is_too_small_or_too_large_is_named(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    option: str,
    value: int,
    accepted: str,
) -> None:
    Compared(monkeypatch, 0)
    assert differential.main([f"{option}={value}"]) == 20
    assert f"{option}: '{value}' is not a whole number in {accepted}" in capsys.readouterr().err


def test_the_largest_numbers_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def compare(*words: object) -> int:
        asked.append(words)
        return 0

    Compared(monkeypatch, 0)
    monkeypatch.setattr(differential, "compare_all", compare)
    monkeypatch.setattr(differential, "compare_arithmetic", compare)
    assert differential.main(["--programs=100000", "--probes=1000", "--rounds=10000000"]) == 0
    assert (asked[0][2], asked[0][3], asked[1][2].rounds) == (range(1, 100_001), 1000, 10_000_000)


def test_qemu_gets_the_board_of_the_emulator_and_its_output_is_the_answer(tmp_path: Path) -> None:
    stand_in(tmp_path, 'echo "$@"')
    said = differential.run_qemu(str(tmp_path / PROGRAM), b"kernel", tmp_path).decode().split()
    assert said == [
        "-M",
        "virt",
        "-cpu",
        differential.CPU,
        "-m",
        "16M",
        "-bios",
        "none",
        "-nodefaults",
        "-no-user-config",
        "-display",
        "none",
        "-monitor",
        "none",
        "-serial",
        "stdio",
        "-kernel",
        str(tmp_path / "probes.elf"),
    ]
    assert (tmp_path / "probes.elf").read_bytes() == b"kernel"


def test_a_qemu_that_does_not_end_is_a_fault_of_the_host(tmp_path: Path) -> None:
    stand_in(tmp_path, "exec sleep 60")
    with pytest.raises(HostFaultError, match=r"^QEMU did not end within 0\.2 s$"):
        differential.run_qemu(str(tmp_path / PROGRAM), b"", tmp_path, seconds=0.2)  # type: ignore[arg-type]  # Shorter than users wait.
