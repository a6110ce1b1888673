"""`nexus vm run` with drives: what a guest writes is in the file, here and on QEMU."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from nexus.cli.vm_support import (
    ECHO,
    run_vm,
    saying,
    write_guest,
)
from nexus.emulator.program_support import EXIT, START_QUEUE

QEMU = shutil.which("qemu-system-riscv64")


# Writes sector 1 and, if it was allowed, flushes; ends with the status of the write.
DISK = f"""
    li s0, 0x10003000
{START_QUEUE}
    la t0, table
    la t1, head
    sd t1, 0(t0)
    la t1, body
    sd t1, 16(t0)
    la t1, status
    sd t1, 32(t0)
    sw zero, 0x50(s0)
unfinished:
    lbu a0, 0(t1)
    addi t2, a0, -9
    beqz t2, unfinished
{EXIT}
.align 16
table: .dword 0
 .word 16, 0x10001
 .dword 0
 .word 512, 0x20001
 .dword 0
 .word 1, 2
ring: .half 0, 1, 0
.align 16
used: .space 128
head: .word 1, 0
 .dword 1
status: .byte 9
body: .byte 78, 88
 .space 510
"""


@pytest.mark.parametrize(("flag", "status"), [("", 0), (",readonly", 1)])
def test_a_drives_file_has_what_the_guest_wrote(tmp_path: Path, flag: str, status: int) -> None:
    disk = tmp_path / "disk.img"
    disk.write_bytes(bytes(2048))
    done = run_vm("--kernel", write_guest(tmp_path, DISK), "--drive", f"{disk}{flag}")
    assert done.returncode == status
    written = bytes(2048) if flag else bytes(512) + b"NX" + bytes(1534)
    assert disk.read_bytes() == written


@pytest.mark.skipif(QEMU is None, reason="qemu-system-riscv64 is not installed on this host")
def test_on_qemu_it_is_the_same(tmp_path: Path) -> None:
    guest, disk = write_guest(tmp_path, DISK), tmp_path / "disk.img"
    disk.write_bytes(bytes(2048))
    assert run_vm("--kernel", guest, "--drive", disk, "--engine", "qemu").returncode == 0
    assert disk.read_bytes() == bytes(512) + b"NX" + bytes(1534)
    guest = write_guest(tmp_path, saying("hello\nthere\n", 9))
    done = run_vm("--kernel", guest, "--engine", "qemu")
    assert (done.stdout, done.returncode) == ("hello\nthere\n", 9)
    done = run_vm("--kernel", guest, "--engine", "qemu", "--until", "hello")
    assert (done.stdout[:5], done.returncode) == ("hello", 0)
    done = run_vm("--kernel", guest, "--engine", "qemu", "--until", "never")
    assert done.returncode == 9
    (tmp_path / "keys").write_bytes(b"HALq")
    done = run_vm(
        "--kernel",
        write_guest(tmp_path, ECHO),
        "--engine",
        "qemu",
        "--input",
        tmp_path / "keys",
    )
    assert (done.stdout, done.returncode) == (">IBMr", 5)


def test_a_drive_that_is_no_whole_number_of_sectors_is_refused(tmp_path: Path) -> None:
    (tmp_path / "disk").write_bytes(bytes(513))
    done = run_vm("--kernel", write_guest(tmp_path, "nop"), "--drive", tmp_path / "disk")
    assert done.returncode == 20
    assert "513 bytes; expected a multiple of 512" in done.stderr
