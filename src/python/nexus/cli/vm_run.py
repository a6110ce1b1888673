"""`nexus vm run`: boots one machine and connects its console."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nexus.cli import vm_arguments
from nexus.cli.vm_arguments import Options
from nexus.cli.vm_session import (
    DEADLOCK,
    EXIT_HOST,
    EXIT_INTERRUPTED,
    EXIT_UNAVAILABLE,
    Ending,
    Session,
)
from nexus.core.commandline import EXIT_CONFIG
from nexus.core.errors import NexusError, UsageError
from nexus.core.text import printable
from nexus.entry.program import end_at_once, run_program
from nexus.harness.engine import EngineUnavailableError

if TYPE_CHECKING:
    from nexus.cli.vm_machine import Parts
    from nexus.emulator.io.terminal import Terminal
    from nexus.emulator.machine import Machine
    from nexus.emulator.observe import Observer
    from nexus.emulator.trace import Tracer

# A sleeping guest on a terminal: how long to wait for a key before looking at the clock again.
_KEY_WAIT_S: Final = 0.2
_NS_PER_S: Final = 1_000_000_000


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; return its exit code."""
    try:
        options = vm_arguments.parse(sys.argv[1:] if argv is None else argv)
        ending = run(options)
    except EngineUnavailableError as error:
        ending = Ending(EXIT_UNAVAILABLE, str(error))
    except (NexusError, UsageError, ValueError) as error:
        ending = Ending(EXIT_CONFIG, str(error))
    except OSError as error:
        ending = Ending(EXIT_HOST, f"the host failed: {error}")
    except KeyboardInterrupt:
        ending = Ending(EXIT_INTERRUPTED, "interrupted")
    end_at_once()
    if ending.message is not None:
        sys.stderr.write(f"nexus vm run: {printable(ending.message)}\n")
    for line in ending.details:
        sys.stderr.write(f"  {printable(line)}\n")
    return ending.exit_code


def run(options: Options) -> Ending:
    """Run what was asked for; the parts are imported when they are needed."""
    if options.engine == "qemu":
        from nexus.cli.vm_qemu import run_qemu

        return run_qemu(options)
    from nexus.cli.vm_machine import gather, read
    from nexus.emulator.elf import ImageError
    from nexus.emulator.elf_needs import describe_needs

    if options.boot.dump_device_tree is not None:
        return _dump_tree(options, options.boot.dump_device_tree)
    parts = gather(options)
    needs = describe_needs(parts.kernel, options.cpu)
    if needs is not None:
        option = "--bios" if options.boot.kernel is None else "--kernel"
        note = f"note: {option} {options.boot.first}: {needs}"
        sys.stderr.write(f"nexus vm run: {printable(note)}\n")
    typed = b"" if options.script is None else read("--input", options.script)
    lines = options.recording.read_lines()
    try:
        ending = _run_parts(options, parts, typed)
    except ImageError as error:
        raise options.boot.explain(error) from error
    finally:
        parts.close()
    if parts.instruments is not None:
        name = options.boot.first.name
        options.recording.write(name, parts.kernel, parts.instruments, lines)
    return ending


def _dump_tree(options: Options, path: Path) -> Ending:
    """Write the device tree that the machine would find, and run nothing."""
    from dataclasses import asdict

    from nexus.cli.vm_machine import read
    from nexus.emulator.elf import ImageError
    from nexus.emulator.loading import prepare
    from nexus.emulator.machine import MachineOptions

    files = options.boot.read(read)
    try:
        boot = prepare(
            files,
            options.ram_bytes,
            MachineOptions(**asdict(files), cpu=options.cpu, harts=options.harts).board,
        )
    except ImageError as error:
        raise options.boot.explain(error) from error
    if not boot.tree:
        raise UsageError(
            "--dump-dtb: the kernel leaves no room for a device tree; give more memory with --ram"
        )
    try:
        path.write_bytes(boot.parts[-1].data)
    except OSError as error:
        raise UsageError(f"--dump-dtb: {path}: {error.strerror}") from error
    return Ending(0)


def _run_parts(options: Options, parts: Parts, typed: bytes) -> Ending:
    if options.gdb is not None:
        from nexus.cli.vm_gdb import debug

        return debug(options, parts, typed, show)
    with tracing(options, parts) as (observer, tracer):
        machine = _power_on(options, parts, observer)
        if tracer is not None:
            tracer.machine = machine
        session = Session(machine, until=options.until, max_instructions=options.max_instructions)
        session.type(typed)
        try:
            return _run_here(session)
        finally:
            if options.snapshot_out is not None:
                from nexus.emulator.snapshot import save

                options.snapshot_out.write_bytes(save(machine))


def _power_on(options: Options, parts: Parts, observer: Observer | None) -> Machine:
    """A machine at time 0, or where it was saved."""
    from nexus.emulator.machine import Machine

    if options.snapshot is None:
        return Machine(parts.make_options(observer))
    from nexus.cli.vm_machine import read
    from nexus.emulator.snapshot import SnapshotError, restore

    try:
        return restore(parts.make_options(observer), read("--snapshot", options.snapshot))
    except SnapshotError as error:
        raise UsageError(f"--snapshot: {options.snapshot}: {error}") from error


@contextmanager
def tracing(options: Options, parts: Parts) -> Iterator[tuple[Observer | None, Tracer | None]]:
    """The observer with which --trace wants the machine made, if any."""
    if options.trace is None:
        yield None, None
        return
    from nexus.emulator import symbols
    from nexus.emulator.observe import Observer
    from nexus.emulator.trace import Tracer

    path = options.trace_out
    with ExitStack() as stack:
        out = sys.stderr if path is None else stack.enter_context(path.open("w", encoding="utf-8"))
        observer, tracer = Observer(), Tracer(symbols.parse(parts.kernel), out.write)
        tracer.watch(observer, options.trace)
        yield observer, tracer


def _run_here(session: Session) -> Ending:
    if sys.stdin.isatty() and sys.stdout.isatty():
        from nexus.emulator.io.terminal import QuitError, Terminal

        try:
            with Terminal(sys.stdin.fileno()) as terminal:
                return _run_interactive(session, terminal)
        except QuitError:
            return Ending(EXIT_INTERRUPTED)
    return run_plain(session)


def show(output: bytes) -> None:
    if output:
        sys.stdout.buffer.write(output)
        sys.stdout.buffer.flush()


def run_plain(session: Session) -> Ending:
    """Without a keyboard: as fast as it goes, to an ending or to eternal sleep."""
    while True:
        output, ending = session.advance()
        show(output)
        if ending is not None:
            return ending
        if session.waits_for_ever:
            return DEADLOCK


def _run_interactive(session: Session, terminal: Terminal) -> Ending:
    """With a keyboard.  A guest that sleeps does so in the host's time, and any key wakes it."""
    while True:
        output, ending = session.advance()
        show(output)
        if ending is not None:
            return ending
        session.type(terminal.read(0))
        _sleep(session, terminal)


def _sleep(session: Session, terminal: Terminal) -> None:
    """Wait as long as the machine does, unless a key is pressed."""
    began, asleep_ns = time.monotonic(), session.machine.now_ns
    while not session.has_input:
        until_ns = session.sleeps_until_ns
        left_s = _KEY_WAIT_S
        if until_ns is not None:
            left_s = began + (until_ns - asleep_ns) / _NS_PER_S - time.monotonic()
            if left_s <= 0:
                return
        session.type(terminal.read(min(left_s, _KEY_WAIT_S)))


if __name__ == "__main__":
    run_program(main)
