"""Reads a file that a user names, with a bound in bytes and in time, whatever it is.

A name may lead to a pipe that nobody writes into, a producer that never ends, a terminal or a
device.  To open or to read such a file would hold a program for ever.
"""

from __future__ import annotations

import errno
import os
import select
import stat
import time
from pathlib import Path
from typing import Final

# How long a pipe may keep quiet, such as one that a shell makes for `<(command)`.
QUIET_SECONDS_MAX: Final = 10.0
# How long all of it may take: a pipe that drips a byte a second is never quiet.
SECONDS_MAX: Final = 30.0

_CHUNK_BYTES: Final = 1 << 20
_FLAGS: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


def read_bounded(path: Path, bytes_max: int) -> bytes:
    """Read a file, and one byte beyond the bound if it has more; the caller refuses that.

    Raises:
        OSError: it cannot be read, or does not end in time; `strerror` says what it is.
    """
    descriptor = open_bounded(path)
    try:
        return read_descriptor(descriptor, bytes_max)
    finally:
        os.close(descriptor)


def open_bounded(path: Path) -> int:
    """Open a file for reading, and do not wait for the other end of a pipe.

    Raises:
        OSError: it cannot be opened, or is a socket.
    """
    try:
        return os.open(path, _FLAGS)
    except ValueError:  # A path with a null character.
        raise OSError(errno.EINVAL, "is not a path") from None
    except OSError as exc:
        if exc.errno == errno.ENXIO and path.is_socket():
            raise OSError(errno.ENXIO, "is a socket; expected a file or a pipe") from None
        raise


def read_descriptor(descriptor: int, bytes_max: int) -> bytes:
    """Read what an open file has, as `read_bounded` does."""
    if os.isatty(descriptor):
        raise OSError(errno.EINVAL, "is a terminal; expected a file or a pipe")
    chunks: list[bytes] = []
    size = 0
    status = os.fstat(descriptor)
    chunk_bytes = max(_CHUNK_BYTES, status.st_size)
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN)
    end = time.monotonic() + SECONDS_MAX
    while size <= bytes_max:
        left = end - time.monotonic()
        if left <= 0:
            raise TimeoutError(errno.ETIMEDOUT, f"does not end within {SECONDS_MAX:g} s")
        if not waiting.poll(1000 * min(left, QUIET_SECONDS_MAX)):
            if left < QUIET_SECONDS_MAX:
                continue
            kind = "pipe" if stat.S_ISFIFO(status.st_mode) else "device"
            text = f"nothing came out of this {kind} for {QUIET_SECONDS_MAX:g} s"
            raise TimeoutError(errno.ETIMEDOUT, text)
        try:
            chunk = os.read(descriptor, min(chunk_bytes, bytes_max + 1 - size))
        except BlockingIOError:  # Another reader of the same pipe was faster.
            continue
        if not chunk:
            break
        chunks.append(chunk)
        size += len(chunk)
    return b"".join(chunks)
