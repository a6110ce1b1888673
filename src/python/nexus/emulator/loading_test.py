"""The places of firmware, kernel, initial RAM disk and device tree, and refusals."""

import gzip
import struct

import pytest

from nexus.emulator import fdt, reset
from nexus.emulator.elf import ImageError
from nexus.emulator.isa.assemble import assemble
from nexus.emulator.loading import Boot, BootFiles, prepare
from nexus.emulator.machine import Machine, MachineOptions
from nexus.emulator.memory import RAM_BASE
from nexus.emulator.program_support import EXIT, build_elf

MIB = 1 << 20
CODE = assemble("li a0, 3\n" + EXIT)
ELF = build_elf({RAM_BASE: CODE})


def image(memory_bytes: int = 0, code: bytes = CODE, flags: int = 0) -> bytes:
    """Code behind the header of Linux's `Image`, whose first word jumps over it."""
    header = struct.pack(
        "<IIQQQIIQ8s4sI", 0x0400_006F, 0, 0x20_0000, memory_bytes, flags, 2, 0, 0, *MAGICS, 0
    )
    return header + code


MAGICS = (b"RISCV\0\0\0", b"RSC\x05")


def with_headers(base: int, entry: int, kind: int = 2, code: bytes = CODE) -> bytes:
    """Return an ELF like a linker's without a script: its one segment begins with the headers."""
    at = 0x1000
    header = struct.pack(
        "<16sHHIQQQIHHHHHH",
        b"\x7fELF\2\1\1".ljust(16, b"\0"),
        kind,
        243,
        1,
        entry,
        64,
        0,
        0,
        64,
        56,
        1,
        0,
        0,
        0,
    )
    size = at + len(code)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, size, size, 0x1000)
    return (header + segment).ljust(at, b"\0") + code


def places(files: BootFiles, mib: int = 64) -> tuple[Boot, list[tuple[str, int]]]:
    boot = prepare(files, mib * MIB, reset.BoardOptions())
    return boot, [(part.name, part.address) for part in boot.parts]


@pytest.mark.parametrize(
    ("kernel", "at", "next_stage"),
    [
        pytest.param(image(), 0x8020_0000, 0x8020_0000, id="Image"),
        pytest.param(gzip.compress(image()), 0x8020_0000, 0x8020_0000, id="Image in gzip"),
        pytest.param(
            gzip.compress(image()[:40]) + gzip.compress(image()[40:]) + bytes(9),
            0x8020_0000,
            0x8020_0000,
            id="Image in two members of gzip",
        ),
        pytest.param(CODE, 0x8020_0000, 0x8020_0000, id="flat code"),
        pytest.param(
            build_elf({0x8100_0000: CODE}, 0x8100_0004), 0x8100_0000, 0x8100_0000, id="ELF"
        ),
        pytest.param(
            with_headers(0x8100_0000, 0x8100_1000), 0x8100_0000, 0x8100_1000, id="headers"
        ),
    ],
)
def test_a_kernel_behind_firmware_is_where_qemu_puts_it(
    kernel: bytes, at: int, next_stage: int
) -> None:
    boot, parts = places(BootFiles(firmware=CODE, kernel=kernel, initrd=b"i"))
    assert parts[:2] == [("firmware", RAM_BASE), ("kernel", at)]
    assert parts[2:] == [("initrd", next_stage + 32 * MIB), ("device tree", 0x83E0_0000)]
    assert (boot.start, boot.next_stage) == (RAM_BASE, next_stage)


def test_firmware_of_more_than_2_mib_moves_an_image_up() -> None:
    firmware = build_elf({RAM_BASE: CODE.ljust(3 * MIB, b"\0")})
    assert places(BootFiles(firmware=firmware, kernel=image()))[1][1] == ("kernel", 0x8040_0000)


def test_firmware_is_entered_where_its_elf_says() -> None:
    firmware = build_elf({0x8010_0000: bytes(8) + CODE}, 0x8010_0008)
    machine = Machine(MachineOptions(firmware=firmware))
    machine.run(10_000)
    assert machine.exit_code == 3


def test_a_large_machine_has_its_initrd_128_mib_behind_the_kernel() -> None:
    assert places(BootFiles(firmware=CODE, kernel=image(), initrd=b"i"), 512)[1][2] == (
        "initrd",
        0x8820_0000,
    )


@pytest.mark.parametrize("kind", [2, 3])
@pytest.mark.parametrize("base", [0x7FFF_F000, 0x8000_0000])
def test_headers_in_front_of_the_code_do_not_matter(base: int, kind: int) -> None:
    """With the base below RAM: `gcc -Ttext=0x80000000`, executable or position-independent."""
    firmware = with_headers(base, base + 0x1000, kind)
    machine = Machine(MachineOptions(firmware=firmware))
    machine.run(10_000)
    assert machine.exit_code == 3


@pytest.mark.parametrize("kind", [2, 3])
def test_headers_below_ram_do_not_matter_to_a_kernel_either(kind: int) -> None:
    base = RAM_BASE - 0x1000
    machine = Machine(MachineOptions(kernel=with_headers(base, RAM_BASE, kind)))
    machine.run(10_000)
    assert machine.exit_code == 3


def test_headers_that_are_far_from_the_memory_are_left_out() -> None:
    """Linkers that keep headers in a segment of their own put it where they like."""
    kernel = bytearray(build_elf({0x1_0000: b"", RAM_BASE: CODE}))
    struct.pack_into("<QQQQQ", kernel, 64 + 8, 0, 0x1_0000, 0x1_0000, 176, 176)
    machine = Machine(MachineOptions(kernel=bytes(kernel)))
    machine.run(10_000)
    assert machine.exit_code == 3


def test_a_virtual_entry_counts_where_it_is_in_memory() -> None:
    kernel = bytearray(ELF)
    struct.pack_into("<Q", kernel, 24, 0xFFFF_FFFF_8000_0000)
    struct.pack_into("<Q", kernel, 64 + 16, 0xFFFF_FFFF_8000_0000)
    machine = Machine(MachineOptions(kernel=bytes(kernel)))
    machine.run(10_000)
    assert machine.exit_code == 3


def test_an_image_without_firmware_is_at_the_beginning_of_memory() -> None:
    machine = Machine(MachineOptions(kernel=image()))
    machine.run(10_000)
    assert machine.exit_code == 3


def chosen(tree: bytes) -> dict[str, bytes]:
    return next(node.properties for path, node in fdt.parse(tree).walk() if path == "/chosen")


def test_the_tree_tells_the_kernel_what_it_was_given() -> None:
    boot, _ = places(BootFiles(firmware=CODE, kernel=image(), initrd=b"1234567", append="a=b c"))
    told = chosen(boot.parts[-1].data)
    assert told["bootargs"] == b"a=b c\0"
    assert told["linux,initrd-start"] == bytes.fromhex("82200000")
    assert told["linux,initrd-end"] == bytes.fromhex("82200007")
    assert "stdout-path" in told


def test_a_tree_of_somebody_else_is_kept_and_filled() -> None:
    own = fdt.Node("", {"model": b"mine\0"}, [fdt.Node("memory@80000000")])
    flat = fdt.build(own, [(0x8010_0000, 4096)])
    boot, _ = places(BootFiles(firmware=CODE, kernel=image(), append="x", device_tree=flat))
    tree = boot.parts[-1].data
    assert fdt.parse(tree).properties == {"model": b"mine\0"}
    assert chosen(tree) == {"bootargs": b"x\0"}
    assert fdt.parse_reservations(tree) == ((0x8010_0000, 4096),)


def test_a_bare_kernels_tree_stays_as_it_was() -> None:
    """Its bytes are part of what earlier versions gave digests of: no clock in it."""
    boot, _ = places(BootFiles(kernel=ELF))
    assert fdt.parse(boot.parts[-1].data) == reset.device_tree(64 * MIB)
    with_clock = MachineOptions(firmware=CODE).board
    assert "rtc@101000" in str(reset.device_tree(64 * MIB, with_clock))
    assert "rtc@101000" not in str(reset.device_tree(64 * MIB, MachineOptions(kernel=ELF).board))


FIRMWARE = {"firmware": CODE}
TREE = fdt.build(fdt.Node())


@pytest.mark.parametrize(
    ("files", "part", "message"),
    [
        ({"kernel": b""}, "kernel", "0 bytes"),
        ({"firmware": b"text\n" * 20}, "firmware", "not an instruction; expected an ELF"),
        ({"firmware": build_elf({RAM_BASE: CODE}, machine=62)}, "firmware", "for x86-64"),
        ({"firmware": build_elf({RAM_BASE: CODE}, 0x1000)}, "firmware", "entry 0x1000 is outside"),
        ({"kernel": build_elf({RAM_BASE: CODE}, machine=183)}, "kernel", "built for AArch64"),
        ({**FIRMWARE, "kernel": bytes(56) + b"ARM\x64" + bytes(64)}, "kernel", "for AArch64"),
        ({**FIRMWARE, "kernel": bytes(0x202) + b"HdrS"}, "kernel", "a bzImage for x86"),
        ({**FIRMWARE, "kernel": b"MZ\0\0zimg" + bytes(64)}, "kernel", "needs UEFI"),
        ({**FIRMWARE, "kernel": TREE}, "kernel", "it is a device tree"),
        ({"kernel": gzip.compress(image())[:-9]}, "kernel", "truncated gzip"),
        ({"kernel": b"\x1f\x8bxxxxxxxx"}, "kernel", "damaged gzip"),
        ({"kernel": image()[:60]}, "kernel", "truncated"),
        ({**FIRMWARE, "kernel": image(1 << 30)}, "kernel", "outside RAM"),
        ({**FIRMWARE, "kernel": image(), "initrd": bytes(31 * MIB)}, "initrd", "at most 31457280"),
        ({**FIRMWARE, "kernel": image(40 * MIB), "initrd": b"i"}, "initrd", "kernel .* overlap"),
        ({**FIRMWARE, "kernel": image(61 * MIB)}, "kernel", "and the device tree .* overlap"),
        (
            {**FIRMWARE, "kernel": image(), "initrd": bytes(29 * MIB), "ram_bytes": 63 * MIB},
            "initrd",
            "and the device tree .* overlap; expected at most 29884416 bytes",
        ),
        ({**FIRMWARE, "kernel": image(flags=1)}, "kernel", "its header says big-endian"),
        ({"kernel": gzip.compress(gzip.compress(ELF))}, "kernel", "it is in gzip twice"),
        ({"kernel": b"text\n" * 20}, "kernel", r"magic b'text' .*expected an ELF .*--bios"),
        ({**FIRMWARE, "kernel": ELF}, "kernel", "firmware .* and kernel .* overlap"),
        ({**FIRMWARE, "initrd": b"i"}, "initrd", "no kernel"),
        ({**FIRMWARE, "device_tree": b"no tree" * 9}, "device tree", "magic .*expected a flat"),
        ({**FIRMWARE, "device_tree": TREE[:-9]}, "device tree", "its header says"),
    ],
)
def test_what_cannot_be_booted_is_one_error(
    files: dict[str, bytes], part: str, message: str
) -> None:
    with pytest.raises(ImageError, match=message) as caught:
        Machine(MachineOptions(**files))  # type: ignore[arg-type]  # Cases name fields.
    assert caught.value.part == part
