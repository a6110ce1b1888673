"""`nexus vm run --gdb`: serves debuggers; between them the guest goes on by itself."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable

from nexus.cli.vm_arguments import Options
from nexus.cli.vm_machine import Parts
from nexus.cli.vm_session import DEADLOCK, EXIT_INTERRUPTED, Ending, Session
from nexus.core.errors import UsageError
from nexus.emulator.gdb_session import State
from nexus.emulator.io.gdb_link import GdbLink
from nexus.emulator.io.gdb_server import GdbServer, ListenError
from nexus.emulator.timeline import Timeline
from nexus.entry.ending import catch_ending, release_ending


def debug(options: Options, parts: Parts, typed: bytes, show: Callable[[bytes], None]) -> Ending:
    """Wait for a debugger and serve it, and those that come later; return how the run ended.

    Raises:
        UsageError: no debugger can connect to where --gdb says.
    """
    timeline = Timeline(parts.make_options, stopwatch=time.process_time)
    timeline.type(typed)
    assert options.gdb is not None
    try:
        server = GdbServer(options.gdb)
    except ListenError as error:
        raise UsageError(f"--gdb: {error}") from error
    link = GdbLink(server, timeline, lambda: show(timeline.take_output()))
    # A command that is ended from outside is to leave no socket behind.
    before = catch_ending(signal.default_int_handler)
    try:
        sys.stderr.write(f"nexus vm run: debugger: target remote {server.address}\n")
        sys.stderr.flush()
        link.attach(is_waiting=True)
        while True:
            link.serve()
            if link.state is State.KILLED:
                return Ending(EXIT_INTERRUPTED)
            ending = _run_alone(options, timeline, link, show)
            if ending is not None:
                return ending
    finally:
        link.close()
        release_ending(before)


def _run_alone(
    options: Options, timeline: Timeline, link: GdbLink, show: Callable[[bytes], None]
) -> Ending | None:
    """Run without a debugger, to an ending or until another one comes (None)."""
    machine = timeline.machine
    machine.stop_when_stuck(True)
    session = Session(machine, until=options.until, max_instructions=options.max_instructions)
    session.type(timeline.untyped)
    while True:
        output, ending = session.advance()
        show(output)
        if ending is None and session.waits_for_ever:
            ending = DEADLOCK
        if ending is not None:
            return ending
        if link.attach(is_waiting=False):
            machine.stop_when_stuck(False)
            timeline.rejoin(session.untyped)
            return None
