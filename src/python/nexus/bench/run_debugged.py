"""`python -m nexus.bench.run_debugged ENGINE KERNEL DISK HARTS BLOB ...`: what a debugger costs.

The same guest in one process with a debugger and without, in turns: it prints the median of the
ratios, and how many instructions there were.  The debugger has a breakpoint and a watched word in
the page of the guest's code, and neither is ever met: what is measured is a run between two stops,
with the checkpoints by which a debugger goes back.
"""

from __future__ import annotations

import json
import statistics
import time
from functools import partial
from typing import Final

from nexus.bench.run_guest import UNTIL_NS, options_of
from nexus.emulator.gdb_packet import encode
from nexus.emulator.gdb_session import GdbSession, State
from nexus.emulator.io.pace import Pace
from nexus.emulator.machine import Machine
from nexus.emulator.memory import PAGE_BYTES, RAM_BASE
from nexus.emulator.timeline import Timeline
from nexus.entry.program import run_program

_ROUNDS: Final = 3
_BREAKPOINT: Final = RAM_BASE + PAGE_BYTES - 2
_WATCHED: Final = RAM_BASE + PAGE_BYTES - 16


def main(argv: list[str]) -> int:
    """Run the program."""
    ratios = []
    for _ in range(_ROUNDS):
        machine = Machine(options_of(argv))
        began = time.process_time()
        machine.run(UNTIL_NS)
        plain_s = time.process_time() - began
        timeline = Timeline(partial(options_of, argv), stopwatch=time.process_time)
        debugged_s = _debug(timeline)
        assert timeline.position == machine.instructions, "a debugger changed the run"
        ratios.append(plain_s / debugged_s)
    print(json.dumps({"ratio": statistics.median(ratios), "instructions": machine.instructions}))
    return 0


def _debug(timeline: Timeline) -> float:
    """Run a guest to its end under a debugger; return the processor time that took."""
    session, pace = GdbSession(timeline), Pace()
    for packet in (b"Z0,%x,2" % _BREAKPOINT, b"Z2,%x,8" % _WATCHED, b"c"):
        session.feed(encode(packet))
    began = time.process_time()
    while session.state is State.RUNNING:
        pace.advance(session)
    return time.process_time() - began


if __name__ == "__main__":
    run_program(main)
