"""Stops and traces on the compiled engines: the same as on the reference."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from nexus.emulator.machine import Machine, MachineOptions
from nexus.emulator.native.blob_support import native_blob
from nexus.emulator.native.translation_support import translated
from nexus.emulator.observe import Observer
from nexus.emulator.program_support import program
from nexus.emulator.random_kernel_cases import random_kernel
from nexus.emulator.stop_cases import END_NS, Round, accessed, observe_at_random, rounds, visited
from nexus.emulator.symbols import parse
from nexus.emulator.trace import Tracer

RAM_BYTES = 1 << 20
ENGINES = ("native", "translated")


@pytest.mark.parametrize("seed", range(24))
@pytest.mark.parametrize("engine", ENGINES)
def test_stops_show_the_same_on_every_engine(engine: str, seed: int) -> None:
    kernel = program(random_kernel(seed, 80))
    code, data = visited(kernel, RAM_BYTES), accessed(kernel, RAM_BYTES)
    expected = _rounds(kernel, "reference", lambda it: observe_at_random(it, seed, code, data))
    found = _rounds(kernel, engine, lambda it: observe_at_random(it, seed, code, data), seed)
    assert found == expected


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("what", ["traps", "instructions"])
@pytest.mark.parametrize("engine", ENGINES)
def test_traces_have_the_same_lines_on_every_engine(engine: str, what: str, seed: int) -> None:
    kernel = program(random_kernel(seed, 60))
    expected = _trace(kernel, "reference", what)
    assert len(expected) > 3
    assert _trace(kernel, engine, what) == expected


def _options(kernel: bytes, engine: str, observer: Observer) -> MachineOptions:
    if engine == "translated":
        return replace(translated(kernel, RAM_BYTES), observer=observer)
    blob = native_blob() if engine == "native" else None
    return MachineOptions(
        kernel=kernel, ram_bytes=RAM_BYTES, engine=engine, native_blob=blob, observer=observer
    )


def _rounds(
    kernel: bytes, engine: str, prepare: Callable[[Observer], None], seed: int = 0
) -> list[Round]:
    observer = Observer()
    prepare(observer)
    return list(rounds(lambda it: _options(kernel, engine, it), observer, seed))


def _trace(kernel: bytes, engine: str, what: str) -> list[str]:
    lines: list[str] = []
    observer, tracer = Observer(), Tracer(parse(kernel), lines.append)
    tracer.watch(observer, what)
    tracer.machine = Machine(_options(kernel, engine, observer))
    tracer.machine.run(END_NS // 4)
    return lines
