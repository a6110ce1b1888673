"""A debugger on one machine of a world: the others wait, and the run is the same."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from nexus.emulator.isa.assemble import assemble_with_symbols
from nexus.emulator.program_support import program
from nexus.harness import os2vm
from nexus.harness.debugger_support import PC, Debugger

NODE = """
[node]
id = "node-{0}"
mac = "52:54:00:12:34:0{1}"

[network]
address = "10.42.0.2{1}/24"

[dsoftbus]
static_key = {{ test_seed = "node-{0}" }}
"""

WORLD = """
[[machine]]
label = "A"
node = "a.toml"

[[machine]]
label = "B"
node = "b.toml"

[[expect]]
machine = "A"
phase = "launch"
marker = "hi"

[[expect]]
machine = "B"
phase = "launch"
marker = "hi"
"""

GUEST = """
    li s0, 0x10000000
    li s2, 5
count:
    addi s2, s2, -1
    bnez s2, count
    la a1, text
next:
    lbu a0, 0(a1)
    beqz a0, over
    sb a0, 0(s0)
    addi a1, a1, 1
    j next
over:
    wfi
    j over
text: .byte 104, 105, 10, 0
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for index, name in enumerate("ab", 1):
        (tmp_path / f"{name}.toml").write_text(NODE.format(name, index))
    (tmp_path / "world.toml").write_text(WORLD)
    (tmp_path / "guest.elf").write_bytes(program(GUEST))
    return tmp_path


def command(folder: Path, out: str, *more: str) -> list[str]:
    return [
        "--world",
        str(folder / "world.toml"),
        "--image",
        f"system={folder / 'guest.elf'}",
        "--engine",
        "reference",
        "--out",
        str(folder / out),
        *more,
    ]


class Run:
    """A run with a debugger on machine B."""

    def __init__(self, folder: Path, *more: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", os2vm.__name__, *command(folder, "out", "--gdb", "B=0", *more)],
            env={"PYTHONPATH": ":".join(sys.path)},
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )
        assert self.process.stderr is not None
        line = self.process.stderr.readline()
        found = re.fullmatch(
            r"os2vm: machine B: debugger: target remote (127\.0\.0\.1):(\d+)\n", line
        )
        assert found, line
        place = (found[1], int(found[2]))
        self.debugger = Debugger(socket.create_connection(place, timeout=30))

    def end(self) -> int:
        try:
            _, said = self.process.communicate(timeout=60)
        finally:
            self.process.kill()
            self.debugger.leave()
        self.said = said
        return self.process.returncode


def test_breakpoints_steps_and_the_same_run_in_the_end(folder: Path) -> None:
    symbols = assemble_with_symbols(GUEST)[1]
    assert os2vm.main(command(folder, "plain")) == 0
    run = Run(folder)
    debugger = run.debugger
    assert debugger.register(PC) == 0x8000_0000
    assert debugger.ask(f"Z0,{symbols['count']:x},4") == "OK"
    for left in (5, 4, 3):
        assert debugger.ask("c") == "S05"
        assert (debugger.register(PC), debugger.register(18)) == (symbols["count"], left)
    assert debugger.ask("s") == "S05"
    assert debugger.register(18) == 2
    assert debugger.ask("bs") == "T05replaylog:begin;"
    assert debugger.ask(f"z0,{symbols['count']:x},4") == "OK"
    assert debugger.ask("D") == "OK"
    assert run.end() == 0
    plain, debugged = (
        json.loads((folder / name / "summary.json").read_text())["deterministic"]
        for name in ("plain", "out")
    )
    assert debugged == plain


def test_a_change_by_hand_is_felt_by_the_world(folder: Path) -> None:
    run = Run(folder, "--budget-ms", "1")
    symbols = assemble_with_symbols(GUEST)[1]
    assert run.debugger.ask(f"M{symbols['text']:x},2:6e6f") == "OK"
    run.debugger.say("c")
    assert run.end() != 0
    assert (folder / "out" / "uart-B.log").read_text() == "no\n"
    assert (folder / "out" / "uart-A.log").read_text() == "hi\n"


def test_a_kill_ends_the_run_with_its_artifacts(folder: Path) -> None:
    run = Run(folder)
    run.debugger.say("k")
    assert run.end() == 130
    assert "ended by the debugger of machine B" in (folder / "out" / "result.txt").read_text()


def test_a_lost_debugger_lets_the_world_go_on(folder: Path) -> None:
    run = Run(folder)
    run.debugger.leave()
    assert run.end() == 0


def test_an_interrupt_reaches_a_world_that_stands_still(folder: Path) -> None:
    run = Run(folder)
    run.process.terminate()
    assert run.end() == 130
    assert (folder / "out" / "summary.json").exists()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--gdb", "C=0"), "--gdb: 'C' is not a machine of world; expected one of A, B"),
        (("--gdb", "A"), "--gdb: 'A' is not MACHINE=PORT or MACHINE=PATH"),
        (("--gdb", "A=0", "--gdb", "A=1"), "--gdb: 'A' is given twice"),
        (("--gdb", "A=70000"), "--gdb: A: '70000' is not a port"),
        (("--gdb", "A=0", "--engine", "qemu"), "--gdb: goes with the emulator's engines"),
    ],
)
def test_mistakes_are_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], said: str
) -> None:
    assert os2vm.main(command(folder, "out", *more)) == 20
    shown = capsys.readouterr().err
    assert said in shown
    assert shown.count("\n") == 1
