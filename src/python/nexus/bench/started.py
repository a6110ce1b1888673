"""A program that a benchmark needs beside it, from when it is ready until it has ended."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

_START_SECONDS_MAX: Final = 300
_STOP_SECONDS_MAX: Final = 30
_LOOK_SECONDS: Final = 0.2


class RunFailedError(RuntimeError):
    """A run that is measured must succeed; the text is the end of its log."""


@contextmanager
def started(
    argv: Sequence[str],
    log: Path,
    is_ready: Callable[[str], bool],
    *,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    is_group: bool = False,
) -> Iterator[None]:
    """Run a program in a session of its own.

    Args:
        argv: The program and its arguments.
        log: Gets what it prints.
        is_ready: Looks at what the log holds so far.
        folder: Where it runs; by default here.
        environment: Its own; by default this one.
        is_group: Whether all that it has started is interrupted with it; else it is asked alone to
            end, and ends the others itself.

    Raises:
        RunFailedError: it was not ready in time.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            argv,
            cwd=folder,
            env=None if environment is None else dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + _START_SECONDS_MAX
        while not is_ready(said := log.read_text(encoding="utf-8", errors="replace")):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RunFailedError(f"{' '.join(argv)} did not start\n{said[-2000:]}")
            time.sleep(_LOOK_SECONDS)
        yield
    finally:
        _end(process, is_group)


def _end(process: subprocess.Popen[bytes], is_group: bool) -> None:
    with suppress(ProcessLookupError):
        if is_group:
            os.killpg(process.pid, signal.SIGINT)
        else:
            process.terminate()
    try:
        process.wait(_STOP_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
