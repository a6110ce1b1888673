"""Questions about the UART, from the data sheet of the 16550: see `specification_cases`."""

from __future__ import annotations

from typing import Final

from nexus.emulator.specification_cases import Question

(_DATA, _IER, _FCR, _LCR, _MCR, _LSR, _MSR, _SCR) = range(8)
_IIR: Final = _FCR
_LOOP: Final = f"li t1, 0x10\nsb t1, {_MCR}(s0)\n"


def _put(register: int, value: int, count: int = 1) -> str:
    return f"li t1, {value}\n" + f"sb t1, {register}(s0)\n" * count


def _get(answer: str, register: int) -> str:
    return f"lbu {answer}, {register}(s0)\n"


def _uart(
    name: str, text: str, answers: tuple[int, ...], *, qemu: tuple[int, ...] | None = None
) -> Question:
    return Question(f"uart-{name}", f"li s0, 0x10000000\n{text}", answers, qemu)


def _modem(control: int) -> int:
    """DTR, RTS, OUT1 and OUT2 come back as DSR, CTS, RI and DCD."""
    pairs = ((0, 5), (1, 4), (2, 6), (3, 7))
    return sum((control >> output & 1) << input_ for output, input_ in pairs)


def _until_interrupt(answer: str) -> str:
    """Read IIR until it names something: a FIFO's timeout takes a while on QEMU."""
    return f"""
    li t4, 1000000
wait: lbu {answer}, {_IIR}(s0)
    andi t5, {answer}, 1
    addi t4, t4, -1
    beqz t4, waited
    bnez t5, wait
waited:
    """


UART_QUESTIONS: Final = (
    *(
        _uart(
            f"loopback-modem-{control:x}",
            _put(_MCR, control) + _get("s4", _MSR) + _get("s5", _MCR),
            (_modem(control), control),
        )
        for control in range(0x10, 0x20)
    ),
    _uart("no-loopback-modem", _put(_MCR, 0xF) + _get("s4", _MSR), (0xB0,)),
    _uart(
        "at-reset",
        "".join(_get(f"s{3 + number}", number) for number in range(1, 7)),
        (0, 1, 0, 8, 0x60, 0xB0),
    ),
    _uart(
        "writable-bits",
        _put(_IER, 0xFF)
        + _put(_LCR, 0x7F)
        + _put(_MCR, 0xEF)
        + _put(_SCR, 0xA5)
        + _put(_LSR, 0xFF)
        + _put(_MSR, 0xFF)
        + _get("s4", _IER)
        + _get("s5", _LCR)
        + _get("s6", _MCR)
        + _get("s7", _SCR)
        + _get("s8", _LSR)
        + _get("s9", _MSR),
        (0xF, 0x7F, 0xF, 0xA5, 0x60, 0xB0),
    ),
    _uart(
        "loopback-byte",
        _LOOP
        + _put(_DATA, 0x41)
        + _get("s4", _LSR)
        + _get("s5", _DATA)
        + _get("s6", _LSR)
        + _get("s7", _DATA),
        (0x61, 0x41, 0x60, 0x41),
    ),
    _uart(
        "overrun",
        _LOOP
        + _put(_DATA, 0x41)
        + _put(_DATA, 0x42)
        + _get("s4", _LSR)
        + _get("s5", _LSR)
        + _get("s6", _DATA)
        + _get("s7", _LSR),
        (0x63, 0x61, 0x42, 0x60),
    ),
    _uart(
        "overrun-of-the-fifo",
        _put(_FCR, 1)
        + _LOOP
        + _put(_DATA, 0x41, 16)
        + _put(_DATA, 0x42)
        + _get("s4", _LSR)
        + _get("s5", _LSR)
        + _get("s6", _DATA) * 16
        + _get("s7", _LSR)
        + _get("s8", _DATA),
        (0x63, 0x61, 0x41, 0x60, 0),
    ),
    _uart(
        "overrun-interrupts",
        _LOOP
        + _put(_IER, 7)
        + _put(_DATA, 1, 2)
        + _get("s4", _IIR)
        + _get("s5", _LSR)
        + _get("s6", _IIR)
        + _get("s7", _DATA)
        + _get("s8", _IIR)
        + _get("s9", _IIR),
        (6, 0x63, 4, 1, 2, 1),
    ),
    _uart(
        "a-switch-of-fifos-empties-them",
        _put(_FCR, 1)
        + _LOOP
        + _put(_DATA, 0x41)
        + _put(_FCR, 0)
        + _get("s4", _LSR)
        + _put(_DATA, 0x42)
        + _put(_FCR, 1)
        + _get("s5", _LSR)
        + _get("s6", _DATA)
        + _put(_DATA, 0x43)
        + _put(_FCR, 1)
        + _get("s7", _LSR)
        + _put(_FCR, 3)
        + _get("s8", _LSR),
        (0x60, 0x60, 0, 0x61, 0x60),
    ),
    _uart(
        "an-emptied-transmitter-interrupts",
        _put(_IER, 2)
        + _get("s4", _IIR) * 2
        + _put(_FCR, 4)
        + _get("s5", _IIR)
        + _get("s6", _IIR)
        + _put(_FCR, 1)
        + _get("s7", _IIR),
        (1, 2, 1, 0xC2),
    ),
    *(
        _uart(
            f"trigger-{trigger}",
            _put(_FCR, bits << 6 | 1)
            + _LOOP
            + _put(_IER, 1)
            + _put(_DATA, 0x41, trigger)
            + _get("s4", _IIR)
            + _get("s5", _DATA)
            + _until_interrupt("s6"),
            (0xC4, 0x41, 0xCC),
        )
        for bits, trigger in ((1, 4), (2, 8), (3, 14))
    ),
    _uart(
        "divisor",
        _put(_LCR, 0x80)
        + _get("s4", 0)
        + _get("s5", 1)
        + _put(0, 0xAB)
        + _put(1, 0xCD)
        + _get("s6", 0)
        + _get("s7", 1)
        + _put(_LCR, 3)
        + _get("s8", 1)
        + _get("s9", 0),
        (0xC, 0, 0xAB, 0xCD, 0, 0),
    ),
)
