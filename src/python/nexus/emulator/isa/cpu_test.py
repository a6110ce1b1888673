"""Names of sets of extensions, and what is shown of them."""

import pytest

from nexus.emulator.isa.cpu import RV64GC, RV64IMAC, CpuError, parse_cpu
from nexus.emulator.isa.decode import decode

_MISA_64 = 2 << 62


@pytest.mark.parametrize(
    ("text", "isa"),
    [
        ("rv64imac", "rv64imac_zicsr_zifencei_sstc"),
        ("rv64gc", "rv64imafdc_zicntr_zicsr_zifencei_zihpm_sstc"),
        ("RV64GC_Zba", "rv64imafdc_zicntr_zicsr_zifencei_zihpm_zba_sstc"),
        (
            "rv64gc_zbs_zicond_zcb",
            "rv64imafdc_zicntr_zicond_zicsr_zifencei_zihpm_zcb_zbs_sstc",
        ),
        ("rv64imafc", "rv64imafc_zicntr_zicsr_zifencei_zihpm_sstc"),
    ],
)
def test_names_are_read_and_written(text: str, isa: str) -> None:
    cpu = parse_cpu(text)
    assert cpu.isa == isa
    assert parse_cpu(isa) == parse_cpu(str(cpu)) == cpu
    assert "_".join(cpu.names).startswith("i_m_a_")


def test_longer_addresses_are_shown_as_paging_alone() -> None:
    cpu = parse_cpu("rv64gc_sv48")
    assert cpu.isa == RV64GC.isa
    assert (cpu.paging, RV64GC.paging) == ("riscv,sv48", "riscv,sv39")
    assert str(cpu) == "rv64gc_sv48"


def test_misa_has_a_bit_for_each_letter() -> None:
    plain = _MISA_64 | sum(1 << ord(letter) - ord("a") for letter in "imacsu")
    assert RV64IMAC.misa == plain
    assert RV64GC.misa == plain | 1 << 5 | 1 << 3
    assert parse_cpu("rv64gc_zba").misa == RV64GC.misa


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "''"),
        ("rv32imac", "'rv32imac'"),
        ("rv64", "'rv64'"),
        ("rv64gcv", "'v'"),
        ("rv64gc_zfh", "'zfh'"),
        ("rv64gc_", "''"),
        ("rv64gc_f", "'f'"),
        ("rv64ic", "'a'"),
        ("rv64imadc", "'f'"),
        ("rv64g", "'c'"),
    ],
)
def test_another_name_is_refused_in_a_line_that_says_what_is_accepted(
    text: str, named: str
) -> None:
    with pytest.raises(CpuError) as raised:
        parse_cpu(text)
    said = str(raised.value)
    assert named in said
    assert "rv64imac or rv64gc" in said
    assert "_zba" in said
    assert "\n" not in said


# A word of each extension that is illegal without it.
@pytest.mark.parametrize(
    ("word", "name", "needs"),
    [
        (0x0005_2007, "flw", "rv64imafc"),  # flw ft0, 0(a0)
        (0x0005_3007, "fld", "rv64gc"),  # fld ft0, 0(a0)
        (0x02B5_7553, "fadd.d", "rv64gc"),  # fadd.d fa0, fa0, fa1
        (0x72A5_F543, "fmadd.d", "rv64gc"),  # fmadd.d fa0, fa1, fa0, fa4
        (0xC225_1553, "fcvt.l.d", "rv64gc"),  # fcvt.l.d a0, fa0, rtz
        (0x2108, "fld", "rv64gc"),  # c.fld fa0, 0(a0)
        (0x20B5_2533, "sh1add", "rv64gc_zba"),
        (0x6005_1513, "clz", "rv64gc_zbb"),
        (0x28B5_1533, "bset", "rv64gc_zbs"),
        (0x0EB5_5533, "czero.eqz", "rv64gc_zicond"),
        (0x8108, "lbu", "rv64gc_zcb"),  # c.lbu a0, 0(a0)
        (0x9D75, "xori", "rv64gc_zcb"),  # c.not a0
        (0x9D71, "add.uw", "rv64gc_zcb_zba"),  # c.zext.w a0
    ],
)
def test_an_instruction_needs_its_extension(word: int, name: str, needs: str) -> None:
    found = decode(word, parse_cpu(needs).mask)
    assert found is not None
    assert found.name == name
    assert decode(word, RV64IMAC.mask) is None
    smaller = parse_cpu(needs.rpartition("_")[0] or "rv64imac")
    assert decode(word, smaller.mask) is None


def test_an_instruction_of_no_extension_here_is_none() -> None:
    assert decode(0x0000_7007, parse_cpu("rv64imac").mask) is None  # A vector load.
