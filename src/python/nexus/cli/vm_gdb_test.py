"""`nexus vm run --gdb` with the real GDB."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from nexus.cli.vm_debug_support import ENDLESS, Debugged
from nexus.cli.vm_support import TIMEOUT_S, write_guest
from nexus.emulator import gdb_client_fake
from nexus.emulator.isa.assemble import assemble_with_symbols
from nexus.emulator.program_support import EXIT

GDB = shutil.which("gdb-multiarch")

pytestmark = pytest.mark.skipif(GDB is None, reason="gdb-multiarch is not installed on this host")

COUNT = f"""
    li s2, 0x123456789abcdef0
{gdb_client_fake.COUNT}"""


def run_gdb(script: list[str]) -> subprocess.CompletedProcess[str]:
    """Let gdb itself do these commands."""
    assert GDB is not None
    arguments = [word for line in script for word in ("-ex", line)]
    return subprocess.run(
        [GDB, "-nx", "-batch", *arguments],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def test_gdb_itself_debugs_in_both_directions(tmp_path: Path) -> None:
    symbols = assemble_with_symbols(COUNT)[1]
    again, counter = symbols["again"], symbols["counter"]
    debugged = Debugged(write_guest(tmp_path, COUNT), "0")
    script = [
        "set pagination off",
        "set confirm off",
        "set architecture riscv:rv64",
        f"target remote {debugged.address}",
        f"break *{again:#x}",
        "continue",
        'printf "A %ld %lx\\n", $s0, $s2',
        "continue",
        "continue",
        'printf "B %ld\\n", $s0',
        "reverse-continue",
        'printf "C %ld\\n", $s0',
        "reverse-stepi",
        'printf "D %lx\\n", $pc',
        "stepi",
        'printf "E %lx %lx\\n", $pc, $mstatus',
        "delete",
        f"watch *(long*){counter:#x}",
        "continue",
        f'printf "F %ld %lx\\n", *(long*){counter:#x}, $pc',
        "reverse-continue",
        f'printf "G %ld %lx\\n", *(long*){counter:#x}, $pc',
        "delete",
        "monitor position",
        f"x/2i {again:#x}",
        "continue",
    ]
    done = run_gdb(script)
    shown = [line for line in done.stdout.splitlines() if line[1:2] == " " and line[0] in "ABCDEFG"]
    assert shown == [
        "A 5 123456789abcdef0",
        "B 3",
        "C 4",
        f"D {again + 8:x}",
        f"E {again:x} a00000000",
        f"F 4 {again + 4:x}",
        f"G 5 {again:x}",
    ], done.stdout + done.stderr
    assert "instructions" in done.stderr + done.stdout
    assert "exited with code 03" in done.stdout
    assert debugged.end()[0] == 3


FLOAT = f"""
    li t0, 0x6000
    csrs mstatus, t0
    li t1, 0x3ff8000000000000
    fmv.d.x fa0, t1
here: fadd.d fa2, fa0, fa1
    fcvt.l.d a0, fa2, rtz
{EXIT}
"""


def test_gdb_itself_reads_and_changes_floating_point_registers(tmp_path: Path) -> None:
    here = assemble_with_symbols(FLOAT)[1]["here"]
    debugged = Debugged(write_guest(tmp_path, FLOAT), "0")
    script = [
        "set architecture riscv:rv64",
        f"target remote {debugged.address}",
        f"break *{here:#x}",
        "continue",
        'printf "A %g\\n", $fa0.double',
        "set $fa1.double = 2.75",
        "stepi",
        'printf "B %g %d\\n", $fa2.double, $fcsr',
        "continue",
    ]
    done = run_gdb(script)
    shown = [line for line in done.stdout.splitlines() if line[:2] in ("A ", "B ")]
    assert shown == ["A 1.5", "B 4.25 0"], done.stdout + done.stderr
    assert debugged.end()[0] == 4


# The ABI in an ELF's flags, in which a program hands over numbers: lp64, lp64f, lp64d.
_FLAGS_AT = 48


def test_gdb_itself_takes_symbols_of_any_abi_on_any_machine(tmp_path: Path) -> None:
    """Also the monitor's commands, and registers that a debugger rarely writes."""
    guest = write_guest(tmp_path, ENDLESS)
    files = []
    for flags in (1, 3, 5):
        elf = bytearray(guest.read_bytes())
        elf[_FLAGS_AT : _FLAGS_AT + 4] = flags.to_bytes(4, "little")
        files.append(tmp_path / f"abi{flags}.elf")
        files[-1].write_bytes(elf)
    debugged = Debugged(guest, "0", "--cpu", "rv64imac")
    script = ["set confirm off", "set pagination off"]
    for file in files:
        script += [
            f"file {file}",
            f"target remote {debugged.address}",
            "stepi",
            "info registers pc fa0",
            "detach",
        ]
    script += [
        f"target remote {debugged.address}",
        "set $mscratch = 0x77",
        "set $mtvec = 0x80000100",
        "set $pmpaddr0 = 0x3fffffffffffff",
        "set $pmpcfg0 = 0x1f",
        "set $priv = 1",
        "stepi",
        'printf "A %lx %lx %d\\n", $mscratch, $mtvec, $priv',
        "monitor help",
        "monitor info mem",
        "monitor info registers",
        "kill",
    ]
    done = run_gdb(script)
    everything = done.stdout + done.stderr
    assert "bfd requires" not in everything
    assert everything.count("<unavailable>") >= 3, everything
    assert "A 77 80000100 1" in done.stdout, everything
    assert "info registers  all registers" in everything
    assert "satp is bare" in everything
    assert "pmpaddr15" in everything
    assert debugged.end()[0] == 130
