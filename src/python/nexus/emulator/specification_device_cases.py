"""Questions about the board's other devices: see `specification_cases`."""

from __future__ import annotations

from typing import Final

from nexus.emulator.specification_cases import Question

# A handler that notes the cause in s11 and goes on after the instruction.
_CATCH: Final = """
    la t0, catch
    csrw mtvec, t0
    j begin
.align 4
catch:
    csrr s10, mepc
    addi s10, s10, 4
    csrw mepc, s10
    csrr s11, mcause
    mret
begin:
"""


def _cause(register: str, access: str) -> str:
    """Whether an access traps, and with which cause."""
    return f"li s11, 0\n{access}\nmv {register}, s11\n"


# -- PLIC: version 1.0.0 of its specification ---------------------------------------------------

_PLIC_BASE: Final = 0x0C00_0000
_PRIORITY, _PENDING = 4 * 10, 0x1000
_ENABLE_M, _ENABLE_S, _THRESHOLD_M, _THRESHOLD_S = 0x2000, 0x2080, 0x20_0000, 0x20_1000
_CLAIM_M, _CLAIM_S = _THRESHOLD_M + 4, _THRESHOLD_S + 4


def _set(offset: int, value: int) -> str:
    return f"li t2, {_PLIC_BASE + offset:#x}\nli t1, {value}\nsw t1, 0(t2)\n"


def _see(answer: str, offset: int) -> str:
    return f"li t2, {_PLIC_BASE + offset:#x}\nlwu {answer}, 0(t2)\n"


_HIGH: Final = "li s0, 0x10000000\nli t1, 2\nsb t1, 1(s0)\n"  # Source 10, the UART.
_OPEN: Final = _set(_PRIORITY, 1) + _set(_ENABLE_M, 0x400)
_LINES: Final = "csrr {0}, mip\n"
_ONES: Final = 0xFFFF_FFFF

_PLIC: Final = (
    Question(
        "plic-claim-ignores-the-threshold",
        _OPEN
        + _set(_THRESHOLD_M, 7)
        + _HIGH
        + _LINES.format("s4")
        + _see("s5", _CLAIM_M)
        + _see("s6", _PENDING)
        + _see("s7", _CLAIM_M),
        (0x80, 10, 0, 0),
        qemu=(0x80, 0, 0x400, 0),
    ),
    Question(
        "plic-claim-of-the-other-context-too",
        _OPEN
        + _set(_ENABLE_S, 0x400)
        + _set(_THRESHOLD_S, 1)
        + _HIGH
        + _LINES.format("s4")
        + _see("s5", _CLAIM_S)
        + _LINES.format("s6")
        + _see("s7", _CLAIM_M),
        (0x880, 10, 0x80, 0),
        qemu=(0x880, 0, 0x880, 10),
    ),
    Question(
        "plic-threshold-equal-to-the-priority",
        _OPEN
        + _set(_THRESHOLD_M, 1)
        + _HIGH
        + _LINES.format("s4")
        + _set(_THRESHOLD_M, 0)
        + _LINES.format("s5"),
        (0x80, 0x880),
    ),
    Question(
        "plic-priority-zero-never-interrupts",
        _set(_PRIORITY, 0)
        + _set(_ENABLE_M, 0x400)
        + _HIGH
        + _LINES.format("s4")
        + _see("s5", _CLAIM_M),
        (0x80, 0),
    ),
    Question(
        "plic-source-zero",
        _set(_ENABLE_M, _ONES) + _see("s4", _ENABLE_M) + _set(0, 7) + _see("s5", 0),
        (_ONES - 1, 0),
        qemu=(_ONES, 0),
    ),
    Question(
        "plic-writable-bits",
        _set(4, _ONES)
        + _see("s4", 4)
        + _set(_THRESHOLD_M, _ONES)
        + _see("s5", _THRESHOLD_M)
        + _set(_PENDING, _ONES)
        + _see("s6", _PENDING)
        + _set(_ENABLE_M + 12, _ONES)
        + _see("s7", _ENABLE_M + 12),
        (7, 7, 0, 0),
    ),
    Question(
        "plic-widths",
        f"{_CATCH} li s0, {_PLIC_BASE:#x}\n"
        + _cause("s4", "ld t0, 0(s0)")
        + _cause("s5", "lhu t0, 0(s0)")
        + _cause("s6", "sb t0, 0(s0)"),
        (5, 5, 7),
    ),
)

# -- CLINT, finisher, fw_cfg, empty slots -------------------------------------------------------

_CLINT: Final = "li s0, 0x02000000\nli s1, 0x02004000\nli s2, 0x0200bff8\n"
_FW_CFG: Final = "li s0, 0x10100000\n"


def _select(key: int, answer: str) -> str:
    swapped = (key & 0xFF) << 8 | key >> 8
    return f"li t1, {swapped}\nsh t1, 8(s0)\nlwu {answer}, 0(s0)\n"


_OTHERS: Final = (
    Question(
        "clint-software-interrupt",
        f"""{_CLINT}
        li t1, -1
        sw t1, 0(s0)
        lw s4, 0(s0)
        csrr s5, mip
        sw t1, 4(s0)
        lw s6, 4(s0)
        sw zero, 0(s0)
        csrr s7, mip
        """,
        (1, 0x88, 0, 0x80),
    ),
    Question(
        "clint-widths",
        _CATCH
        + _CLINT
        + _cause("s4", "ld t0, 0(s0)")
        + _cause("s5", "lb t0, 0(s0)")
        + _cause("s6", "lh t0, 0(s1)")
        + _cause("s7", "sb zero, 0(s2)")
        + _cause("s8", "sh zero, 4(s2)")
        + _cause("s9", "sd zero, 4(s2)"),
        (5, 5, 5, 7, 7, 7),
    ),
    Question(
        "clint-comparator-by-halves",
        f"""{_CLINT}
        li t1, 0x11223344
        sw t1, 0(s1)
        li t1, 0x55667788
        sw t1, 4(s1)
        ld s4, 0(s1)
        lwu s5, 4(s1)
        sw zero, 0(s1)
        ld s6, 0(s1)
        """,
        (0x5566_7788_1122_3344, 0x5566_7788, 0x5566_7788_0000_0000),
    ),
    Question(
        "finisher-widths",
        f"{_CATCH} li s0, 0x100000\n"
        + _cause("s4", "sb zero, 0(s0)")
        + _cause("s5", "sd zero, 0(s0)")
        + _cause("s6", "lb t0, 0(s0)")
        + "lw s7, 0(s0)\n",
        (7, 7, 5, 0),
    ),
    Question(
        "fw-cfg-widths-of-writes",
        _CATCH
        + _FW_CFG
        + _cause("s4", "sb zero, 8(s0)")
        + _cause("s5", "sw zero, 8(s0)")
        + _cause("s6", "sb zero, 16(s0)")
        + _cause("s7", "sh zero, 16(s0)")
        + _cause("s8", "sw zero, 12(s0)")
        + _cause("s9", "sb zero, 0(s0)"),
        (7, 7, 7, 7, 7, 0),
    ),
    Question(
        "fw-cfg-widths-of-reads",
        _CATCH
        + _FW_CFG
        + _cause("s4", "lb t0, 8(s0)")
        + _cause("s5", "lh t0, 10(s0)")
        + "lb s6, 16(s0)\nlhu s7, 18(s0)\nlwu s8, 20(s0)\n"
        + _cause("s9", "lw t0, 24(s0)"),
        (5, 5, 0x51, 0x554D, 0x4746_4320, 5),
    ),
    Question(
        "fw-cfg-items",
        _FW_CFG
        + _select(0, "s4")
        + _select(1, "s5")
        + _select(5, "s6")
        + _select(0x4000, "s7")
        + _select(0x8000, "s8")
        + _select(0xFFFF, "s9"),
        (0x554D_4551, 3, 1, 0x554D_4551, 0, 0),
    ),
    Question(
        "empty-slot",
        """
        li s0, 0x10008000
        lbu s4, 0(s0)
        lw s5, 4(s0)
        lw s6, 8(s0)
        ld s7, 0(s0)
        lw s8, 12(s0)
        lb s9, 1(s0)
        """,
        (0x76, 2, 0, 0x2_7472_6976, 0x554D_4551, 0),
    ),
)

DEVICE_QUESTIONS: Final = (*_PLIC, *_OTHERS)
