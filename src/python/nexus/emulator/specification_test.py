"""The reference engine and QEMU against the specifications: see `specification_cases`."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from nexus.emulator.machine import Machine, MachineOptions
from nexus.emulator.program_support import boot, program
from nexus.emulator.snapshot import restore, save
from nexus.emulator.specification_cases import Question, answers_of, decode
from nexus.emulator.specification_device_cases import DEVICE_QUESTIONS
from nexus.emulator.specification_hart_cases import HART_QUESTIONS, WRAPPING_CLOCK
from nexus.emulator.specification_uart_cases import UART_QUESTIONS

QEMU = shutil.which("qemu-system-riscv64")
QUESTIONS = (*HART_QUESTIONS, *UART_QUESTIONS, *DEVICE_QUESTIONS)
RAM_BYTES = 1 << 20


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_the_reference_does_what_is_specified(question: Question) -> None:
    options = MachineOptions(kernel=question.kernel, ram_bytes=RAM_BYTES)
    assert answers_of(options) == question.expected


@pytest.mark.skipif(QEMU is None, reason="qemu-system-riscv64 is not installed on this host")
@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_qemu_agrees_where_we_say_so(question: Question, tmp_path: Path) -> None:
    kernel = tmp_path / "question.elf"
    kernel.write_bytes(question.kernel)
    board = ("-M", "virt", "-m", "64M", "-bios", "none", "-nodefaults", "-display", "none")
    features = (
        "-cpu",
        "rv64,f=false,d=false,h=false,v=false",
        "-global",
        "virtio-mmio.force-legacy=false",
    )
    words = (str(QEMU), *board, *features, "-serial", "stdio", "-kernel", str(kernel))
    done = subprocess.run(
        words, stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=20
    )
    assert decode(done.stdout) == question.expected_of_qemu


def test_a_clock_that_wraps_is_seen_alike_in_every_slicing() -> None:
    whole, sliced = boot(WRAPPING_CLOCK), boot(WRAPPING_CLOCK)
    whole.run(6_000)
    assert whole.register(23) == 2**64 - 1, "wfi ends when the clock reads its last value"
    for instant in range(10, 6_010, 10):
        sliced.run(instant)
    assert sliced.state_digest() == whole.state_digest()


def test_a_set_clock_survives_a_snapshot() -> None:
    options = MachineOptions(kernel=program(WRAPPING_CLOCK), ram_bytes=RAM_BYTES)
    straight, broken = Machine(options), Machine(options)
    for instant in range(370, 6_000, 370):
        straight.run(instant)
        broken.run(instant)
        broken = restore(options, save(broken))
        assert broken.state_digest() == straight.state_digest()
