"""The machines that the differential program asks, its questions, and its words for answers."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest

from nexus.emulator.differential.arithmetic import Program
from nexus.emulator.differential.zcb import ZCB
from nexus.emulator.isa.cpu import RV64IMAC, parse_cpu
from nexus.emulator.machine import MachineOptions, Stop
from nexus.harness import emulator_differential as differential
from nexus.harness.engine import EngineUnavailableError, HostFaultError
from nexus.harness.qemu_command import qemu_cpu

NEWER = "rv64gc_zba_zbb_zbs_zicond_zcb"
OLDER = "rv64gc_zba_zbb_zbs"


class FakeMachine:
    """A machine that ends as it is told and has printed something."""

    stop = Stop.FINISHED
    made: ClassVar[list[tuple[MachineOptions, int]]] = []

    def __init__(self, options: MachineOptions) -> None:
        self.options = options

    def run(self, until_ns: int) -> Stop:
        self.made.append((self.options, until_ns))
        return self.stop

    def take_console(self) -> bytes:
        return b"records"


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[tuple[MachineOptions, int]]:
    made: list[tuple[MachineOptions, int]] = []
    monkeypatch.setattr(FakeMachine, "made", made)
    monkeypatch.setattr(differential, "Machine", FakeMachine)
    return made


@pytest.mark.parametrize(("blob", "engine"), [(None, "reference"), (b"code", "native")])
def test_our_machine_is_made_for_the_program_and_the_engine(
    made: list[tuple[MachineOptions, int]], blob: bytes | None, engine: str
) -> None:
    assert differential.run_here(b"kernel", blob) == b"records"
    ((options, until_ns),) = made
    assert (options.kernel, options.ram_bytes, options.cpu) == (b"kernel", 16 << 20, RV64IMAC)
    assert (options.engine, options.native_blob, until_ns) == (engine, blob, 20_000_000)


@pytest.mark.parametrize("stop", [stop for stop in Stop if stop is not Stop.FINISHED])
def test_a_program_that_did_not_end_has_no_records(
    monkeypatch: pytest.MonkeyPatch, made: list[tuple[MachineOptions, int]], stop: Stop
) -> None:
    monkeypatch.setattr(FakeMachine, "stop", stop)
    assert differential.run_here(b"kernel", None) == b""


def stand_in(folder: Path, script: str) -> Path:
    program = folder / "qemu-system-riscv64"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return program


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo first >&2; echo second >&2; exit 3", "QEMU ended with 3: first"),
        ("exit 1", "QEMU ended with 1: "),
    ],
)
def test_a_qemu_that_fails_is_told_by_its_first_line(
    tmp_path: Path, script: str, said: str
) -> None:
    program = stand_in(tmp_path, script)
    with pytest.raises(HostFaultError) as caught:
        differential.run_qemu(str(program), b"", tmp_path)
    assert str(caught.value) == said


def test_qemu_has_twenty_seconds_unless_more_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    class Done:
        returncode, stdout = 0, b"records"

    def run(words: list[str], *, timeout: int, **_: object) -> Done:
        asked.append(timeout)
        return Done()

    monkeypatch.setattr("subprocess.run", run)
    assert differential.run_qemu("qemu", b"", tmp_path) == b"records"
    differential.run_qemu("qemu", b"", tmp_path, seconds=21)
    assert asked == [20, 21]


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (
            "echo QEMU emulator version 7.1.0",
            "engine 'qemu': qemu-system-riscv64 is version 7.1.0; it must be 7.2 or newer",
        ),
        (
            "echo bochs; exit 1",
            "engine 'qemu': qemu-system-riscv64 --version says 'bochs'; expected QEMU 7.2 or newer",
        ),
    ],
)
def test_a_qemu_that_will_not_do_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, said: str
) -> None:
    stand_in(tmp_path, script)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineUnavailableError) as caught:
        differential.find_qemu()
    assert str(caught.value) == said


def test_a_qemu_is_found_with_its_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = stand_in(tmp_path, "echo QEMU emulator version 9.1.2")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert differential.find_qemu() == (str(program), "9.1.2")


class Asked:
    """The questions of a comparison of arithmetic, to QEMU and to machines of ours."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, differing: list[str]) -> None:
        self.qemu: list[tuple[object, ...]] = []
        self.ours: list[tuple[object, ...]] = []

        def run_qemu(*words: object) -> bytes:
            self.qemu.append(words)
            return b"theirs"

        def run_here(*words: object) -> bytes:
            self.ours.append(words)
            return b"ours"

        def differ(_: Program, ours: bytes, theirs: bytes) -> list[str]:
            assert (ours, theirs) == (b"ours", b"theirs")
            return differing

        monkeypatch.setattr(differential, "run_qemu", run_qemu)
        monkeypatch.setattr(differential, "run_here", run_here)
        monkeypatch.setattr(Program, "differing", differ)


def test_rows_that_differ_are_named_and_counted_for_each_engine(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Asked(monkeypatch, ["add", "sub"])
    program = Program((), 7, 3)
    assert differential.compare_arithmetic("q", "8.0.0", program, b"code", Path("f")) == 4
    assert capsys.readouterr().out.splitlines() == [
        "seed 7, reference: add gives other results or flags",
        "seed 7, reference: sub gives other results or flags",
        "seed 7, native: add gives other results or flags",
        "seed 7, native: sub gives other results or flags",
        f"{len(program.names)} rows of {differential._CPU}, 3 rounds each, on QEMU 8.0.0 and"
        " reference, native: 4 differences",
    ]


@pytest.mark.parametrize(
    ("rounds", "blob", "engines", "seconds"),
    [
        (40, None, [None], 20),
        (41, None, [None], 20),
        (40, b"code", [None, b"code"], 20),
        (41, b"code", [b"code"], 20),
        (499, b"code", [b"code"], 20),
        (500, b"code", [b"code"], 21),
        (1499, b"code", [b"code"], 22),
    ],
)
def test_the_reference_takes_part_where_that_does_not_take_long(
    monkeypatch: pytest.MonkeyPatch,
    rounds: int,
    blob: bytes | None,
    engines: list[bytes | None],
    seconds: int,
) -> None:
    asked = Asked(monkeypatch, [])
    differential.compare_arithmetic("q", "9.0.0", Program((), 1, rounds), blob, Path("f"))
    assert [words[1] for words in asked.ours] == engines
    assert {words[3] for words in asked.ours} == {20_000_000 + rounds * 1_000_000}
    ((program, _, folder, cpu, given),) = asked.qemu
    assert (program, folder, given) == ("q", Path("f"), seconds)
    assert cpu == qemu_cpu(differential._CPU, "9.0.0")
    assert {words[2] for words in asked.ours} == {differential._CPU}


@pytest.mark.parametrize(
    ("version", "cpu", "has_others"),
    [("7.2.0", OLDER, False), ("8.0.0", NEWER, True), ("10.1.2", NEWER, True)],
)
def test_extensions_are_tried_that_the_other_side_knows(
    monkeypatch: pytest.MonkeyPatch, version: str, cpu: str, has_others: bool
) -> None:
    asked = Asked(monkeypatch, [])
    compared: list[tuple[object, ...]] = []

    def compare(*words: object) -> int:
        compared.append(words)
        return 0

    monkeypatch.setattr(differential, "find_qemu", lambda: ("q", version))
    monkeypatch.setattr(differential, "compare_all", compare)
    assert differential.main(["--seed", "9", "--rounds", "2"]) == 0
    assert [(words[0], words[1], words[2], words[3], words[4]) for words in compared] == [
        ("q", version, range(9, 19), 200, None)
    ]
    ((_, _, _, words, _),) = asked.qemu
    expected = qemu_cpu(parse_cpu(cpu), version)
    assert words == expected
    assert ("zcb=true" in expected) is has_others
    assert {str(called[2]) for called in asked.ours} == {str(parse_cpu(cpu))}


@pytest.mark.parametrize(
    ("arguments", "rounds"), [([], 40), (["--rounds", "0"], None), (["--rounds", "7"], 7)]
)
def test_arithmetic_is_tried_unless_it_is_not_wanted(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], rounds: int | None
) -> None:
    tried: list[Program] = []

    def compare(program: str, version: str, tries: Program, *rest: object) -> int:
        tried.append(tries)
        return 1

    monkeypatch.setattr(differential, "find_qemu", lambda: ("q", "8.0.0"))
    monkeypatch.setattr(differential, "compare_all", lambda *words: 0)
    monkeypatch.setattr(differential, "compare_arithmetic", compare)
    assert differential.main(["--seed", "3", *arguments]) == (rounds is not None)
    assert [(each.rounds, each.seed, each.others) for each in tried] == [
        (rounds, 3, ZCB) for _ in range(rounds is not None)
    ]


def test_files_and_programs_that_fail_are_one_line_each(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    missing = tmp_path / "blob"
    assert differential.main(["--native-blob", str(missing)]) == 20
    assert capsys.readouterr().err == (
        f"emulator_differential: bad-configuration: --native-blob: cannot read {missing}:"
        " No such file or directory\n"
    )
    monkeypatch.setenv("PATH", str(tmp_path))
    assert differential.main([]) == 22
    assert capsys.readouterr().err == (
        "emulator_differential: engine-unavailable: qemu-system-riscv64 is not on PATH;"
        " Debian and Ubuntu have it in the package qemu-system-misc\n"
    )
    assert differential.main(["--programs", "0"]) == 20
    assert capsys.readouterr().err == (
        "emulator_differential: bad-configuration: argument --programs: '0' is not a whole number"
        " in 1..100000 (see emulator_differential --help)\n"
    )
