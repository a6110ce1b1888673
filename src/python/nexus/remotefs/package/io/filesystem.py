"""Packages of any configured peer by URL, for `fsspec` and what is built on it.

    fsspec.open("nexus-pkg://node-b/system/build.prop", config="bus.toml")
    pandas.read_csv("nexus-pkg://node-b/tables@1.0/rain.csv", storage_options={"config": …})

A path is `peer/bundle/file` or `peer/bundle@version/file`.  `config` is the `bus.toml` of the node
that asks; it comes from `storage_options`, else `fsspec`'s own configuration, else the variable
NEXUS_BUS_CONFIG, else `bus.toml` of the current folder.  All is read-only.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final  # Any: fsspec publishes no types.

from nexus.core.duration import check_timeout_s
from nexus.core.optional import MissingPackageError
from nexus.remotefs.package.folders import Info
from nexus.remotefs.package.io.client import CHUNK_BYTES, TIMEOUT_S
from nexus.remotefs.package.io.pool import POOL
from nexus.remotefs.package.io.positioned import Positioned
from nexus.remotefs.package.io.reach import OpenFile, Reach
from nexus.remotefs.package.oserror import refuse_write
from nexus.remotefs.package.path import PackageError
from nexus.remotefs.package.read_only import ReadOnly
from nexus.remotefs.package.replies import OUTSTANDING_MAX
from nexus.wire.package_stream import Entry
from nexus.wire.packagefs import Kind, Status

try:
    import fsspec
    from fsspec.asyn import AsyncFileSystem
    from fsspec.callbacks import DEFAULT_CALLBACK
    from fsspec.spec import AbstractBufferedFile
except ModuleNotFoundError as exc:
    raise MissingPackageError("fsspec", "fsspec", "a file system of packages by URL") from exc

# The second is one that a variable of `fsspec` can name: FSSPEC_NEXUSPKG_CONFIG.
PROTOCOLS: Final = ("nexus-pkg", "nexuspkg")
CONFIG_VARIABLE: Final = "NEXUS_BUS_CONFIG"
CONFIG_DEFAULT: Final = "bus.toml"

# The refusals of a path that can name nothing, besides that there is nothing.
_NOTHING: Final = (errno.ENOENT, errno.EINVAL, errno.ENAMETOOLONG)


class BusFileSystem(ReadOnly, AsyncFileSystem):  # type: ignore[misc]  # The library has no types.
    """The packages of all peers that one `bus.toml` has.

    Errors are `OSError`s with `errno`; of a configuration that cannot be used, ConfigError and
    KeyFileError.
    """

    protocol = PROTOCOLS
    root_marker = ""

    def __init__(
        self,
        config: str | os.PathLike[str] | None = None,
        timeout_s: float = TIMEOUT_S,
        outstanding: int = OUTSTANDING_MAX,
        **options: object,
    ) -> None:
        """Prepare; the node starts with the first question.

        Args:
            config: The `bus.toml` of the node that asks.
            timeout_s: How long a session, or an answer, is waited for.
            outstanding: How many requests are under way at once to one peer.
            options: Those of every file system of `fsspec`.

        Raises:
            TimeoutValueError, PackageError: a number that is out of range.
        """
        super().__init__(**options)
        self._config = None if config is None else os.fspath(config)
        if outstanding < 1:
            text = f"outstanding: {outstanding}; expected at least 1"
            raise PackageError(Status.LIMIT, text)
        self._reach = Reach(lambda: self.config_path, outstanding, check_timeout_s(timeout_s))

    def __reduce__(self) -> tuple[Callable[..., BusFileSystem], tuple[dict[str, Any]]]:
        """Pickle what makes one like it; a node stays where it is."""
        return _make, ({**self.storage_options, "config": str(self.config_path)},)

    @property
    def config_path(self) -> Path:
        """The file that is used, as an absolute path."""
        chosen = self._config or os.environ.get(CONFIG_VARIABLE) or CONFIG_DEFAULT
        return Path(chosen).expanduser().absolute()

    def close(self) -> None:
        """Close this process's node of the file; it starts again if it is needed again."""
        POOL.close(self.config_path)

    # Methods that `fsspec` calls, and wraps for programs without an event loop.

    async def _info(self, path: str, **options: object) -> Info:
        """Describe a file or folder.  Raises OSError."""
        path = self._strip_protocol(path)
        if "/" not in path:
            if path:
                self._reach.check_peer(await asyncio.to_thread(self._reach.node), path)
            return _folder(path)
        return _as_info(path, await self._reach.run(path, lambda client, name: client.info(name)))

    async def _ls(
        self, path: str, detail: bool = True, **options: object
    ) -> list[Info] | list[str]:
        """List a folder; the root has the configured peers.  Raises OSError."""
        path = self._strip_protocol(path)
        found = await self._list(path)
        found.sort(key=lambda each: each["name"])
        return found if detail else [each["name"] for each in found]

    async def _list(self, path: str) -> list[Info]:
        if not path:
            node = await asyncio.to_thread(self._reach.node)
            return [_folder(peer) for peer in node.peers]
        try:
            entries = await self._reach.run(path, lambda client, name: client.list_folder(name))
        except OSError as exc:
            if exc.errno not in (errno.EIO, errno.ENOENT):
                raise
            # The path may be a file; if it is neither file nor folder, the error is a file's.
            info = await self._info(path)
            if info["type"] != "file":
                raise
            return [info]
        return [_as_info(f"{path}/{entry.name}", entry) for entry in entries]

    async def _exists(self, path: str, **options: object) -> bool:
        """Say whether there is a file or folder.  Raises OSError: that cannot be said."""
        try:
            await self._info(path)
        except OSError as exc:
            if exc.errno in _NOTHING:
                return False
            raise
        return True

    async def _cat_file(
        self, path: str, start: int | None = None, end: int | None = None, **options: object
    ) -> bytes:
        """Read a part of a file; negative places count from its end.  Raises OSError."""
        path = self._strip_protocol(path)
        if (start or 0) < 0 or (end or 0) < 0:
            size = (await self._info(path))["size"]
            start = _from_end(start or 0, size)
            end = None if end is None else _from_end(end, size)
        first = start or 0
        return await self._reach.run(
            path, lambda client, name: client.read_between(name, first, end)
        )

    async def _get_file(
        self, rpath: str, lpath: str, callback: Any = DEFAULT_CALLBACK, **options: object
    ) -> None:
        """Copy a file to a disk, where it appears when it is complete.  Raises OSError."""
        if (await self._info(rpath))["type"] == "directory":
            Path(lpath).mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - fsspec's loop is apart
            return
        target = Path(lpath)
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f".{target.name}.{os.getpid()}.part")
        try:
            async with await self.open_async(rpath) as file:
                callback.set_size(file.size)
                with partial.open("wb") as out:
                    while data := await file.read(CHUNK_BYTES):
                        out.write(data)
                        callback.relative_update(len(data))
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)

    def _open(self, path: str, mode: str = "rb", **options: object) -> PackageFile:
        if mode != "rb":
            refuse_write(path)
        return PackageFile(self, self._strip_protocol(path), self._reach, **options)

    async def open_async(self, path: str, mode: str = "rb", **options: object) -> AsyncReader:
        """Open a file for reading on an event loop.  Raises OSError."""
        if mode != "rb":
            refuse_write(path)
        return AsyncReader(await self._reach.open_async(self._strip_protocol(path)))


class PackageFile(AbstractBufferedFile):  # type: ignore[misc]  # The library has no types.
    """An open file, with the read-ahead that `fsspec` gives."""

    def __init__(self, fs: BusFileSystem, path: str, reach: Reach, **options: object) -> None:
        """Open it.  Raises OSError."""
        self._file: OpenFile | None = None  # If opening fails, it is closed all the same.
        self._file = reach.open(path)
        options.pop("size", None)
        super().__init__(fs, path, "rb", size=self._file.size, **options)
        # Not through this object, which would then wait for the garbage collector to be closed.
        self.cache.fetcher = self._file.wait_between

    def close(self) -> None:
        """Close it here at once, and at the peer without waiting for that."""
        super().close()
        if self._file is not None:
            self._file.close()

    def _fetch_range(self, start: int, end: int) -> bytes:
        assert self._file is not None, "read before it is open"
        return self._file.wait_between(start, end)


class AsyncReader(Positioned):
    """An open file for an event loop, whichever it is."""

    def __init__(self, file: OpenFile) -> None:
        """Read from the beginning."""
        super().__init__(file.size)
        self._file = file

    async def read(self, length: int = -1) -> bytes:
        """Read so many bytes, fewer only at the end of the file.  Raises OSError."""
        data = await self._file.read_at(self._position, length)
        self._position += len(data)
        return data

    async def close(self) -> None:
        """Close it."""
        self._file.close()


def register() -> None:
    """Make `fsspec` know the protocols where the package is not installed."""
    for protocol in PROTOCOLS:
        fsspec.register_implementation(protocol, BusFileSystem, clobber=True)


def _make(options: dict[str, Any]) -> BusFileSystem:
    return BusFileSystem(**options)


def _from_end(place: int, size: int) -> int:
    return max(size + place, 0) if place < 0 else place


def _as_info(path: str, entry: Entry) -> Info:
    if entry.kind is Kind.FOLDER:
        return _folder(path)
    return {"name": path, "size": entry.size, "type": "file"}


def _folder(path: str) -> Info:
    return {"name": path, "size": 0, "type": "directory"}
