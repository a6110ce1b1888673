"""`nexus vm run --engine qemu`: the same board as a real QEMU process.

On a terminal QEMU gets it as it is, with its own escapes (Ctrl-A x ends the run there too).
Otherwise its console is read here, so that `--until` works.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from nexus.cli.vm_arguments import Options
from nexus.cli.vm_machine import read
from nexus.cli.vm_session import Ending, Search, ending_of
from nexus.core.errors import UsageError
from nexus.emulator import elf
from nexus.emulator.board import DRIVE_SLOTS
from nexus.harness.engine import EngineUnavailableError
from nexus.harness.qemu_command import PROGRAM, check_version

# Older ones make the board's fw_cfg only after they read the command line (see qemu_command.py).
_FW_CFG_MAJOR_MIN: Final = 8
_STOP_S: Final = 2
_EXIT_S: Final = 30
_READ_BYTES: Final = 1 << 16


def command(options: Options, program: str, version: str, *, is_terminal: bool) -> list[str]:
    """The command line.

    Raises:
        UsageError: This version cannot do it.
    """
    if options.fw_cfg and int(version.split(".")[0]) < _FW_CFG_MAJOR_MIN:
        raise UsageError(f"--fw-cfg: QEMU {version} cannot do that on this board; needed is 8.0")
    words = [
        program,
        *("-M", "virt", "-smp", "1", "-m", f"{options.ram_bytes >> 10}K"),
        *("-bios", "none", "-kernel", str(options.kernel)),
        *("-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"),
        *("-global", "virtio-mmio.force-legacy=false"),
        *("-serial", "mon:stdio" if is_terminal else "stdio"),
        *("-device", "virtio-rng-device,bus=virtio-mmio-bus.1"),
    ]
    for name, path in options.fw_cfg.items():
        words += ["-fw_cfg", f"name={name},file={_escape(path)}"]
    for slot, drive in zip(DRIVE_SLOTS, options.drives, strict=False):
        access = "on" if drive.is_read_only else "off"
        place = f"if=none,id=drive{slot},format=raw,readonly={access},file={_escape(drive.path)}"
        device = f"virtio-blk-device,drive=drive{slot},serial=drive{slot}"
        words += ["-drive", place, "-device", f"{device},bus=virtio-mmio-bus.{slot}"]
    if options.gdb is not None:
        where = f"tcp:127.0.0.1:{options.gdb}" if options.gdb.isdecimal() else f"unix:{options.gdb}"
        words += ["-gdb", f"{where},server=on,wait=off", "-S"]
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
        raise EngineUnavailableError(f"engine 'qemu': {PROGRAM} is not on the path")
    shown = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    version = check_version(shown.stdout)
    try:
        elf.parse(read("--kernel", options.kernel))
    except elf.ImageError as error:
        raise UsageError(f"--kernel: {options.kernel}: {error}") from error
    for drive in options.drives:
        if not drive.path.is_file():
            raise UsageError(f"--drive: {drive.path}: No such file or directory")
    if sys.stdin.isatty() and sys.stdout.isatty() and options.until is None:
        words = command(options, program, version, is_terminal=True)
        return Ending(subprocess.run(words, check=False).returncode)
    return _run_plain(command(options, program, version, is_terminal=False), options)


def _run_plain(words: list[str], options: Options) -> Ending:
    source = subprocess.DEVNULL if options.script is None else options.script.open("rb")
    search = Search(options.until)
    with subprocess.Popen(words, stdin=source, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            while data := process.stdout.read1(_READ_BYTES):  # type: ignore[attr-defined]
                found = search.cut(data)
                sys.stdout.buffer.write(data if found is None else found)
                sys.stdout.buffer.flush()
                if found is not None:
                    return Ending(0)
            # Its console is closed before it has ended: to be told to end would change how it ends.
            with suppress(subprocess.TimeoutExpired):
                process.wait(_EXIT_S)
        finally:
            _stop(process)
    return ending_of(process.returncode, options.until)


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
