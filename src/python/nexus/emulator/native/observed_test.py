"""Stops and traces on the compiled engines: the same as on the reference."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from nexus.emulator.machine import Machine, MachineOptions
from nexus.emulator.native.blob_support import native_blob
from nexus.emulator.native.translation_support import translated
from nexus.emulator.observe import Observer
from nexus.emulator.program_support import program
from nexus.emulator.random_kernel_cases import random_kernel
from nexus.emulator.stop_cases import END_NS, Round, accessed, observe_at_random, rounds, visited
from nexus.emulator.symbols import parse
from nexus.emulator.timeline import Timeline
from nexus.emulator.trace import Tracer
from nexus.emulator.turns_guest_cases import ring

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


@pytest.mark.parametrize("engine", ENGINES)
def test_stops_of_several_harts_show_the_same(engine: str) -> None:
    kernel = program(ring(3))
    code = visited(kernel, RAM_BYTES)
    found = [
        _rounds(kernel, name, lambda it: observe_at_random(it, 3, code, []), harts=3)
        for name in ("reference", engine)
    ]
    assert found[0] == found[1]
    assert found[0][0].hit is not None


@pytest.mark.parametrize("engine", ENGINES)
def test_time_goes_backwards_on_every_engine(engine: str) -> None:
    """Steps, breakpoints and watches, in both directions."""
    kernel = program(random_kernel(7, 80))
    code, data = visited(kernel, RAM_BYTES), accessed(kernel, RAM_BYTES)
    walks = []
    for name in ("reference", engine):
        line = Timeline(partial(_observed_by, kernel, name), 100)
        observe_at_random(line.observer, 3, code, data)
        seen = []
        for _ in range(6):
            hit = line.advance(line.position + 500)
            seen.append((hit, line.position, line.machine.state_digest()))
        for _ in range(4):
            line.step_back()
            seen.append((None, line.position, line.machine.state_digest()))
        seen += [(line.run_back(), line.position, line.machine.state_digest()) for _ in range(4)]
        walks.append(seen)
    assert walks[0] == walks[1]


def _observed_by(kernel: bytes, engine: str, observer: Observer) -> MachineOptions:
    return _options(kernel, engine, observer)


def _options(kernel: bytes, engine: str, observer: Observer, harts: int = 1) -> MachineOptions:
    if engine == "translated":
        return replace(translated(kernel, RAM_BYTES), observer=observer, harts=harts)
    return MachineOptions(
        kernel=kernel,
        ram_bytes=RAM_BYTES,
        harts=harts,
        engine=engine,
        native_blob=native_blob() if engine == "native" else None,
        observer=observer,
    )


def _rounds(
    kernel: bytes,
    engine: str,
    prepare: Callable[[Observer], None],
    seed: int = 0,
    harts: int = 1,
) -> list[Round]:
    observer = Observer()
    prepare(observer)
    return list(rounds(lambda it: _options(kernel, engine, it, harts), observer, seed))


def _trace(kernel: bytes, engine: str, what: str) -> list[str]:
    lines: list[str] = []
    observer, tracer = Observer(), Tracer(parse(kernel), lines.append)
    tracer.watch(observer, what)
    tracer.machine = Machine(_options(kernel, engine, observer))
    tracer.machine.run(END_NS // 4)
    return lines
