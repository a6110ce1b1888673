"""`nexus vm run` as its users see it: output, exit code, and one line for a mistake."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path

import pytest

from nexus.cli.vm_support import (
    ECHO,
    TIMEOUT_S,
    environment,
    run_vm,
    saying,
    vm_command,
    write_guest,
)
from nexus.emulator.program_support import build_elf


@pytest.mark.parametrize("exit_code", [0, 7, 255])
def test_the_guests_words_and_exit_code_are_the_programs(tmp_path: Path, exit_code: int) -> None:
    done = run_vm("--kernel", write_guest(tmp_path, saying("hello\nthere\n", exit_code)))
    assert (done.stdout, done.returncode, done.stderr) == ("hello\nthere\n", exit_code, "")


def test_an_exit_code_that_no_process_can_have_is_not_0(tmp_path: Path) -> None:
    assert run_vm("--kernel", write_guest(tmp_path, saying("x", 256))).returncode == 255


def test_until_ends_the_run_where_the_text_ends(tmp_path: Path) -> None:
    guest = write_guest(tmp_path, saying("init: ready\nmore", 3))
    done = run_vm("--kernel", guest, "--until", "ready")
    assert (done.stdout, done.returncode) == ("init: ready", 0)


def test_a_text_that_never_comes_is_no_success(tmp_path: Path) -> None:
    done = run_vm("--kernel", write_guest(tmp_path, saying("no", 0)), "--until", "yes")
    assert (done.stdout, done.returncode) == ("no", 1)
    assert "never printed 'yes'" in done.stderr


@pytest.mark.parametrize(
    ("source", "arguments", "exit_code", "said"),
    [
        ("loop: j loop", ("--max-instructions", "5000"), 15, "5000 instructions are spent"),
        ("loop: wfi\n j loop", (), 13, "waits for ever"),
        ("li t0, 0x100000\n li t1, 0x7777\n sw t1, 0(t0)", (), 11, "reset"),
    ],
)
def test_other_endings_have_exit_codes_of_their_own(
    tmp_path: Path, source: str, arguments: tuple[str, ...], exit_code: int, said: str
) -> None:
    done = run_vm("--kernel", write_guest(tmp_path, source), *arguments)
    assert done.returncode == exit_code
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_loop_of_traps_ends_the_run_with_its_cause_and_the_last_state(tmp_path: Path) -> None:
    done = run_vm("--kernel", write_guest(tmp_path, "li a0, 5\n sd zero, 16(zero)"))
    first, *more = done.stderr.splitlines()
    assert done.returncode == 11
    assert "guest-panic: the guest is caught in a loop of traps: store access fault" in first
    assert "value 0x10, at 0x80000004" in first
    assert any("a0 0000000000000005" in line for line in more)


def test_what_a_kernel_was_built_for_is_said_where_it_is_not_there(tmp_path: Path) -> None:
    kernel = bytearray(build_elf({0x8000_0000: bytes(8)}))
    kernel[48] = 5  # Compressed, and double-precision values in registers.
    path = tmp_path / "guest.elf"
    path.write_bytes(kernel)
    done = run_vm("--kernel", path)
    assert "built for" not in done.stderr
    done = run_vm("--kernel", path, "--cpu", "rv64imac")
    assert done.returncode == 11
    note = done.stderr.splitlines()[0]
    assert f"note: --kernel {path}: built for D, which this machine does not have" in note


def test_what_the_input_file_has_is_typed(tmp_path: Path) -> None:
    (tmp_path / "keys").write_bytes(b"HAL" * 1500 + b"q")
    done = run_vm("--kernel", write_guest(tmp_path, ECHO), "--input", tmp_path / "keys")
    assert (done.stdout, done.returncode) == (">" + "IBM" * 1500 + "r", 5)


# The memory of a process that forks counts for its child: so a small one starts and measures it.
MEASURE = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def test_memory_that_is_not_touched_costs_nothing(tmp_path: Path) -> None:
    """Peak memory of the whole process, in KiB: less than a tenth of what the guest has."""
    command = vm_command("--kernel", write_guest(tmp_path, saying("x", 0)), "--ram", "2G")
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, *command],
        env=environment(),
        stdout=subprocess.PIPE,
        timeout=TIMEOUT_S,
        check=True,
    )
    code, peak_kib = map(int, done.stdout.split())
    assert code == 0
    assert peak_kib < 100 << 10


# Says what else was imported by a run.
IMPORTED = """
import sys
from nexus.cli.main import main
code = main(sys.argv[1:])
heavy = {"asyncio", "cryptography", "llvmlite", "pydantic", "rich"} & sys.modules.keys()
sys.exit(f"imported: {sorted(heavy)}" if heavy else code)
"""


def test_a_run_imports_nothing_that_only_worlds_and_builds_need(tmp_path: Path) -> None:
    command = [sys.executable, "-c", IMPORTED, "vm", "run", "--kernel"]
    done = subprocess.run(
        [*command, write_guest(tmp_path, saying("x", 7))],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (7, "x", "")


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (b"", "0 bytes, an ELF64 header has 64"),
        (b"#!/bin/sh\n" * 10, "magic"),
        (build_elf({0x8000_0000: bytes(8)}, machine=62), "machine 62; expected 243"),
        (build_elf({0x8000_0000: bytes(8)}, elf_class=1), "class 1; expected 2"),
        (build_elf({0x8000_0000: bytes(64)})[:-9], "truncated"),
        (build_elf({0x8000_0000: bytes(64), 0x8000_0020: bytes(8)}), "overlap"),
        (build_elf({0x1000: bytes(8)}), "outside RAM"),
    ],
)
def test_a_bad_kernel_is_one_line(tmp_path: Path, image: bytes, said: str) -> None:
    path = tmp_path / "bad.elf"
    path.write_bytes(image)
    done = run_vm("--kernel", path)
    assert done.returncode == 20
    assert said in done.stderr
    assert str(path) in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--drive", "none.img"), "--drive: none.img: No such file"),
        (("--drive", "x,writable"), "FILE,readonly"),
        (("--drive", "a") * 7, "room for 6"),
        (("--ram", "3G"), "--ram: '3G'"),
        (("--ram", "lots"), "--ram: 'lots'"),
        (("--ram", "9" * 5000), f"--ram: '{'9' * 60}…' is not a size in 4K..2G"),
        (("--max-instructions", "9" * 5000), f"--max-instructions: '{'9' * 60}…' is not a whole"),
        (("--drive", f"a,slot={'9' * 5000}"), "is not free; expected one of 0, 2"),
        (("--until", ""), "--until: '' is in every console"),
        (("--until", " "), "--until: ' ' is in almost every console"),
        (("--trace-out", ""), "argument --trace-out: '' is not a path"),
        (
            ("--cpu", "rv64gcv"),
            "--cpu: 'rv64gcv': extension 'v' is not one of this machine: ",
        ),
        (("--cpu", "pentium"), "--cpu: 'pentium' is not a name of a 64-bit RISC-V processor"),
        (("--engine", "natif"), "did you mean 'native'"),
        (("--engine", "native"), "--native-blob"),
        (("--engine", "translated"), "--native-blob"),
        (("--engine", "translated", "--native-blob", "x"), "--translations"),
        (("--translate-cache", "x"), "--translate-cache: goes with --engine native"),
        (
            (
                "--engine",
                "native",
                "--native-blob",
                "x",
                "--translations",
                "y",
                "--translate-cache",
                "z",
            ),
            "does not go with --translations",
        ),
        (("--engine", "qemu", "--seed", "1"), "--seed: QEMU cannot"),
        (("--net", "tap"), "--net: 'tap'"),
        (("--fw-cfg", "name"), "NAME=FILE"),
        (("--fw-cfg", "a=none.bin"), "--fw-cfg a: none.bin"),
        (("--seed", "-1"), "--seed: '-1'"),
        (("--input", "none.txt"), "--input: none.txt"),
        (("--frobnicate",), "--frobnicate"),
    ],
)
def test_a_mistake_is_one_line(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    done = run_vm("--kernel", write_guest(tmp_path, "nop"), *arguments)
    assert (done.returncode, done.stdout) == (20, "")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("act", "shown", "exit_code"),
    [
        (lambda process, keyboard: os.write(keyboard, b"aq"), b">br", 5),
        (lambda process, keyboard: os.write(keyboard, b"\x01x"), b">", 130),
        (lambda process, keyboard: process.terminate(), b">", 130),
    ],
    ids=["keys", "keys that end it", "a signal"],
)
def test_on_a_terminal_keys_reach_the_guest_and_the_terminal_is_put_back(
    tmp_path: Path,
    act: Callable[[subprocess.Popen[bytes], int], object],
    shown: bytes,
    exit_code: int,
) -> None:
    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    command = vm_command("--kernel", write_guest(tmp_path, ECHO))
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=subprocess.PIPE, env=environment()
    )
    try:
        seen = os.read(ours, 1)
        assert not termios.tcgetattr(theirs)[3] & (termios.ECHO | termios.ICANON)
        act(process, ours)
        assert process.wait(TIMEOUT_S) == exit_code
        assert termios.tcgetattr(theirs) == before
        # Output reaches this side of a terminal by and by, also after the writer's end.
        while len(seen) < len(shown) and select.select([ours], [], [], TIMEOUT_S)[0]:
            seen += os.read(ours, 100)
        assert seen == shown
    finally:
        process.kill()
        process.communicate()
        os.close(ours)
        os.close(theirs)
