"""From a path to its peer, on the shared node: waiting on a thread, or on any event loop.

A path is `peer/bundle/file`.  Whatever goes wrong with a file is an `OSError` with `errno`.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar

from nexus.core.errors import NexusError
from nexus.dsoftbus.io.settings import BusError, UnavailableError
from nexus.remotefs.package.io.client import AsyncFile, AsyncPackageClient
from nexus.remotefs.package.io.pool import CLOSED, POOL, SharedNode
from nexus.remotefs.package.oserror import as_os_error
from nexus.remotefs.package.path import SCHEMES, PackageError
from nexus.remotefs.package.window import ChangedError

_CLOSING_S: Final = 1.0
_FAILURES: Final = (BusError, PackageError, ChangedError)

Result = TypeVar("Result")
Use = Callable[[AsyncPackageClient, str], Coroutine[object, None, Result]]


class Reach:
    """The peers of one configuration."""

    def __init__(self, config: Callable[[], Path], outstanding: int, timeout_s: float) -> None:
        """Use the shared node of a file, which may be known only when it is needed."""
        self._config = config
        self._outstanding = outstanding
        self._timeout_s = timeout_s

    def node(self) -> SharedNode:
        """Return the node, started if need be.

        Raises:
            ConfigError, KeyFileError, OSError: it cannot be.
        """
        return POOL.node_of(self._config())

    def wait(self, path: str, use: Use[Result]) -> Result:
        """Use the client of a path's peer, and wait.  Raises OSError."""
        return wait_for(path, self._submit(self.node(), path, use))

    async def run(self, path: str, use: Use[Result]) -> Result:
        """Use the client of a path's peer.  Raises OSError."""
        # Elsewhere: the first to ask waits until the node has its sockets.
        node = await asyncio.to_thread(self.node)
        return await await_for(path, self._submit(node, path, use))

    def open(self, path: str) -> OpenFile:
        """Open a file, and wait.  Raises OSError."""
        node = self.node()
        return OpenFile(path, node, wait_for(path, self._submit(node, path, _open)))

    async def open_async(self, path: str) -> OpenFile:
        """Open a file.  Raises OSError."""
        node = await asyncio.to_thread(self.node)
        return OpenFile(path, node, await await_for(path, self._submit(node, path, _open)))

    def check_peer(self, node: SharedNode, path: str) -> str:
        """Return the peer of a path.  Raises FileNotFoundError: it is not configured."""
        peer = path.partition("/")[0]
        if peer not in node.peers:
            known = ", ".join(node.peers) or "none"
            text = f"{peer!r} is not a peer of {self._config()}; configured are: {known}"
            raise FileNotFoundError(errno.ENOENT, text, path)
        return peer

    def _submit(self, node: SharedNode, path: str, use: Use[Result]) -> Future[Result]:
        peer = self.check_peer(node, path)
        name = SCHEMES[0] + path.partition("/")[2]

        async def call() -> Result:
            client = await node.client(peer, self._outstanding, self._timeout_s)
            return await use(client, name)

        return submit(node, path, call())


class OpenFile:
    """A file that is open on a node's loop."""

    def __init__(self, path: str, node: SharedNode, file: AsyncFile) -> None:
        """Use a file of this node."""
        self.path = path
        self.size = file.size
        self._node = node
        self._file: AsyncFile | None = file

    def wait_between(self, start: int, end: int) -> bytes:
        """Read from one place up to another, and wait.  Raises OSError."""
        reading = self._opened.read_at(start, end - start)
        return wait_for(self.path, submit(self._node, self.path, reading))

    async def read_at(self, offset: int, size: int) -> bytes:
        """Read from a place.  Raises OSError."""
        reading = self._opened.read_at(offset, size)
        return await await_for(self.path, submit(self._node, self.path, reading))

    def close(self) -> None:
        """Let it go; the peer gets a note, for which nothing waits.  Safe to call again."""
        file, self._file = self._file, None
        if file is not None and self._node.is_running:
            with suppress(NexusError):
                self._node.submit(_close(file))

    @property
    def _opened(self) -> AsyncFile:
        if self._file is None:
            raise ValueError("read of a closed file")
        return self._file


def submit(node: SharedNode, path: str, call: Coroutine[object, None, Result]) -> Future[Result]:
    """Begin something on a node's loop.  Raises OSError."""
    try:
        return node.submit(call)
    except UnavailableError as exc:
        raise as_os_error(exc, path) from exc


def wait_for(path: str, future: Future[Result]) -> Result:
    """Wait for something on a node's loop.  Raises OSError."""
    try:
        return future.result()
    except _FAILURES as exc:
        raise as_os_error(exc, path) from exc
    except CancelledError as exc:
        raise as_os_error(UnavailableError(CLOSED), path) from exc
    finally:
        future.cancel()  # Where the wait was interrupted no caller takes the result.


async def await_for(path: str, future: Future[Result]) -> Result:
    """Await, on any loop, something on a node's loop.  Raises OSError."""
    try:
        return await asyncio.wrap_future(future)
    except _FAILURES as exc:
        raise as_os_error(exc, path) from exc
    except asyncio.CancelledError as exc:
        own = asyncio.current_task()
        if own is None or own.cancelling():
            raise  # The waiting task was cancelled, not the call alone.
        raise as_os_error(UnavailableError(CLOSED), path) from exc


async def _open(client: AsyncPackageClient, name: str) -> AsyncFile:
    return await client.open(name)


async def _close(file: AsyncFile) -> None:
    with suppress(NexusError, TimeoutError):
        async with asyncio.timeout(_CLOSING_S):
            await file.close()
