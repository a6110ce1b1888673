"""`python -m nexus.bench.run_stops ENGINE KERNEL DISK HARTS BLOB ...`: what a stop costs.

The kernel is that of `guest_stops.py`: a hot loop with a piece beside it that is never executed.
Prints one JSON object: what is left of the speed with a stop that is never met, the breakpoint
beside the loop and the watched word in the page of its data; and microseconds of a breakpoint that
each turn meets, and of a single step, with the debugger's packets but without a debugger.
"""

from __future__ import annotations

import json
import statistics
import time
from functools import partial
from typing import Final

from nexus.bench.guest_stops import BESIDE, IN_LOOP, UNWRITTEN
from nexus.bench.run_guest import UNTIL_NS, options_of
from nexus.emulator.gdb_packet import encode
from nexus.emulator.gdb_session import GdbSession, State
from nexus.emulator.io.pace import Pace
from nexus.emulator.machine import Machine
from nexus.emulator.timeline import Timeline
from nexus.entry.program import run_program

_ROUNDS: Final = 3
# Each of some ten microseconds.
_STOPS: Final = 2000

# Stops that are asked for, and never met.
UNMET: Final = {
    "a breakpoint beside a hot loop, never met": b"Z0,%x,4" % BESIDE,
    "a watched word in the page of its data, never met": b"Z2,%x,8" % UNWRITTEN,
}
MET: Final = {
    "a breakpoint that each turn meets": (b"Z0,%x,4" % IN_LOOP, b"c"),
    "a single step": (b"", b"vCont;s"),
}


def main(argv: list[str]) -> int:
    """Run the program."""
    ratios: dict[str, list[float]] = {name: [] for name in UNMET}
    for _ in range(_ROUNDS):
        machine = Machine(options_of(argv))
        began = time.process_time()
        machine.run(UNTIL_NS)
        plain_s = time.process_time() - began
        for name, packet in UNMET.items():
            seconds, count = _run(argv, packet)
            assert count == machine.instructions, f"{name}: a debugger changed the run"
            ratios[name].append(plain_s / seconds)
    left = {name: statistics.median(found) for name, found in ratios.items()}
    met = {name: _stop(argv, *packets) for name, packets in MET.items()}
    print(json.dumps({"left": left, "met_us": met}))
    return 0


def _session(argv: list[str], packet: bytes) -> GdbSession:
    session = GdbSession(Timeline(partial(options_of, argv), stopwatch=time.process_time))
    if packet:
        session.feed(encode(packet))
    return session


def _run(argv: list[str], packet: bytes) -> tuple[float, int]:
    """Run to the end under a debugger; return processor time and instructions."""
    session, pace = _session(argv, packet), Pace()
    session.feed(encode(b"c"))
    began = time.process_time()
    while session.state is State.RUNNING:
        pace.advance(session)
    return time.process_time() - began, session.position


def _stop(argv: list[str], packet: bytes, resume: bytes) -> float:
    """Stop again and again; return the microseconds of one time."""
    session, pace = _session(argv, packet), Pace()
    began = time.process_time()
    for _ in range(_STOPS):
        session.feed(encode(resume))
        while session.state is State.RUNNING:
            pace.advance(session)
    return (time.process_time() - began) / _STOPS * 1e6


if __name__ == "__main__":
    run_program(main)
