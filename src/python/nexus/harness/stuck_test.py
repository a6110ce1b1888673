"""A guest that is caught in traps ends a run at once, as a panic, with what is known about it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nexus.emulator.guest_support import OPEN_PMP, drop_to
from nexus.emulator.program_support import program
from nexus.harness import os2vm

NODE = """
[node]
id = "node-a"
mac = "52:54:00:12:34:01"

[network]
address = "10.42.0.20/24"

[dsoftbus]
static_key = { test_seed = "node-a" }
"""


def run(folder: Path, text: str, *arguments: str) -> tuple[int, Path]:
    """Run a guest as a world of one machine."""
    (folder / "node.toml").write_text(NODE)
    (folder / "guest.elf").write_bytes(program(text))
    out = folder / "out"
    words = ["--node", str(folder / "node.toml"), "--image", f"system={folder / 'guest.elf'}"]
    return os2vm.main([*words, "--expect", "hello", "--out", str(out), *arguments]), out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sd zero, 0(zero)", "store access fault (cause 7), value 0x0, at 0x80000000"),
        (".word 0xf2000053", "a floating-point instruction, which this machine does not have"),
        (
            f"""la t0, handler
            csrw mtvec, t0
            {OPEN_PMP}
            li t0, 0x100
            csrw medeleg, t0
            {drop_to(0, "user")}
            user: ecall
            .align 4
            handler: mret""",
            "ecall from user (cause 8), value 0x0, at 0x80",
        ),
    ],
)
def test_it_is_a_panic_with_the_first_trap(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    code, out = run(tmp_path, text)
    assert code == 11
    summary = json.loads((out / "summary.json").read_text())["deterministic"]
    assert summary["outcome"] == "guest-panic"
    assert summary["message"].startswith("machine A is caught in a loop of traps: ")
    assert said in summary["message"]
    assert summary["virtual_ns"] < 20_000_000
    assert "is caught in a loop of traps" in summary["machine_states"]["A"]
    state = (out / "state-A.txt").read_text()
    assert "call chain: " in state
    assert "mstatus 0x" in state
    error = capsys.readouterr().err
    assert "--- the last state of machine A" in error
    assert said in error


def test_a_line_without_its_newline_is_said_to_be_that(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = """
    li s0, 0x10000000
    la a1, text
    next: lbu a0, 0(a1)
    beqz a0, over
    sb a0, 0(s0)
    addi a1, a1, 1
    j next
    over: j over
    text: .byte 104, 101, 108, 108, 111, 0
    """
    code, out = run(tmp_path, text, "--budget-ms", "1")
    assert code == 12
    result = (out / "result.txt").read_text()
    assert "(its last output 'hello' has no newline, so it is not a line yet)" in result
    error = capsys.readouterr().err
    assert "  hello\n--- the last of them has no newline, so it is not a line yet\n" in error
    assert "in machine mode at 0x800000" in error


def test_a_passing_run_leaves_no_last_state(tmp_path: Path) -> None:
    text = """
    li s0, 0x10000000
    la a1, text
    next: lbu a0, 0(a1)
    beqz a0, over
    sb a0, 0(s0)
    addi a1, a1, 1
    j next
    over: wfi
    j over
    text: .byte 104, 101, 108, 108, 111, 10, 0
    """
    code, out = run(tmp_path, text)
    assert code == 0
    assert not list(out.glob("state-*"))
