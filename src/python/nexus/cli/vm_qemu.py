"""`nexus vm run --engine qemu`: the same board as a real QEMU process.

On a terminal QEMU gets it as it is, with its own escapes (Ctrl-A x ends the run there too).
Otherwise its console is read here, so that `--until` works.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import IO, Final

from nexus.cli.vm_arguments import Options
from nexus.cli.vm_boot import BootOptions
from nexus.cli.vm_cpu import qemu_cpu_of
from nexus.cli.vm_drives import DriveOption
from nexus.cli.vm_machine import read
from nexus.cli.vm_session import EXIT_HOST, Ending, Search, ending_of
from nexus.contract.node import DeviceSlot
from nexus.core.errors import UsageError
from nexus.core.text import printable
from nexus.emulator.elf import ImageError
from nexus.emulator.io.lock import LockError, open_locked
from nexus.emulator.loading import prepare
from nexus.emulator.payload import GZIP
from nexus.emulator.reset import BoardOptions
from nexus.entry.ending import catch_ending, release_ending
from nexus.harness.child import die_with_parent, stop
from nexus.harness.engine import EngineUnavailableError
from nexus.harness.qemu_command import MISSING, PROGRAM, check_version

# Older ones make the board's fw_cfg only after they read the command line (see qemu_command.py).
_FW_CFG_MAJOR_MIN: Final = 8
# QEMU's exit code when it does not even begin; a guest can have this code, too.
EXIT_QEMU: Final = 1
# Most that is kept of its error stream.
_ERROR_BYTES_MAX: Final = 1 << 16
_EXIT_S: Final = 30
_READ_BYTES: Final = 1 << 16


def command(options: Options, program: str, version: str, *, is_terminal: bool) -> list[str]:
    """The command line.

    Raises:
        UsageError: This version cannot do it.
    """
    if options.fw_cfg and int(version.split(".")[0]) < _FW_CFG_MAJOR_MIN:
        raise UsageError(
            f"--fw-cfg: QEMU {version} cannot do that on this board; it must be 8.0 or newer"
        )
    words = [
        program,
        "-M",
        "virt",
        "-smp",
        str(options.harts),
        "-m",
        f"{options.ram_bytes >> 10}K",
        "-cpu",
        qemu_cpu_of(options.cpu, version),
        *_boot_words(options.boot),
        "-nodefaults",
        "-no-user-config",
        "-no-reboot",
        "-display",
        "none",
        "-global",
        "virtio-mmio.force-legacy=false",
        "-serial",
        "mon:stdio" if is_terminal else "stdio",
        "-device",
        f"virtio-rng-device,bus=virtio-mmio-bus.{int(DeviceSlot.ENTROPY)}",
    ]
    for name, path in options.fw_cfg.items():
        words += ["-fw_cfg", f"name={name},file={_escape(path)}"]
    for drive in options.drives:
        slot = drive.slot
        access = "on" if drive.is_read_only else "off"
        place = f"if=none,id=drive{slot},format=raw,readonly={access},file={_escape(drive.path)}"
        device = f"virtio-blk-device,drive=drive{slot},serial=drive{slot}"
        words += ["-drive", place, "-device", f"{device},bus=virtio-mmio-bus.{slot}"]
    if options.gdb is not None:
        where = f"tcp:127.0.0.1:{options.gdb}" if options.gdb.isdecimal() else f"unix:{options.gdb}"
        words += ["-gdb", f"{where},server=on,wait=off", "-S"]
    return words


def _boot_words(boot: BootOptions) -> list[str]:
    words = ["-bios", "none" if boot.firmware is None else str(boot.firmware)]
    for option, value in (
        ("-kernel", boot.kernel),
        ("-initrd", boot.initrd),
        ("-append", boot.append or None),
        ("-dtb", boot.device_tree),
    ):
        if value is not None:
            words += [option, str(value)]
    return words


def _escape(path: Path) -> str:
    """QEMU's options end at a comma; a doubled one is one."""
    return str(path).replace(",", ",,")


def run_qemu(options: Options) -> Ending:
    """Check what QEMU would not say clearly, then run it.

    Raises:
        EngineUnavailableError: There is no QEMU, or it is too old.
        UsageError: A file is not what it has to be.
    """
    program = shutil.which(PROGRAM)
    if program is None:
        raise EngineUnavailableError(f"engine 'qemu': {MISSING}")
    try:
        shown = subprocess.run(
            [program, "--version"], capture_output=True, timeout=_EXIT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EngineUnavailableError(f"engine 'qemu': {program} does not start: {error}") from error
    version = check_version(shown.stdout.decode("utf-8", "replace"))
    _check(options)
    with ExitStack() as disks:
        for drive in options.drives:
            disks.callback(os.close, _lock(drive))
        is_terminal = sys.stdin.isatty() and sys.stdout.isatty() and options.until is None
        words = command(options, program, version, is_terminal=is_terminal)
        return _run_on_terminal(words) if is_terminal else _run_plain(words, options)


def _check(options: Options) -> None:
    """Refuse what our own board would refuse: QEMU would run anything, and say nothing."""
    files = options.boot.read(read)
    if files.kernel.startswith(GZIP):
        raise UsageError(
            f"--kernel: {options.boot.kernel}: QEMU does not unpack it; unpack it with gunzip"
        )
    try:
        prepare(files, options.ram_bytes, BoardOptions())
    except ImageError as error:
        raise options.boot.explain(error) from error


def _lock(drive: DriveOption) -> int:
    """Hold a disk's lock, as our own machines do: QEMU's is of another kind."""
    try:
        return open_locked(drive.path, is_writable=not drive.is_read_only, for_qemu=True)
    except OSError as error:
        raise UsageError(f"--drive: {drive.path}: {error.strerror}") from error
    except LockError as error:
        raise UsageError(f"--drive: {drive.path}: {error}") from error


def _run_on_terminal(words: list[str]) -> Ending:
    with _started(words, None, None) as (process, errors):
        process.wait()
        return _ending(process.returncode, errors, None)


def _run_plain(words: list[str], options: Options) -> Ending:
    search = Search(options.until)
    with ExitStack() as stack:
        source: IO[bytes] | int = subprocess.DEVNULL
        if options.script is not None:
            # The input of `vm run`: all of a file, a pipe or a device, within the bounds.
            source = stack.enter_context(tempfile.TemporaryFile())
            source.write(read("--input", options.script))
            source.seek(0)
        process, errors = stack.enter_context(_started(words, source, subprocess.PIPE))
        assert process.stdout is not None
        while data := process.stdout.read1(_READ_BYTES):  # type: ignore[attr-defined]  # Buffered.
            found = search.cut(data)
            sys.stdout.buffer.write(data if found is None else found)
            sys.stdout.buffer.flush()
            if found is not None:
                return Ending(0)
        # Its console is closed before it has ended: to be told to end would change how it ends.
        with suppress(subprocess.TimeoutExpired):
            process.wait(_EXIT_S)
        stop(process)
        return _ending(process.returncode, errors, options.until)


class _EndedBySignalError(Exception):
    """A signal asks this process to end; QEMU has to go first."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextmanager
def _started(
    words: list[str], source: IO[bytes] | int | None, sink: int | None
) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes]]]:
    """A QEMU for the length of a `with`, and where it complains; it never outlives this process."""

    def on_signal(number: int, frame: FrameType | None) -> None:
        raise _EndedBySignalError(number)

    # Their default action would end this process and leave QEMU behind.
    before = catch_ending(on_signal)
    ended_by = None
    try:
        with (
            tempfile.TemporaryFile() as errors,
            subprocess.Popen(
                words, stdin=source, stdout=sink, stderr=errors, preexec_fn=die_with_parent
            ) as process,
        ):
            try:
                yield process, errors
            except _EndedBySignalError as error:
                ended_by = error.number
            finally:
                stop(process)
    finally:
        release_ending(before)
    if ended_by is not None:
        signal.raise_signal(ended_by)


def _ending(code: int, errors: IO[bytes], until: bytes | None) -> Ending:
    """Return the meaning of QEMU's end: the guest's verdict, or a fault that left none."""
    errors.seek(0)
    said = errors.read(_ERROR_BYTES_MAX).decode("utf-8", "replace").splitlines()
    complaints = [line for line in said if line.startswith(PROGRAM) and "warning:" not in line]
    if code < 0:
        return Ending(EXIT_HOST, f"QEMU was ended by {signal.Signals(-code).name}")
    if code == EXIT_QEMU and complaints:
        return Ending(EXIT_HOST, f"QEMU did not run: {complaints[0].partition(': ')[2]}")
    sys.stderr.write("".join(f"{printable(line)}\n" for line in said))
    return ending_of(code, until)
