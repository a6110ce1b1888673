"""The compiled engines against the specifications: see `specification_cases`."""

import pytest

from nexus.emulator.machine import Machine, MachineOptions
from nexus.emulator.native.blob_support import native_blob
from nexus.emulator.native.translation_support import translated
from nexus.emulator.program_support import boot, program
from nexus.emulator.specification_cases import Question, answers_of
from nexus.emulator.specification_device_cases import DEVICE_QUESTIONS
from nexus.emulator.specification_hart_cases import HART_QUESTIONS, WRAPPING_CLOCK
from nexus.emulator.specification_uart_cases import UART_QUESTIONS

QUESTIONS = (*HART_QUESTIONS, *UART_QUESTIONS, *DEVICE_QUESTIONS)
RAM_BYTES = 1 << 20


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
@pytest.mark.parametrize("engine", ["native", "translated"])
def test_compiled_engines_do_what_is_specified(question: Question, engine: str) -> None:
    assert answers_of(_options(question.kernel, engine)) == question.expected


@pytest.mark.parametrize("engine", ["native", "translated"])
def test_a_clock_that_wraps_is_seen_alike(engine: str) -> None:
    kernel = program(WRAPPING_CLOCK)
    reference, whole = boot(WRAPPING_CLOCK), Machine(_options(kernel, engine))
    sliced = Machine(_options(kernel, engine))
    for instant in range(10, 6_010, 10):
        sliced.run(instant)
    for machine in (reference, whole):
        machine.run(6_000)
    assert whole.state_digest() == sliced.state_digest() == reference.state_digest()


def _options(kernel: bytes, engine: str) -> MachineOptions:
    if engine == "translated":
        return translated(kernel, RAM_BYTES)
    return MachineOptions(
        kernel=kernel, ram_bytes=RAM_BYTES, engine=engine, native_blob=native_blob()
    )
