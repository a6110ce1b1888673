"""A peer's packages as an `fsspec` filesystem, so that ordinary tools can open them.

    register()
    files = fsspec.filesystem("nexus", client=PackageClient(channel))
    files.cat("nexus://system/build.prop")

Paths are `bundle/file` or `bundle@version/file`.  It is read-only.  `PK` v1 has no listing, so a
folder is known by its bundle's `contents.txt`; which bundles there are cannot be asked.
"""

from __future__ import annotations

from typing import Any, Final

import fsspec
from fsspec.spec import AbstractFileSystem

from nexus.remotefs.package.client import PackageClient, RemoteFile
from nexus.remotefs.package.path import SCHEMES, PackageError
from nexus.remotefs.package.replies import Listed
from nexus.wire.packagefs import Status

PROTOCOL: Final = "nexus"

_SCHEME: Final = SCHEMES[0]

_OS_ERRORS: Final[dict[Status, type[OSError]]] = {
    Status.NOT_FOUND: FileNotFoundError,
    Status.UNAUTHENTICATED: PermissionError,
}


class PackageFileSystem(AbstractFileSystem):  # type: ignore[misc]  # The library has no types.
    """The packages of one peer, read-only."""

    protocol = PROTOCOL
    root_marker = ""
    # An instance is of one client; another client is another peer.
    cachable = False

    def __init__(self, client: PackageClient, **options: Any) -> None:
        """Read through a client."""
        super().__init__(**options)
        self._client = client

    def info(self, path: str, **options: Any) -> dict[str, Any]:
        """Describe a file or folder.

        Raises:
            OSError: there is none, or it may not be looked at.
        """
        path = self._strip_protocol(path)
        try:
            return _file(path, self._client.stat(_SCHEME + path))
        except PackageError as exc:
            # The peer says the same of a folder as of a broken medium; the listing tells.
            if exc.status is Status.IO and self._below(path):
                return _folder(path)
            raise _as_os_error(exc) from exc

    def ls(self, path: str, detail: bool = True, **options: Any) -> list[Any]:
        """List a folder of a bundle.

        Raises:
            OSError: there is none, or it may not be looked at.
        """
        path = self._strip_protocol(path)
        found = self._children(path, self._below(path))
        if not found:
            found = {path: self.info(path)}
        return [found[name] if detail else name for name in sorted(found)]

    def _open(self, path: str, mode: str = "rb", **options: Any) -> RemoteFile:
        if mode != "rb":
            raise PermissionError(f"{path}: packages are read-only; accepted is mode 'rb'")
        try:
            return self._client.open(_SCHEME + self._strip_protocol(path))
        except PackageError as exc:
            raise _as_os_error(exc) from exc

    def _below(self, path: str) -> list[Listed]:
        """The files below a folder, with their paths in the bundle; empty if it is none."""
        bundle, _, inner = path.partition("/")
        prefix = f"{inner}/" if inner else ""
        if not bundle:
            raise NotImplementedError("which bundles there are cannot be asked; name one")
        try:
            listed = self._client.contents(_SCHEME + bundle)
        except PackageError as exc:
            raise _as_os_error(exc) from exc
        return [file for file in listed if file.path.startswith(prefix)]

    def _children(self, path: str, below: list[Listed]) -> dict[str, dict[str, Any]]:
        skip = len(path.partition("/")[2])
        children: dict[str, dict[str, Any]] = {}
        for file in below:
            name, slash, _ = file.path[skip:].lstrip("/").partition("/")
            child = f"{path}/{name}"
            children[child] = _folder(child) if slash else _file(child, file.size)
        return children


def register() -> None:
    """Make `fsspec` know the protocol."""
    fsspec.register_implementation(PROTOCOL, PackageFileSystem, clobber=True)


def _file(name: str, size: int) -> dict[str, Any]:
    return {"name": name, "size": size, "type": "file"}


def _folder(name: str) -> dict[str, Any]:
    return {"name": name, "size": 0, "type": "directory"}


def _as_os_error(error: PackageError) -> OSError:
    return _OS_ERRORS.get(error.status, OSError)(str(error))
