"""Processes that end with the one that started them."""

from __future__ import annotations

import contextlib
import ctypes
import signal
import subprocess
from typing import Any, Final  # Any: symbols of libc have no types.

_PR_SET_PDEATHSIG: Final = 1
# A QEMU told to stop does so within milliseconds; after this it is killed.
STOP_SECONDS: Final = 2


def die_with_parent() -> None:
    """For `preexec_fn`: ask Linux to kill this process when its parent is gone.

    Elsewhere its parent must do so.
    """
    with contextlib.suppress(OSError, AttributeError):
        libc: Any = ctypes.CDLL(None)
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def stop(process: subprocess.Popen[bytes], patience_s: float = STOP_SECONDS) -> None:
    """End a process and wait for it; safe for one that has ended."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(patience_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
