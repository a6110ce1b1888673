"""The errors of a peer's files, as those that Python's own file functions raise.

Every one is an `OSError` with `errno` and `filename` set, of the class that Python gives this
number; the text still says what the peer said.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping
from typing import Final, NoReturn

from nexus.core.errors import NexusError
from nexus.dsoftbus.io.settings import BusError, DeadlineError, UnavailableError
from nexus.remotefs.package.path import FolderError, PackageError
from nexus.remotefs.package.window import ChangedError
from nexus.wire.packagefs import Status

_ERRNO: Final[Mapping[Status, int]] = {
    Status.BAD_REQUEST: errno.EOPNOTSUPP,
    Status.UNAUTHENTICATED: errno.EACCES,
    Status.PATH_TRAVERSAL: errno.EINVAL,
    Status.NON_PACKAGEFS_SCHEME: errno.EINVAL,
    Status.NOT_FOUND: errno.ENOENT,
    Status.BADF: errno.ESTALE,
    Status.OVERSIZED: errno.ENAMETOOLONG,
    Status.LIMIT: errno.EMFILE,
    Status.IO: errno.EIO,
}


class ReadOnlyError(PermissionError, NotImplementedError):
    """A package is never written to (EROFS)."""


class UnlistedError(OSError, NotImplementedError):
    """A peer that cannot say which bundles it has (EOPNOTSUPP)."""


def refuse_write(path: object = None, *_: object, **__: object) -> NoReturn:
    """Raise what every attempt to change a package is answered with."""
    text = "packages are read-only; expected mode 'rb'"
    raise ReadOnlyError(errno.EROFS, text, None if path is None else str(path))


def as_os_error(error: NexusError, path: str) -> OSError:
    """Return the error of the operating system that means the same.

    Args:
        error: Of a client of packages, or of the bus below it.
        path: What was asked for.
    """
    text = str(error)
    if isinstance(error, FolderError):
        return IsADirectoryError(errno.EISDIR, text, path)
    if isinstance(error, PackageError):
        number = _ERRNO[error.status]
        if number == errno.EOPNOTSUPP:
            return UnlistedError(number, text, path)
        return OSError(number, text, path)  # Python picks the class by the number.
    if isinstance(error, ChangedError):
        return OSError(errno.ESTALE, text, path)
    if isinstance(error, DeadlineError):
        return OSError(errno.ETIMEDOUT, text, path)
    if isinstance(error, UnavailableError):
        return ConnectionError(errno.EHOSTUNREACH, text, path)
    assert isinstance(error, BusError), f"not of a client: {error!r}"
    return OSError(errno.EIO, text, path)
