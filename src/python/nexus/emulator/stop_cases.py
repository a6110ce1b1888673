"""Random stops for random kernels, and what a debugger sees there: for tests that compare engines.

A round is what one stop shows: why, after how many instructions, and all registers and memory.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from nexus.emulator.isa.cpu import RV64IMAC, Cpu
from nexus.emulator.machine import Machine, MachineOptions, Stop
from nexus.emulator.observe import READ, WRITE, Hit, Observer, Watch

STOPS_MAX: Final = 40
END_NS: Final = 60_000
_EVERYTHING: Final = Watch(0, 1 << 64, READ | WRITE)

# Makes a machine that this observer looks at.
Make = Callable[[Observer], MachineOptions]


class Round(NamedTuple):
    """The state of a stopped machine, as a debugger finds it."""

    stop: Stop
    hit: Hit | None
    instructions: int
    digest: str


def rounds(make: Make, observer: Observer, seed: int = 0) -> Iterator[Round]:
    """Run, in slices that the seed decides, and go on after each stop."""
    chance = random.Random(seed)
    machine = Machine(make(observer))
    for _ in range(STOPS_MAX):
        stop = Stop.REACHED
        while machine.now_ns < END_NS and stop in (Stop.REACHED, Stop.IDLE):
            step = 10 * chance.choice((1, 3, 40, 100_000))
            stop = machine.run(min(machine.now_ns + step, END_NS))
        yield Round(stop, observer.hit, machine.instructions, machine.state_digest())
        if stop is not Stop.OBSERVED:
            return
        # Where it stopped is not left yet, or was: as a debugger's timeline goes on.
        observer.resumed_at, observer.hit = machine.instructions, None


def visited(kernel: bytes, ram_bytes: int, cpu: Cpu = RV64IMAC) -> list[int]:
    """The addresses at which a kernel executes something, in the order of their numbers."""
    observer, seen = Observer(), set[int]()
    observer.on_instruction = seen.add
    options = MachineOptions(kernel=kernel, ram_bytes=ram_bytes, cpu=cpu, observer=observer)
    Machine(options).run(END_NS)
    return sorted(seen)


def accessed(kernel: bytes, ram_bytes: int, cpu: Cpu = RV64IMAC) -> list[int]:
    """The addresses that a kernel reads or writes first."""
    observer = Observer()
    observer.watches.append(_EVERYTHING)
    options = MachineOptions(kernel=kernel, ram_bytes=ram_bytes, cpu=cpu, observer=observer)
    return sorted({it.hit.address for it in rounds(lambda _: options, observer) if it.hit})


def observe_at_random(observer: Observer, seed: int, code: list[int], data: list[int]) -> None:
    """Set breakpoints and watches, mostly where something happens."""
    chance = random.Random(seed)
    chosen = chance.sample(code, min(chance.choice((0, 1, 3, 12)), len(code)))
    observer.breakpoints.update(chosen)
    observer.breakpoints.add(chance.randrange(1 << 64) & ~1)
    for address in chance.sample(data, min(chance.choice((0, 1, 4)), len(data))):
        length = chance.choice((1, 2, 4, 8, 64))
        start = max(address + chance.choice((-4, -1, 0, 0, 1, 7)), 0)
        observer.watches.append(Watch(start, length, chance.choice((READ, WRITE, READ | WRITE))))
