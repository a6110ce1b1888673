"""A client of a peer's packages for an event loop.

    packages = AsyncPackageClient(peer)
    async with await packages.open("pkg:/system/build.prop") as file:
        await file.read()

Rules of this file
------------------
1. A call that waited for another session is asked again there by the peer object, where a handle
   is somebody else's: an answer counts only if its session is the file's, before and after.
2. What is outstanding is bounded for the client, whatever the number of its files.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Final, Protocol, Self

from nexus.dsoftbus.io.settings import BusError, FailedError, RefusedError
from nexus.remotefs.package.path import PackageError, check_name
from nexus.remotefs.package.replies import (
    CONTENTS,
    OUTSTANDING_MAX,
    SERVICE,
    Listed,
    check_closed,
    data_of,
    handle_of,
    parse_contents,
    size_of,
)
from nexus.remotefs.package.window import SESSION_LOST, ChangedError, Piece, Window
from nexus.wire.packagefs import CloseRequest, Op, PathRequest, ReadRequest, Request, Status

TIMEOUT_S: Final = 5.0

# What a whole file is read in: large enough to keep the line full, small enough to show progress.
CHUNK_BYTES: Final = 65_536


class Link(Protocol):
    """The part of a session that is looked at."""

    number: int


class Caller(Protocol):
    """The part of `nexus.dsoftbus.io.peer.Peer` that is used."""

    @property
    def link(self) -> Link | None:
        """The session that there is now."""
        ...

    def call(self, service: int, payload: bytes, timeout_s: float) -> Coroutine[Any, Any, bytes]:
        """Call a service of the peer."""
        ...


class AsyncPackageClient:
    """Files of one peer."""

    def __init__(
        self, peer: Caller, outstanding_max: int = OUTSTANDING_MAX, timeout_s: float = TIMEOUT_S
    ) -> None:
        """Call a peer; every request has so long for its answer."""
        if outstanding_max < 1:
            raise PackageError(Status.LIMIT, f"{outstanding_max} outstanding; accepted are 1…")
        self.outstanding_max = outstanding_max
        self._peer = peer
        self._timeout_s = timeout_s
        self._capacity = asyncio.Semaphore(outstanding_max)

    @property
    def session(self) -> int | None:
        """Which session it is now."""
        link = self._peer.link
        return None if link is None else link.number

    async def stat(self, name: str) -> int:
        """Return a file's size.

        Raises:
            PackageError: there is no such file, or it may not be asked for.
        """
        return size_of(await self.ask(PathRequest(Op.STAT, check_name(name)), name), name)

    async def open(self, name: str) -> AsyncRemoteFile:
        """Open a file for reading.

        Raises:
            PackageError: there is no such file, or too many are open.
            ChangedError: the session was lost meanwhile; try again.
        """
        session = self.session
        size = await self.stat(name)
        handle = handle_of(await self.ask(PathRequest(Op.OPEN, name), name), name)
        if session is None or self.session != session:
            raise ChangedError(f"{name}: {SESSION_LOST}")
        return AsyncRemoteFile(self, name, handle, size, session)

    async def read_bytes(self, name: str) -> bytes:
        """Read a whole file."""
        async with await self.open(name) as file:
            return await file.read()

    async def contents(self, bundle: str) -> list[Listed]:
        """List the files of a bundle, such as `pkg:/system` or `pkg:/system@1.0.0`."""
        name = f"{bundle.rstrip('/')}/{CONTENTS}"
        return list(parse_contents(await self.read_bytes(name), name))

    async def ask(self, request: Request, name: str) -> bytes:
        """Send one request when it may be outstanding; return the reply's frame."""
        async with self._capacity:
            try:
                return await self._peer.call(SERVICE, request.encode(), self._timeout_s)
            except RefusedError as exc:
                text = f"{name}: refused by the peer: not permitted, or too often"
                raise PackageError(Status.UNAUTHENTICATED, text) from exc
            except FailedError as exc:
                text = f"{name}: the peer's packages did not answer"
                raise PackageError(Status.IO, text) from exc


class AsyncRemoteFile:
    """An open file of a peer."""

    def __init__(
        self, client: AsyncPackageClient, name: str, handle: int, size: int, session: int
    ) -> None:
        """Read from the beginning."""
        self.name = name
        self.size = size
        self._client = client
        self._handle = handle
        self._session = session
        self._position = 0
        self._window = Window(size, client.outstanding_max)
        self._tasks: set[asyncio.Task[None]] = set()
        self._arrived = asyncio.Event()
        self._reading = asyncio.Lock()
        self._error: Exception | None = None
        self._is_closed = False

    async def __aenter__(self) -> Self:
        """Return the file itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Close it."""
        await self.close()

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move; beyond the end there is nothing to read."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}.get(whence)
        if base is None or base + offset < 0:
            raise ValueError(f"seek to {offset} from {whence}; accepted are places from 0 on")
        self._position = base + offset
        return self._position

    async def read(self, size: int = -1) -> bytes:
        """Read exactly `size` bytes, fewer only at the end of the file.

        Raises:
            PackageError: the peer refuses or fails.
            ChangedError: the session was lost, or the peer has another file there now.
            BusError: the peer cannot be reached.
        """
        async with self._reading:
            if self._is_closed:
                raise ValueError("read of a closed file")
            left = max(self.size - self._position, 0)
            length = left if size < 0 else min(size, left)
            self._window.demand(self._position, length)
            while (data := self._window.take()) is None:
                self._fill()
                if self._error is not None:
                    raise self._error
                self._arrived.clear()
                await self._arrived.wait()
            self._fill()  # What will be wanted next travels while the caller works.
            self._position += length
            return data

    async def close(self) -> None:
        """Close the handle at the peer."""
        if self._is_closed:
            return
        self._is_closed = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._client.session == self._session:
            request = CloseRequest(self._handle)
            check_closed(await self._client.ask(request, self.name), self.name)

    def _fill(self) -> None:
        """Ask for what is wanted.  A task that waits for its turn counts as outstanding here."""
        while len(self._tasks) < self._client.outstanding_max:
            piece = self._window.next_piece()
            if piece is None:
                return
            task = asyncio.create_task(self._fetch(piece))
            self._tasks.add(task)
            task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._arrived.set()

    async def _fetch(self, piece: Piece) -> None:
        try:
            self._check_session()
            request = ReadRequest(self._handle, piece.offset, piece.length)
            frame = await self._client.ask(request, self.name)
            self._check_session()
            self._window.arrived(piece, data_of(frame, self.name))
        except (PackageError, ChangedError, BusError) as exc:
            self._window.gave_up(piece)
            self._error = exc  # Told to whoever reads next: nothing that follows can be right.

    def _check_session(self) -> None:
        if self._client.session != self._session:
            raise ChangedError(f"{self.name}: {SESSION_LOST}")
