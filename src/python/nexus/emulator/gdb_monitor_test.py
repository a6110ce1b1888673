"""`monitor` of GDB, and what the description of the machine promises."""

from __future__ import annotations

import re

import pytest

from nexus.emulator.gdb_client_fake import Client
from nexus.emulator.gdb_target import FIRST_CSR, FIRST_FLOAT
from nexus.emulator.guest_support import OPEN_PMP, PAGING, drop_to
from nexus.emulator.isa.cpu import RV64IMAC, Cpu, parse_cpu
from nexus.emulator.mappings import TABLES_MAX
from nexus.emulator.memory import RAM_BASE
from nexus.emulator.reference.csr import CSRS

RV64GC = parse_cpu("rv64gc")
IDLE = "again: j again"
TABLE = RAM_BASE + 0x10000


def said(client: Client, command: str) -> str:
    return bytes.fromhex(client.ask("qRcmd," + command.encode().hex())).decode()


def description(client: Client) -> str:
    answer = client.ask("qXfer:features:read:target.xml:0,fffff")
    assert answer.startswith("l")
    return answer[1:]


def with_tables(entries: dict[int, int], mode: int = 8) -> Client:
    """A machine whose satp leads to these entries, by their addresses."""
    client = Client(IDLE)
    for address, entry in entries.items():
        client.timeline.machine.ram.write(address, entry.to_bytes(8, "little"))
    satp = mode << 60 | TABLE >> 12
    written = satp.to_bytes(8, "little").hex()
    assert client.ask(f"P{FIRST_CSR + 0x180:x}={written}") == "OK"
    return client


def entry(physical: int, flags: int) -> int:
    return physical >> 12 << 10 | flags


def test_help_lists_every_command_and_each_answers() -> None:
    client = Client(IDLE)
    names = [line[:16].strip() for line in said(client, "help").splitlines()]
    assert names == ["help", "info mem", "info registers", "position"]
    for name in names:
        assert "unknown" not in said(client, name)
        assert said(client, f"  {name.replace(' ', '  ')} ") == said(client, name)


@pytest.mark.parametrize("cpu", [RV64IMAC, RV64GC], ids=["imac", "gc"])
def test_info_registers_has_every_register_with_its_value(cpu: Cpu) -> None:
    client = Client("li a0, 0x1234\n li t0, 7\n csrw mscratch, t0\n" + IDLE, cpu=cpu)
    for _ in range(4):
        client.ask("s")
    text = said(client, "info registers")
    shown = dict(re.findall(r"(\w+) +([0-9a-f]{16})", text))
    assert text.startswith("hart 0, machine mode, its turn\n")
    assert (shown["a0"], shown["mscratch"]) == (f"{0x1234:016x}", f"{7:016x}")
    assert shown["pc"] == f"{client.pc:016x}"
    floats = 32 if cpu is RV64GC else 0
    assert len(shown) == 33 + floats + len(CSRS)
    assert {"mhpmcounter3", "hpmcounter18", "mhpmevent31", "pmpaddr15", "misa"} <= shown.keys()


def test_the_description_has_every_csr_by_a_name_of_its_own() -> None:
    found = re.findall(r'<reg name="(\w+)" [^>]*regnum="(\d+)"', description(Client(IDLE)))
    names, numbers = {name for name, _ in found}, {int(number) for _, number in found}
    assert len(names) == len(numbers) == len(found)
    assert {FIRST_CSR + number for number in CSRS} <= numbers


@pytest.mark.parametrize("cpu", [RV64IMAC, RV64GC], ids=["imac", "gc"])
def test_floating_point_is_described_everywhere_and_there_where_it_is(cpu: Cpu) -> None:
    client = Client(IDLE, cpu=cpu)
    assert "org.gnu.gdb.riscv.fpu" in description(client)
    for number in (FIRST_FLOAT, FIRST_FLOAT + 31, FIRST_CSR + 3):
        has_it = cpu is RV64GC
        assert client.ask(f"p{number:x}") == ("0" * 16 if has_it else "x" * 16)
        assert client.ask(f"P{number:x}=0100000000000000") == ("OK" if has_it else "E16")


def test_without_paging_info_mem_says_so() -> None:
    assert said(Client(IDLE), "info mem") == "satp is bare: every address is a physical one\n"


def test_info_mem_is_the_page_tables_as_ranges() -> None:
    client = with_tables(
        {
            TABLE: entry(TABLE + 0x1000, 0x01),
            TABLE + 16: entry(0x80000000, 0xCF),
            TABLE + 8 * 511: entry(0x40000000, 0xEB),
            TABLE + 24: entry(0x40001000, 0xCF),  # Misaligned.
            TABLE + 32: entry(TABLE + 0x1000, 0x41),  # A pointer with a bit of leaves.
            TABLE + 40: 1 << 60 | entry(0x80000000, 0xCF),  # A reserved bit.
            TABLE + 0x1000: entry(TABLE + 0x2000, 0x01),
            TABLE + 0x2008: entry(0x80001000, 0xD7),
            TABLE + 0x2010: entry(0x80002000, 0xD7),
            TABLE + 0x2018: entry(0x80003000, 0xD3),
            TABLE + 0x2020: entry(0x80009000, 0xD3),
            TABLE + 0x2028: entry(0x8000A000, 0xD5),  # Writable, and not readable.
        }
    )
    before = client.timeline.machine.state_digest()
    assert said(client, "info mem").splitlines()[2:] == [
        "0000000000001000 0000000080001000 0000000000002000 rw-u-ad",
        "0000000000003000 0000000080003000 0000000000001000 r--u-ad",
        "0000000000004000 0000000080009000 0000000000001000 r--u-ad",
        "0000000080000000 0000000080000000 0000000040000000 rwx--ad",
        "ffffffffc0000000 0000000040000000 0000000040000000 r-x-gad",
    ]
    assert client.timeline.machine.state_digest() == before


def test_info_mem_of_what_a_guest_has_mapped_itself() -> None:
    client = Client(
        f"""
        {OPEN_PMP}{PAGING}
        {drop_to(1, "after")}
        after: j after
        """
    )
    client.ask(f"Z0,{client.at('after')},4")
    client.ask("c")
    assert "0000000080000000 0000000080000000 0000000040000000 rwx" in said(client, "info mem")


def test_tables_that_refer_to_themselves_are_read_so_far_and_no_further() -> None:
    loop = {TABLE + 8 * index: entry(TABLE, 0x01) for index in range(511)}
    client = with_tables(loop | {TABLE + 8 * 511: entry(0x80000000, 0xCF)})
    lines = said(client, "info mem").splitlines()
    assert len(lines) < 1100
    assert lines[-1] == f"more than {TABLES_MAX} page tables: what they map is left out"


def test_a_table_outside_of_memory_maps_nothing() -> None:
    client = with_tables({TABLE: entry(0x1000, 0x01), TABLE + 8: entry(1 << 40, 0x01)})
    assert len(said(client, "info mem").splitlines()) == 2
