"""RV64C and Zcb: each 16-bit row is an encoding and the base instruction it expands to.

Order does not matter: where two patterns overlap, the one with more fixed bits wins (c.jr against
c.mv).  Reserved encodings are those whose `nonzero` operand is zero; hints (rd = x0) expand to
instructions without effect.
"""

from __future__ import annotations

from typing import Final

from nexus.emulator.isa.row import Compressed

_LW = "5:3|2|6"
_LD = "5:3|7:6"
_CI = "s5|4:0"
_CJ = "s11|4|9:8|10|6|7|3:1|5"
_CB = "s8|4:3|7:6|2:1|5"


def _row(
    name: str, pattern: str, immediate: str, base: str, *nonzero: str, **fixed: int
) -> Compressed:
    return Compressed(name, pattern, immediate, base, fixed, nonzero)


def _zcb(name: str, pattern: str, immediate: str, base: str, **fixed: int) -> Compressed:
    return Compressed(name, pattern, immediate, base, fixed, (), ("zcb",))


RV64C: Final = (
    _row("c.addi4spn", "000 iiiiiiii ddd 00", "5:4|9:6|2|3", "addi", "imm", rs1=2),
    _row("c.lw", "010 iii aaa ii ddd 00", _LW, "lw"),
    _row("c.ld", "011 iii aaa ii ddd 00", _LD, "ld"),
    _row("c.sw", "110 iii aaa ii bbb 00", _LW, "sw"),
    _row("c.sd", "111 iii aaa ii bbb 00", _LD, "sd"),
    _row("c.addi", "000 i xxxxx iiiii 01", _CI, "addi"),
    _row("c.addiw", "001 i xxxxx iiiii 01", _CI, "addiw", "rd"),
    _row("c.li", "010 i ddddd iiiii 01", _CI, "addi", rs1=0),
    _row("c.lui", "011 i ddddd iiiii 01", "s17|16:12", "lui", "imm"),
    _row("c.addi16sp", "011 i 00010 iiiii 01", "s9|4|6|8:7|5", "addi", "imm", rd=2, rs1=2),
    _row("c.srli", "100 i 00 xxx iiiii 01", "5|4:0", "srli"),
    _row("c.srai", "100 i 01 xxx iiiii 01", "5|4:0", "srai"),
    _row("c.andi", "100 i 10 xxx iiiii 01", _CI, "andi"),
    _row("c.sub", "100 0 11 xxx 00 bbb 01", "", "sub"),
    _row("c.xor", "100 0 11 xxx 01 bbb 01", "", "xor"),
    _row("c.or", "100 0 11 xxx 10 bbb 01", "", "or"),
    _row("c.and", "100 0 11 xxx 11 bbb 01", "", "and"),
    _row("c.subw", "100 1 11 xxx 00 bbb 01", "", "subw"),
    _row("c.addw", "100 1 11 xxx 01 bbb 01", "", "addw"),
    _row("c.j", "101 iiiiiiiiiii 01", _CJ, "jal", rd=0),
    _row("c.beqz", "110 iii aaa iiiii 01", _CB, "beq", rs2=0),
    _row("c.bnez", "111 iii aaa iiiii 01", _CB, "bne", rs2=0),
    _row("c.slli", "000 i xxxxx iiiii 10", "5|4:0", "slli"),
    _row("c.lwsp", "010 i ddddd iiiii 10", "5|4:2|7:6", "lw", "rd", rs1=2),
    _row("c.ldsp", "011 i ddddd iiiii 10", "5|4:3|8:6", "ld", "rd", rs1=2),
    _row("c.jr", "100 0 aaaaa 00000 10", "", "jalr", "rs1", rd=0, imm=0),
    _row("c.mv", "100 0 ddddd bbbbb 10", "", "add", rs1=0),
    _row("c.ebreak", "100 1 00000 00000 10", "", "ebreak"),
    _row("c.jalr", "100 1 aaaaa 00000 10", "", "jalr", "rs1", rd=1, imm=0),
    _row("c.add", "100 1 xxxxx bbbbb 10", "", "add"),
    _row("c.swsp", "110 iiiiii bbbbb 10", "5:2|7:6", "sw", rs1=2),
    _row("c.sdsp", "111 iiiiii bbbbb 10", "5:3|8:6", "sd", rs1=2),
)

# The rows that D adds; that they need it is known from the base instruction.
RV64DC: Final = (
    _row("c.fld", "001 iii aaa ii DDD 00", _LD, "fld"),
    _row("c.fsd", "101 iii aaa ii BBB 00", _LD, "fsd"),
    _row("c.fldsp", "001 i DDDDD iiiii 10", "5|4:3|8:6", "fld", rs1=2),
    _row("c.fsdsp", "101 iiiiii BBBBB 10", "5:3|8:6", "fsd", rs1=2),
)

ZCB: Final = (
    _zcb("c.lbu", "100 000 aaa ii ddd 00", "0|1", "lbu"),
    _zcb("c.lhu", "100 001 aaa 0 i ddd 00", "1", "lhu"),
    _zcb("c.lh", "100 001 aaa 1 i ddd 00", "1", "lh"),
    _zcb("c.sb", "100 010 aaa ii bbb 00", "0|1", "sb"),
    _zcb("c.sh", "100 011 aaa 0 i bbb 00", "1", "sh"),
    _zcb("c.zext.b", "100 111 xxx 11 000 01", "", "andi", imm=255),
    _zcb("c.sext.b", "100 111 xxx 11 001 01", "", "sext.b"),
    _zcb("c.zext.h", "100 111 xxx 11 010 01", "", "zext.h"),
    _zcb("c.sext.h", "100 111 xxx 11 011 01", "", "sext.h"),
    _zcb("c.zext.w", "100 111 xxx 11 100 01", "", "add.uw", rs2=0),
    _zcb("c.not", "100 111 xxx 11 101 01", "", "xori", imm=-1),
    _zcb("c.mul", "100 111 xxx 10 bbb 01", "", "mul"),
)
