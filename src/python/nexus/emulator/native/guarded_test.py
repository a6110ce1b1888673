"""Blocks outside of loops look for stops; those of a loop do in its spare translation."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from nexus.emulator.isa.assemble import assemble_with_symbols
from nexus.emulator.machine import MachineOptions
from nexus.emulator.memory import PAGE_BYTES
from nexus.emulator.native.guarded import Form, forms
from nexus.emulator.native.region import regions
from nexus.emulator.native.translation_support import translated
from nexus.emulator.observe import Hit, Observer
from nexus.emulator.program_support import EXIT, program
from nexus.emulator.stop_cases import rounds

# A loop with an inner one, a piece that is left out on most turns, and one behind the end.
SOURCE = f"""
start: li t0, 50
turn: andi t1, t0, 7
    bnez t1, usual
rare: addi t2, t2, 1
usual: li t3, 3
inner: addi t3, t3, -1
    bnez t3, inner
    addi t0, t0, -1
    bnez t0, turn
behind: li a0, 0
    blt a0, zero, never
    {EXIT}
never: j never
"""
RAM_BYTES = 1 << 20


def forms_of(source: str) -> tuple[list[Form], dict[str, int]]:
    code, names = assemble_with_symbols(source, 0)
    return forms(list(regions(code.ljust(PAGE_BYTES, b"\0")))), names


def guards(*, is_spare: bool) -> tuple[set[int], dict[str, int]]:
    """The blocks of the source that look for stops, and where its labels are."""
    found, names = forms_of(SOURCE)
    chosen = [form for form in found if form.is_spare == is_spare]
    return {start for form in chosen for start, _ in form.guarded}, names


@pytest.mark.parametrize("name", ["start", "behind"])
def test_a_block_outside_of_loops_looks(name: str) -> None:
    found, names = guards(is_spare=False)
    assert names[name] in found


@pytest.mark.parametrize("name", ["rare", "usual", "inner", "never"])
def test_a_block_of_a_loop_does_not(name: str) -> None:
    found, names = guards(is_spare=False)
    assert names[name] not in found


def test_a_loop_is_translated_again_with_looks_in_every_block() -> None:
    found, names = guards(is_spare=True)
    assert found >= {names[name] for name in ("turn", "rare", "usual", "inner")}
    assert not found & {names[name] for name in ("start", "behind")}


def test_a_short_branch_is_looked_for_before_it() -> None:
    """So the compiler may make conditional moves of it."""
    found, names = forms_of(SOURCE)
    looks = {start: asked for form in found if form.is_spare for start, asked in form.looks.items()}
    assert looks[names["turn"]] == [names["turn"], names["rare"]]
    assert names["rare"] not in looks


@pytest.mark.parametrize(
    ("name", "times"), [("rare", 6), ("usual", 40), ("inner", 40), ("behind", 1), ("never", 0)]
)
def test_a_stop_is_met_each_time_and_nowhere_else(name: str, times: int) -> None:
    kernel, address = program(SOURCE), assemble_with_symbols(SOURCE)[1][name]
    found = []
    compiled = translated(kernel, RAM_BYTES)
    for options in (MachineOptions(kernel=kernel, ram_bytes=RAM_BYTES), compiled):
        observer = Observer()
        observer.breakpoints.add(address)
        found.append(list(rounds(partial(_observed, options), observer)))
    assert found[0] == found[1]
    assert [met.hit for met in found[0] if met.hit is not None] == [Hit(address)] * times


def _observed(options: MachineOptions, observer: Observer) -> MachineOptions:
    return replace(options, observer=observer)
