"""The standard boot path of `nexus vm run`, with QEMU as the judge of every address."""

from __future__ import annotations

import gzip
import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from nexus.cli import vm_boot
from nexus.cli.vm_support import run_vm
from nexus.core.errors import UsageError
from nexus.emulator import fdt
from nexus.emulator.isa.assemble import assemble
from nexus.emulator.memory import RAM_BASE
from nexus.emulator.program_support import EXIT, build_elf

QEMU = shutil.which("qemu-system-riscv64")
needs_qemu = pytest.mark.skipif(QEMU is None, reason="qemu-system-riscv64 is not on this host")

# Prints a0, a1, t0, a2, what a2 points to, and the first words of where the next stage is, in hex.
TELL = f"""
    mv s0, a0
    mv s1, a1
    mv s2, t0
    mv s3, a2
    mv a0, s0
    call show
    mv a0, s1
    call show
    mv a0, s2
    call show
    mv a0, s3
    call show
    li s4, 6
next:
    ld a0, 0(s3)
    call show
    addi s3, s3, 8
    addi s4, s4, -1
    bnez s4, next
    ld s3, -32(s3)
    beqz s3, tree
    ld a0, 0(s3)
    call show
tree:
    lw a0, 0(s1)
    call show
    li a0, 0
    {EXIT}
show:
    li t0, 0x10000000
    li t1, 64
digit:
    addi t1, t1, -4
    srl t2, a0, t1
    andi t2, t2, 15
    addi t2, t2, 48
    li t3, 58
    blt t2, t3, decimal
    addi t2, t2, 39
decimal:
    sb t2, 0(t0)
    bnez t1, digit
    li t2, 10
    sb t2, 0(t0)
    ret
"""


def linux_like(memory_bytes: int) -> bytes:
    header = bytearray(64)
    header[16:24] = memory_bytes.to_bytes(8, "little")
    header[0:4] = b"\x13\0\0\0"
    header[48:60] = b"RISCV\0\0\0RSC\x05"
    return bytes(header)


def dump_qemus_tree(path: Path, *words: str | Path) -> None:
    machine = ("-M", f"virt,dumpdtb={path}", "-nodefaults", "-display", "none")
    command = [str(QEMU), *machine, *map(str, words)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "fw.bin").write_bytes(assemble(TELL))
    (tmp_path / "fw.elf").write_bytes(build_elf({RAM_BASE: assemble(TELL)}))
    (tmp_path / "Image").write_bytes(linux_like(1 << 20))
    (tmp_path / "Image.gz").write_bytes(gzip.compress(linux_like(1 << 20)))
    (tmp_path / "kernel.elf").write_bytes(build_elf({0x8040_0000: bytes(range(16))}, 0x8040_0004))
    (tmp_path / "initrd").write_bytes(bytes(5000))
    return tmp_path


@needs_qemu
@pytest.mark.parametrize(
    ("firmware", "kernel", "ram"),
    [
        ("fw.bin", "Image", "64"),
        ("fw.bin", "kernel.elf", "9M"),
        ("fw.elf", "Image", "512"),
        ("fw.elf", None, "64"),
    ],
)
def test_firmware_finds_what_it_finds_on_qemu(
    files: Path, firmware: str, kernel: str | None, ram: str
) -> None:
    words: list[str | Path] = ["--bios", files / firmware, "--ram", ram]
    words += [] if kernel is None else ["--kernel", files / kernel]
    ours, theirs = run_vm(*words), run_vm(*words, "--engine", "qemu")
    assert (theirs.returncode, theirs.stderr) == (0, "")
    assert (ours.stdout, ours.returncode, ours.stderr) == (theirs.stdout, 0, "")


@needs_qemu
@pytest.mark.parametrize(
    ("kernel", "ram", "harts"),
    [("Image", "64", "1"), ("Image", "512", "4"), ("kernel.elf", "64", "8")],
)
def test_the_tree_tells_what_qemus_tells(files: Path, kernel: str, ram: str, harts: str) -> None:
    boot = ("-bios", files / "fw.bin", "-kernel", files / kernel, "-initrd", files / "initrd")
    words = (*boot, "-append", "console=ttyS0 quiet", "-smp", harts)
    done = run_vm(*words, "--ram", ram, "--dump-dtb", files / "ours")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    dump_qemus_tree(files / "theirs", *words, "-m", ram)
    ours = dict(fdt.parse((files / "ours").read_bytes()).walk())
    theirs = dict(fdt.parse((files / "theirs").read_bytes()).walk())
    assert set(ours) <= set(theirs)
    assert "/soc/rtc@101000" in ours
    for name, node in ours.items():
        expected = theirs[name].properties
        # A tree says what a machine has, and QEMU 7.2 says it in the older way alone.
        for own in ("riscv,isa", "riscv,isa-base", "riscv,isa-extensions", "mmu-type", "rng-seed"):
            expected.pop(own, None)
            node.properties.pop(own, None)
        assert node.properties == expected, name


@needs_qemu
def test_a_tree_of_a_file_is_filled_as_on_qemu(files: Path) -> None:
    tree = fdt.Node("", {"model": b"mine\0"}, [fdt.Node("chosen", {"old": b"1"})])
    (files / "mine.dtb").write_bytes(fdt.build(tree))
    boot = ("-bios", files / "fw.bin", "-kernel", files / "Image", "-append", "x")
    words = (*boot, "-dtb", files / "mine.dtb")
    assert run_vm(*words, "--dump-dtb", files / "ours").returncode == 0
    dump_qemus_tree(files / "theirs", *words)
    theirs = fdt.parse((files / "theirs").read_bytes())
    for node in theirs.children:
        node.properties.pop("rng-seed", None)
    ours = fdt.parse((files / "ours").read_bytes())
    assert {path: node.properties for path, node in ours.walk()} == {
        path: node.properties for path, node in theirs.walk()
    }


def test_a_kernel_in_gzip_is_the_same_kernel(files: Path) -> None:
    plain = run_vm("--bios", files / "fw.bin", "--kernel", files / "Image")
    packed = run_vm("--bios", files / "fw.bin", "--kernel", files / "Image.gz")
    assert plain.stdout == packed.stdout
    assert "80200000" in plain.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "--kernel: not given; name what to boot, or firmware with --bios"),
        (("--initrd", "initrd", "--bios", "fw.bin"), "--initrd: goes with --kernel"),
        (("--append", "x", "--bios", "fw.bin"), "--append: goes with --kernel"),
        (("--bios", "none.bin"), "--bios: none.bin: No such file"),
        (("--bios", "empty"), "--bios: empty: it is empty"),
        (("--bios", "text"), "not an instruction; expected an ELF for RISC-V"),
        (("--bios", "fw.bin", "--kernel", "empty"), "--kernel: empty: it is empty"),
        (
            ("--bios", "fw.bin", "--kernel", "arm.elf"),
            "built for AArch64, and this board is RISC-V",
        ),
        (("--bios", "fw.bin", "--kernel", "fw.elf"), "overlap"),
        (("--bios", "fw.bin", "--kernel", "Image", "--initrd", "big"), "expected at most"),
        (("--bios", "fw.bin", "--dtb", "text"), "--dtb: text: device tree: magic"),
        (("--kernel", "fw.elf", "--append", "x" * 1024), "--append: 1024 bytes; expected at"),
        (("--kernel", "fw.elf", "--append", "a\nb"), "--append: 3 bytes"),
        (("--kernel", "fw.elf", "--smp", "0"), "--smp: '0' is not a whole number in 1..8"),
        (("--kernel", "fw.elf", "-smp", "9"), "--smp: '9' is not a whole number in 1..8"),
        (("--kernel", "fw.elf", "--dump-dtb", "no/where"), "--dump-dtb: no/where: No such file"),
        (
            ("--kernel", "fw.elf", "--drive", "a,slot=1"),
            "slot '1' is not free; expected one of 0, 2, 3",
        ),
        (("--kernel", "fw.elf", "--drive", "a,slot=8"), "slot '8' is not free"),
        (("--kernel", "fw.elf", "--drive", "a,slot=0", "--drive", "b,slot=0"), "given twice"),
    ],
)
def test_a_mistake_is_one_line(files: Path, arguments: tuple[str, ...], said: str) -> None:
    (files / "empty").touch()
    (files / "text").write_text("# not code\n" * 9)
    (files / "big").write_bytes(bytes(33 << 20))
    (files / "arm.elf").write_bytes(build_elf({RAM_BASE: bytes(8)}, machine=183))
    known = {path.name for path in files.iterdir()}
    words = [files / word if word in known else word for word in arguments]
    done = run_vm(*words)
    assert (done.returncode, done.stdout) == (20, "")
    assert said in done.stderr.replace(f"{files}/", "")
    assert done.stderr.count("\n") == 1


def test_the_default_firmware_is_of_a_known_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, known = tmp_path / "other.bin", tmp_path / "known.bin"
    other.write_bytes(b"other")
    known.write_bytes(b"known")
    monkeypatch.setattr(
        vm_boot, "KNOWN_FIRMWARE", {hashlib.sha256(b"known").hexdigest(): "of this test"}
    )
    assert vm_boot.find_firmware((str(other), str(known))) == known
    with pytest.raises(UsageError, match=r"of another build.*install Debian's package opensbi"):
        vm_boot.find_firmware((str(other),))
