"""A peer's packages as an `fsspec` filesystem over a client that is at hand.

    register()
    files = fsspec.filesystem("nexus", client=PackageClient(channel))
    files.cat("nexus://system/build.prop")

Paths are `bundle/file` or `bundle@version/file`.  It is read-only.  `PK` v1 has no listing, so a
folder is known by its bundle's `contents.txt`; which bundles there are cannot be asked.  By URL,
without a client: `nexus.remotefs.package.io.filesystem`.

A client is for one thread at a time; through its file system it may be used from several.
"""

from __future__ import annotations

import io
import threading
from contextlib import suppress
from typing import Final, TypeVar

from nexus.core.optional import MissingPackageError
from nexus.dsoftbus.io.settings import BusError
from nexus.remotefs.package.client import PackageClient, RemoteFile
from nexus.remotefs.package.folders import Info, children, entry_of, no_bundles, split_bundle
from nexus.remotefs.package.oserror import as_os_error, refuse_write
from nexus.remotefs.package.path import SCHEMES, FolderError, PackageError
from nexus.remotefs.package.raw_file import RawFile
from nexus.remotefs.package.read_only import ReadOnly
from nexus.remotefs.package.window import ChangedError
from nexus.wire.package_stream import Entry
from nexus.wire.packagefs import Kind, Status

try:
    import fsspec
    from fsspec.spec import AbstractFileSystem
except ModuleNotFoundError as exc:
    raise MissingPackageError("fsspec", "fsspec", "a file system of packages") from exc

PROTOCOL: Final = "nexus"

_SCHEME: Final = SCHEMES[0]
_FAILURES: Final = (PackageError, ChangedError, BusError)

Result = TypeVar("Result")


class PackageFileSystem(ReadOnly, AbstractFileSystem):  # type: ignore[misc]  # Without types.
    """The packages of one peer, read-only.  Errors are `OSError`s with `errno`."""

    protocol = PROTOCOL
    root_marker = ""
    # An instance is of one client; another client is another peer.
    cachable = False

    def __init__(self, client: PackageClient, **options: object) -> None:
        """Read through a client."""
        super().__init__(**options)
        self._client = client
        self._lock = threading.RLock()

    def info(self, path: str, **options: object) -> Info:
        """Describe a file or folder.

        Raises:
            OSError: there is none, or it may not be looked at.
        """
        path = self._strip_protocol(path)
        if not path:
            return _as_info(path, Entry(Kind.FOLDER, path))
        try:
            with self._lock:
                return _as_info(path, self._find(path))
        except _FAILURES as exc:
            raise as_os_error(exc, path) from exc

    def ls(self, path: str, detail: bool = True, **options: object) -> list[Info] | list[str]:
        """List a folder of a bundle.

        Raises:
            OSError: there is none, or it may not be looked at.
        """
        path = self._strip_protocol(path)
        try:
            with self._lock:
                found = {each["name"]: each for each in self._list(path)}
        except _FAILURES as exc:
            raise as_os_error(exc, path) from exc
        return [found[name] for name in sorted(found)] if detail else sorted(found)

    def _open(self, path: str, mode: str = "rb", **options: object) -> LockedFile:
        if mode != "rb":
            refuse_write(path)
        path = self._strip_protocol(path)
        try:
            with self._lock:
                if not path:
                    raise FolderError(path)
                return LockedFile(self._open_file(path), self._lock, path)
        except _FAILURES as exc:
            raise as_os_error(exc, path) from exc

    def _open_file(self, path: str) -> RemoteFile:
        try:
            return self._client.open(_SCHEME + path)
        except PackageError as exc:
            if exc.status is Status.IO and self._is_folder(path):
                raise FolderError(path) from exc
            raise

    def _find(self, path: str) -> Entry:
        try:
            return Entry(Kind.FILE, path, self._client.stat(_SCHEME + path))
        except PackageError as exc:
            # The peer says the same of a folder as of a broken medium; the listing shows which.
            if exc.status is not Status.IO or not self._is_folder(path):
                raise
        return Entry(Kind.FOLDER, path)

    def _is_folder(self, path: str) -> bool:
        bundle, inner = split_bundle(_SCHEME + path)
        with suppress(PackageError):  # The peer's words about the file are all there is to say.
            entry = entry_of(self._client.contents(bundle), inner)
            return entry is not None and entry.kind is Kind.FOLDER
        return False

    def _list(self, path: str) -> list[Info]:
        if not path:
            raise no_bundles(_SCHEME)
        bundle, inner = split_bundle(_SCHEME + path)
        below = children(self._client.contents(bundle), inner)
        if inner and not below:
            return [_as_info(path, self._find(path))]
        return [_as_info(f"{path}/{entry.name}", entry) for entry in below]


class LockedFile(RawFile):
    """An open file whose client others use at the same time, on other threads."""

    def __init__(self, file: RemoteFile, lock: threading.RLock, path: str) -> None:
        """Use a file under the lock of its client."""
        super().__init__()
        self.name = path
        self.size = file.size
        self._file = file
        self._lock = lock

    def tell(self) -> int:
        """Return the position."""
        return self._file.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move; beyond the end there is nothing to read."""
        return self._file.seek(offset, whence)

    def read(self, size: int | None = -1) -> bytes:
        """Read exactly `size` bytes, fewer only at the end of the file.  Raises OSError."""
        try:
            with self._lock:
                return self._file.read(size)
        except _FAILURES as exc:
            raise as_os_error(exc, self.name) from exc

    def close(self) -> None:
        """Close the handle at the peer; if that fails, it goes with the session."""
        if self.closed:
            return
        super().close()
        with suppress(*_FAILURES), self._lock:
            self._file.close()


def register() -> None:
    """Make `fsspec` know the protocol."""
    fsspec.register_implementation(PROTOCOL, PackageFileSystem, clobber=True)


def _as_info(path: str, entry: Entry) -> Info:
    is_file = entry.kind is Kind.FILE
    return {"name": path, "size": entry.size, "type": "file" if is_file else "directory"}
