"""`nexus vm run --gdb`: serves a debugger; when it leaves, the guest goes on by itself."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable

from nexus.cli.vm_arguments import Options
from nexus.cli.vm_machine import Parts
from nexus.cli.vm_session import Session
from nexus.core.errors import UsageError
from nexus.emulator.gdb_session import GdbSession, State
from nexus.emulator.io.gdb_server import GdbServer, ListenError, serve
from nexus.emulator.timeline import Timeline
from nexus.entry.ending import catch_ending, release_ending


def debug(
    options: Options, parts: Parts, typed: bytes, show: Callable[[bytes], None]
) -> Session | None:
    """Serve one debugger; return what is left to run, or None if it killed the guest.

    Raises:
        UsageError: Nobody can connect to where --gdb says.
    """
    timeline = Timeline(parts.make_options)
    timeline.type(typed)
    session = GdbSession(timeline)
    assert options.gdb is not None
    try:
        server = GdbServer(options.gdb)
    except ListenError as error:
        raise UsageError(f"--gdb: {error}") from error
    # Whoever ends the command is to find no socket left behind.
    before = catch_ending(signal.default_int_handler)
    try:
        sys.stderr.write(f"nexus vm run: debugger: target remote {server.address}\n")
        sys.stderr.flush()
        serve(server, session, lambda: show(timeline.take_output()))
    finally:
        server.close()
        release_ending(before)
    if session.state is State.KILLED:
        return None
    timeline.release()
    timeline.machine.stop_when_stuck()
    rest = Session(timeline.machine, until=options.until, max_instructions=options.max_instructions)
    rest.type(timeline.untyped)
    return rest
