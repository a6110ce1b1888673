"""Reads a file that a user names, with a bound in bytes and in time, whatever it is.

A name may lead to a pipe without a writer, a producer that never ends, a terminal or a
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
# Whatever comes so fast may take longer, such as an image of 256 MiB through a slow line.
BYTES_PER_SECOND_MIN: Final = 1 << 18

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


def read_descriptor(
    descriptor: int, bytes_max: int, quiet_seconds_max: float | None = None
) -> bytes:
    """Read what an open file has, as `read_bounded` does; a pipe may keep quiet so long."""
    if os.isatty(descriptor):
        raise OSError(errno.EINVAL, "is a terminal; expected a file or a pipe")
    status = os.fstat(descriptor)
    chunk_bytes = max(_CHUNK_BYTES, status.st_size)
    # A file has an end, and takes as long as its disk or its network does.
    has_end = stat.S_ISREG(status.st_mode)
    wait = _Wait(descriptor, status.st_mode, quiet_seconds_max)
    chunks: list[bytes] = []
    size = 0
    while size <= bytes_max:
        if not has_end:
            wait.until_readable(size)
        try:
            chunk = os.read(descriptor, min(chunk_bytes, bytes_max + 1 - size))
        except BlockingIOError:  # Another reader of the same pipe was faster.
            continue
        if not chunk:
            break
        chunks.append(chunk)
        size += len(chunk)
    return b"".join(chunks)


class _Wait:
    """Waits for more of what may have no end."""

    def __init__(self, descriptor: int, mode: int, quiet_seconds_max: float | None) -> None:
        self._kind = "device" if stat.S_ISCHR(mode) else "pipe"
        self._quiet_seconds_max = quiet_seconds_max or QUIET_SECONDS_MAX
        self._seconds_max = SECONDS_MAX + (quiet_seconds_max or 0)
        self._began = time.monotonic()
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLIN)

    def until_readable(self, size: int) -> None:
        """Wait for what follows the first `size` bytes.

        Raises:
            TimeoutError: Nothing comes, or too slowly.
        """
        seconds = max(self._seconds_max, size / BYTES_PER_SECOND_MIN)
        left = self._began + seconds - time.monotonic()
        quiet = self._quiet_seconds_max
        if left > 0 and self._poll.poll(1000 * min(left, quiet)):
            return
        text = f"does not end within {seconds:g} s"
        if left >= quiet:
            text = f"nothing came out of this {self._kind} for {quiet:g} s"
        raise TimeoutError(errno.ETIMEDOUT, text)
