"""A debugger on one machine of a failing seed: the world runs up to an instant, and stands still.

Up to there the machine runs on the fast engine.  Then its state moves, as a snapshot, into one that
a debugger can watch; the others go on as they were whenever it does.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from nexus.campaign.again import load
from nexus.campaign.machines import Yard
from nexus.campaign.prepare import Prepared
from nexus.campaign.recipe import Recipe
from nexus.campaign.replay import Replay
from nexus.campaign.run import Stop, run
from nexus.core.commandline import one_of
from nexus.core.errors import UsageError
from nexus.emulator.observe import Observer
from nexus.entry.ending import catch_ending
from nexus.entry.options import number
from nexus.harness.child import stop as stop_process
from nexus.harness.debug import DebuggedMachine
from nexus.harness.engine import EndedByUserError, EngineUnavailableError
from nexus.simulation.world import World

_NS_PER_MS: Final = 1_000_000
_TICK_NS: Final = 10
_MS_MAX: Final = 1e12
# Before the violation, if no instant was given: enough to see what leads to it.
_BEFORE_NS: Final = 2 * _NS_PER_MS
_GDBS: Final = ("gdb-multiarch", "riscv64-unknown-elf-gdb", "gdb")


def add_debug(parser: ArgumentParser) -> None:
    """Let a command take where and when to stop."""
    add = parser.add_argument
    add("--machine", metavar="LABEL", help="default: the one that broke the rule, else the first")
    add(
        "--at-ms",
        type=number(0, _MS_MAX, "milliseconds"),
        metavar="MS",
        help="stop there; default: shortly before it fails",
    )
    add("--gdb", metavar="PORT|PATH", help="wait there for a debugger, instead of starting one")


def do_debug(options: Namespace) -> int:
    """Run to the instant, start GDB or wait for one, and let the run end when it leaves."""
    prepared, found = load(options)
    ran = run(prepared, found.recipe)
    first = ran.violations[0] if ran.violations else None
    labels = ran.observation.machines
    label = options.machine or (first.machine if first and first.machine else labels[0])
    one_of("--machine", label, labels)
    end_ns = ran.observation.end_ns if first is None else first.ns
    at_ns = max(0, end_ns - _BEFORE_NS) if options.at_ms is None else _ns(options.at_ms, end_ns)
    # A debugger may never come: a command that is ended while it waits leaves nothing behind.
    catch_ending(signal.default_int_handler)
    with _place(options.gdb) as where:
        return _debug(prepared, found, label, at_ns // _TICK_NS * _TICK_NS, where, options.gdb)


def _debug(
    prepared: Prepared, found: Replay, label: str, at_ns: int, where: str, given: str | None
) -> int:
    debugged: list[DebuggedMachine] = []
    children: list[subprocess.Popen[bytes]] = []

    def look(world: World, yard: Yard) -> None:
        observer = Observer()
        machine = DebuggedMachine(label, yard.watch(label, observer), observer, where)
        debugged.append(machine)
        world.exchange(label, machine)
        sys.stderr.write(f"debug: machine {label} stands still at {at_ns / _NS_PER_MS:.3f} ms\n")
        sys.stderr.flush()
        if given is None:
            children.append(_start_gdb(where, prepared.image_of(label)))
            # Ctrl-C is GDB's now: it stops the guest, and the world goes on.
            signal.signal(signal.SIGINT, signal.SIG_IGN)

    try:
        run(prepared, _later(found.recipe, prepared), Stop(at_ns, look))
    except EndedByUserError as exc:
        sys.stderr.write(f"debug: {exc}\n")
    finally:
        for machine in debugged:
            machine.close()
        for child in children:
            child.wait() if sys.exc_info()[0] is None else stop_process(child)
    return 0


def _later(recipe: Recipe, prepared: Prepared) -> Recipe:
    """Let the run go on behind the violation: a person may want to see what follows."""
    return replace(recipe, run_ms=prepared.scenario.config.budget.run_ms)


def _ns(at_ms: float, end_ns: int) -> int:
    if not 0 <= at_ms * _NS_PER_MS <= end_ns:
        raise UsageError(f"--at-ms: {at_ms:g} is not in 0..{end_ns / _NS_PER_MS:g}")
    return round(at_ms * _NS_PER_MS)


@contextmanager
def _place(given: str | None) -> Iterator[str]:
    """Return the debugger's address: the given one, or a socket of our own."""
    if given is not None:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="nexus-debug-") as folder:
        yield str(Path(folder) / "gdb.sock")


def _start_gdb(where: str, image: Path | None) -> subprocess.Popen[bytes]:
    program = next((found for name in _GDBS if (found := shutil.which(name))), None)
    if program is None:
        raise EngineUnavailableError(
            f"none of {', '.join(_GDBS)} is on the PATH; install one, or give --gdb PORT and "
            "connect by yourself"
        )
    symbols = [] if image is None else [str(image)]
    return subprocess.Popen([program, "-q", *symbols, "-ex", f"target remote {where}"])
