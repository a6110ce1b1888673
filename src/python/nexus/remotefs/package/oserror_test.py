"""Each way in which a peer's file cannot be had, as the error of the system with its number."""

from __future__ import annotations

import asyncio
import errno

import pytest

from nexus.core.errors import NexusError
from nexus.dsoftbus.io.errors import (
    BusyError,
    ClosedError,
    DeadlineError,
    FailedError,
    RefusedError,
    SessionLostError,
    UnavailableError,
)
from nexus.remotefs.package.oserror import (
    ReadOnlyError,
    UnlistedError,
    as_os_error,
    refuse_write,
)
from nexus.remotefs.package.path import FolderError, PackageError
from nexus.remotefs.package.read_only import _METHODS, ReadOnly
from nexus.remotefs.package.window import ChangedError
from nexus.wire.packagefs import Status

PATH = "node-b/demo/readme"


@pytest.mark.parametrize(
    ("error", "kind", "number"),
    [
        (PackageError(Status.BAD_REQUEST, "x"), UnlistedError, errno.EOPNOTSUPP),
        (PackageError(Status.UNAUTHENTICATED, "x"), PermissionError, errno.EACCES),
        (PackageError(Status.PATH_TRAVERSAL, "x"), OSError, errno.EINVAL),
        (PackageError(Status.NON_PACKAGEFS_SCHEME, "x"), OSError, errno.EINVAL),
        (PackageError(Status.NOT_FOUND, "x"), FileNotFoundError, errno.ENOENT),
        (PackageError(Status.BADF, "x"), OSError, errno.ESTALE),
        (PackageError(Status.OVERSIZED, "x"), OSError, errno.ENAMETOOLONG),
        (PackageError(Status.LIMIT, "x"), OSError, errno.EMFILE),
        (PackageError(Status.IO, "x"), OSError, errno.EIO),
        (FolderError("x"), IsADirectoryError, errno.EISDIR),
        (ChangedError("x"), OSError, errno.ESTALE),
        (DeadlineError("x"), TimeoutError, errno.ETIMEDOUT),
        (UnavailableError("x"), ConnectionError, errno.EHOSTUNREACH),
        (SessionLostError("x"), ConnectionError, errno.EHOSTUNREACH),
        (ClosedError("x"), ConnectionError, errno.EHOSTUNREACH),
        (RefusedError("x"), OSError, errno.EIO),
        (FailedError("x"), OSError, errno.EIO),
        (BusyError("x"), OSError, errno.EIO),
    ],
    ids=str,
)
def test_an_error_has_the_class_the_number_the_text_and_the_name(
    error: NexusError, kind: type[OSError], number: int
) -> None:
    found = as_os_error(error, PATH)
    assert (type(found), found.errno) == (kind, number)
    assert (found.strerror, found.filename) == (str(error), PATH)


def test_a_peer_that_lists_nothing_is_also_what_libraries_expect_of_that() -> None:
    assert issubclass(UnlistedError, NotImplementedError)
    assert issubclass(ReadOnlyError, NotImplementedError)
    assert issubclass(ReadOnlyError, PermissionError)


@pytest.mark.parametrize(("path", "name"), [(None, None), ("a", "a"), (["a"], "['a']")])
def test_a_refusal_to_write_names_what_was_to_be_written(path: object, name: str | None) -> None:
    with pytest.raises(ReadOnlyError) as caught:
        refuse_write(path, 7, mode="wb")
    assert caught.value.errno == errno.EROFS
    assert caught.value.strerror == "packages are read-only; expected mode 'rb'"
    assert caught.value.filename == name


class Writable:
    """A base class that would write."""

    def rm(self, path: str) -> str:
        """Write."""
        return path

    async def _rm(self, path: str) -> str:
        return path


class Files(ReadOnly, Writable):
    """A file system that is only read."""


def test_the_ways_to_write_are_these() -> None:
    names = "copy cp cp_file delete makedir makedirs mkdir mkdirs move mv mv_file pipe pipe_file"
    names += " put put_file rename rm rm_file rmdir touch upload write_bytes write_text"
    assert " ".join(_METHODS) == names


@pytest.mark.parametrize("name", _METHODS)
def test_every_way_to_write_is_refused_with_and_without_a_loop(name: str) -> None:
    files = Files()
    with pytest.raises(ReadOnlyError) as caught:
        getattr(files, name)("a", "b", recursive=True)
    assert caught.value.filename == "a"
    with pytest.raises(ReadOnlyError) as caught:
        asyncio.run(getattr(files, f"_{name}")("a", "b", recursive=True))
    assert caught.value.filename == "a"
    with pytest.raises(ReadOnlyError):
        getattr(files, name)()
