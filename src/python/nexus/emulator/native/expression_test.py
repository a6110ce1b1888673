"""The two targets of the semantics know the same functions."""

from nexus.emulator.isa import python_source
from nexus.emulator.isa.statement import Function
from nexus.emulator.native import expression


def test_both_targets_know_every_function_of_the_language() -> None:
    assert python_source.FUNCTIONS.keys() == set(Function)
    assert expression.FUNCTIONS.keys() >= set(Function)
