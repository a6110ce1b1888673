import struct

from nexus.emulator.guest_support import OPEN_PMP, drop_to
from nexus.emulator.machine import Machine, MachineOptions
from nexus.emulator.observe import Observer
from nexus.emulator.program_support import EXIT, program
from nexus.emulator.symbols import Symbols, parse
from nexus.emulator.trace import Tracer


def with_symbols(image: bytes, symbols: dict[str, int], kind: int = 2) -> bytes:
    """Append a symbol table to an ELF without sections."""
    names = b"\0"
    table = bytes(24)
    for name, value in symbols.items():
        table += struct.pack("<IBBHQQ", len(names), kind, 0, 1, value, 0)
        names += name.encode() + b"\0"
    at = len(image)
    sections = bytes(64)
    sections += struct.pack("<IIQQQQIIQQ", 0, 2, 0, 0, at, len(table), 2, 0, 8, 24)
    sections += struct.pack("<IIQQQQIIQQ", 0, 3, 0, 0, at + len(table), len(names), 0, 0, 1, 0)
    header = bytearray(image[:64])
    struct.pack_into("<Q", header, 40, at + len(table) + len(names))
    struct.pack_into("<HH", header, 58, 64, 3)
    return bytes(header) + image[64:] + table + names + sections


def traced(
    text: str, what: str, symbols: Symbols, until_ns: int = 1000, harts: int = 1
) -> list[str]:
    lines: list[str] = []
    observer = Observer()
    tracer = Tracer(symbols, lines.append)
    options = MachineOptions(
        kernel=program(text), ram_bytes=1 << 20, harts=harts, observer=observer
    )
    tracer.machine = Machine(options)
    tracer.watch(observer, what)
    tracer.machine.run(until_ns)
    return [line.rstrip("\n") for line in lines]


SYMBOLS = Symbols((0x8000_0000, 0x8000_0008), ("start", "here"))


def test_instructions_have_count_privilege_address_name_word_and_text() -> None:
    lines = traced(
        "addi a0, zero, 5\n nop\n c.addi a0, -1\n csrr a1, mcause", "instructions", SYMBOLS, 40
    )
    assert lines == [
        "0 M 0000000080000000 start: 00500513  addi a0, zero, 5",
        "1 M 0000000080000004 start+0x4: 00000013  addi zero, zero, 0",
        "2 M 0000000080000008 here: 157d      addi a0, a0, -1",
        "3 M 000000008000000a here+0x2: 342025f3  csrrs a1, mcause, zero",
    ]


def test_of_several_harts_each_line_has_the_number() -> None:
    text = "csrr a0, mhartid\n beqz a0, stop\n ebreak\nstop: wfi\n j stop"
    lines = traced(text, "instructions", Symbols((), ()), harts=2)
    assert lines[:5] == [
        "0 0:M 0000000080000000: f1402573  csrrs a0, mhartid, zero",
        "1 0:M 0000000080000004: 00050463  beq a0, zero, 0x8000000c",
        "2 0:M 000000008000000c: 10500073  wfi",
        "3 1:M 0000000080000000: f1402573  csrrs a0, mhartid, zero",
        "4 1:M 0000000080000004: 00050463  beq a0, zero, 0x8000000c",
    ]
    traps = traced(text, "traps", Symbols((), ()), harts=2)
    assert traps[0] == "5 1:M 0000000080000008 trap 3 breakpoint, value 0x0"


def test_a_traced_loop_has_a_line_a_turn() -> None:
    """Hot loops are compiled otherwise."""
    lines = traced("again: addi a0, a0, 1\n j again", "instructions", Symbols((), ()), 5000)
    assert len(lines) == 500
    assert lines[499] == "499 M 0000000080000004: ffdff06f  jal zero, 0x80000000"


TRAPS = f"""
    la t0, handler
    csrw mtvec, t0
    {OPEN_PMP}
    {drop_to(0, "user")}
user:
    ecall
.align 4
handler:
    li t0, 0x80
    csrw mie, t0
    csrrsi zero, mstatus, 8
{EXIT}
"""


def test_traps_are_told_with_cause_and_value() -> None:
    lines = [line.split(" ", 1)[1] for line in traced(TRAPS, "traps", Symbols((), ()))]
    assert lines[0].startswith("U 00000000800000")
    assert lines[0].endswith("trap 8 ecall from user, value 0x0")
    assert lines[1].endswith("interrupt 7 machine timer")


def test_symbols_of_an_elf_are_functions_and_labels_by_address() -> None:
    image = with_symbols(program("nop"), {"late": 0x100, "early": 0x10, "$x": 0x20, ".L1": 0x30})
    symbols = parse(image)
    assert symbols.names == ("early", "late")
    names = [symbols.name_of(address) for address in (0x0F, 0x10, 0x11, 0xFF, 0x100, 1 << 40)]
    assert names == [None, "early", "early+0x1", "early+0xef", "late", None]


def test_data_is_no_place() -> None:
    assert parse(with_symbols(program("nop"), {"table": 16}, kind=1)).names == ()


def test_files_without_or_with_broken_symbols_have_no_names() -> None:
    image = with_symbols(program("nop"), {"early": 0x10})
    for broken in (b"", program("nop"), image[:-70], image[:-200]):
        assert parse(broken).names == ()
