"""Written by hand and generated from the table: the same steps."""

from __future__ import annotations

import pytest

from nexus.emulator.isa.decode import BASE
from nexus.emulator.isa.semantics import semantics_of
from nexus.emulator.reference.access_steps import ACCESS_STEPS
from nexus.emulator.reference.source import step_function

M64 = (1 << 64) - 1
WORDS = (0, 1, 0x7F, 0x80, 0x8000, 0x8000_0000, 0x1234_5678_9ABC_DEF0, M64)


class Hart:
    """Remembers what is stored, and has one word to load."""

    def __init__(self, word: int) -> None:
        self.word = word
        self.seen: list[tuple[int, ...]] = []

    def load(self, address: int, size: int) -> int:
        self.seen.append((address, size))
        return self.word & (1 << 8 * size) - 1

    def store(self, address: int, value: int, size: int) -> None:
        self.seen.append((address, value, size))


def effects(step: object, word: int, imm: int) -> object:
    assert callable(step)
    hart, registers = Hart(word), [0, 0xFFFF_FFFF_FFFF_FFF8, word, 5]
    after = step(hart, registers, 3, 1, 2, imm, 4, M64 - 1)
    return hart.seen, registers, after


@pytest.mark.parametrize("name", ACCESS_STEPS)
def test_a_step_does_what_the_table_says(name: str) -> None:
    for word in WORDS:
        for imm in (-2048, 0, 100):
            expected = effects(step_function(name), word, imm)
            assert effects(ACCESS_STEPS[name], word, imm) == expected


def test_every_plain_access_of_integers_is_there() -> None:
    found = {
        row.name
        for row in BASE
        if (it := semantics_of(row.name)).access and not it.is_atomic and not it.uses_float
    }
    assert found == set(ACCESS_STEPS)
