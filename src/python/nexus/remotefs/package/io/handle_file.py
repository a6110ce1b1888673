"""An open file of a peer that is read in blocks, by calls under a handle of its session."""

from __future__ import annotations

import asyncio
from typing import Protocol

from nexus.dsoftbus.io.settings import BusError
from nexus.remotefs.package.io.positioned import PeerFile
from nexus.remotefs.package.path import PackageError
from nexus.remotefs.package.replies import check_closed, data_of
from nexus.remotefs.package.window import SESSION_LOST, ChangedError, Piece, Window
from nexus.wire.packagefs import CloseRequest, ReadRequest, Request


class Client(Protocol):
    """The part of `nexus.remotefs.package.io.client.AsyncPackageClient` that is used."""

    outstanding_max: int

    @property
    def session(self) -> int | None:
        """The number of the present session."""
        ...

    async def ask(self, request: Request, name: str) -> bytes:
        """Send one request when it may be outstanding; return the reply's frame."""
        ...

    def let_go(self) -> None:
        """Take note that a file does not need its handle any more."""
        ...


class AsyncRemoteFile(PeerFile):
    """An open file of a peer."""

    def __init__(self, client: Client, name: str, handle: int, size: int, session: int) -> None:
        """Read from the beginning."""
        super().__init__(size)
        self.name = name
        self._client = client
        self._handle = handle
        self._session = session
        self._window = Window(size, client.outstanding_max)
        self._tasks: set[asyncio.Task[None]] = set()
        self._arrived = asyncio.Event()
        self._error: Exception | None = None

    async def close(self) -> None:
        """Close the handle at the peer."""
        if self._is_closed:
            return
        self._is_closed = True
        for task in self._tasks:
            task.cancel()
        try:
            await asyncio.gather(*self._tasks, return_exceptions=True)
            if self._client.session == self._session:
                request = CloseRequest(self._handle)
                check_closed(await self._client.ask(request, self.name), self.name)
        finally:
            self._client.let_go()

    async def _range(self, offset: int, length: int) -> bytes:
        self._window.demand(offset, length)
        while (data := self._window.take()) is None:
            self._fill()
            if self._error is not None:
                raise self._error
            self._arrived.clear()
            await self._arrived.wait()
        self._fill()  # The next blocks travel while the caller works.
        return data

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
            self._error = exc  # For the next reader: nothing that follows can be right.

    def _check_session(self) -> None:
        if self._client.session != self._session:
            raise ChangedError(f"{self.name}: {SESSION_LOST}")
