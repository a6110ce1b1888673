"""Locks on disk images: one writer, or any number of readers, whatever program they belong to.

Our own programs lock with `flock`.  QEMU locks single bytes of an image with open file description
locks (its source: block/file-posix.c): byte 100 + n says "I use permission n", 200 + n says "others
may not".  We do the same, so that a QEMU that was started by hand is noticed, and notices us.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import struct
from typing import Final

_FLOCK: Final = struct.Struct("hhqqi0q")  # struct flock: type, whence, start, length, process.
_USED, _REFUSED_TO_OTHERS = 100, 200
_READ, _WRITE = 0, 1


class LockError(ValueError):
    """The image cannot be locked; the message says why."""


def lock_image(descriptor: int, *, is_writable: bool, for_qemu: bool = False) -> None:
    """Lock an open image until its descriptor is closed.

    With `for_qemu` the bytes of QEMU's own locks are left to the QEMU that is about to be started.

    Raises:
        LockError: Another machine, a tool or a QEMU has it, or its file system has no locks.
    """
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_EX if is_writable else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        raise LockError(
            "in use by another machine or tool; end that first"
            + ("" if not is_writable else ", or give the disk as readonly to both")
        ) from None
    except OSError as error:
        raise LockError(f"cannot be locked: {error.strerror}") from error
    if for_qemu or not hasattr(fcntl, "F_OFD_SETLK"):
        return
    used = _WRITE if is_writable else _READ
    for byte in (_USED + used, _REFUSED_TO_OTHERS + _WRITE):
        _take(descriptor, byte)
    refused = [_USED + _WRITE, _REFUSED_TO_OTHERS + used]
    if any(_is_taken(descriptor, byte) for byte in refused):
        raise LockError("in use by a QEMU; end that first")


def open_locked(path: os.PathLike[str], *, is_writable: bool, for_qemu: bool = False) -> int:
    """Open an image and lock it; return the descriptor.

    Raises:
        LockError: It cannot be locked, or could not be a disk at all.
        OSError: It cannot be opened.
    """
    # Not blocking: a pipe by this name would otherwise hold us until a writer comes.
    flags = (os.O_RDWR if is_writable else os.O_RDONLY) | os.O_CLOEXEC | os.O_NONBLOCK
    descriptor = os.open(path, flags)
    try:
        mode = os.fstat(descriptor).st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISBLK(mode)):
            raise LockError("is not a disk image; expected a regular file")
        lock_image(descriptor, is_writable=is_writable, for_qemu=for_qemu)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _take(descriptor: int, byte: int) -> None:
    """Share a byte's lock; a file system without such locks has no QEMU that relies on them."""
    wanted = _FLOCK.pack(fcntl.F_RDLCK, os.SEEK_SET, byte, 1, 0)
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, wanted)
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES):
            raise LockError("in use by another program; end that first") from error


def _is_taken(descriptor: int, byte: int) -> bool:
    """Whether another process shares a byte's lock."""
    asked = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, byte, 1, 0)
    try:
        answer = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, asked)
    except OSError:
        return False
    return bool(_FLOCK.unpack(answer)[0] != fcntl.F_UNLCK)
