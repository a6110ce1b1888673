"""A client of a peer's packages for an event loop.

    packages = AsyncPackageClient(peer)
    async with await packages.open("pkg:/system/build.prop") as file:
        await file.read()

Rules of this file
------------------
1. A call that waited for another session is asked again there by the peer object, where a handle
   is another file's: an answer counts only if its session is the file's, before and after.
2. What is outstanding is bounded for the client, whatever the number of its files.
3. A peer that serves streams of packages is read from with these; else with calls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from functools import partial
from typing import Final, Protocol

from nexus.core.duration import check_timeout_s
from nexus.dsoftbus.io.settings import FailedError, RefusedError
from nexus.remotefs.package.folders import children, entry_of, no_bundles, split_bundle
from nexus.remotefs.package.io.handle_file import AsyncRemoteFile
from nexus.remotefs.package.io.range_file import AHEAD_BYTES_MIN, RangeFile
from nexus.remotefs.package.io.stream import (
    Found,
    NoReadStreamError,
    Streamer,
    list_range,
    read_range,
)
from nexus.remotefs.package.path import SCHEMES, FolderError, PackageError, check_name
from nexus.remotefs.package.replies import (
    CONTENTS,
    OUTSTANDING_MAX,
    SERVICE,
    Listed,
    handle_of,
    parse_contents,
    size_of,
)
from nexus.remotefs.package.server import HANDLES_MAX
from nexus.remotefs.package.window import SESSION_LOST, ChangedError
from nexus.wire.error import RemoteProtocolError
from nexus.wire.package_stream import LENGTH_MAX, Entry, decode_entries
from nexus.wire.packagefs import (
    Kind,
    Op,
    PathRequest,
    Request,
    Status,
)

TIMEOUT_S: Final = 5.0

# The pieces of a whole file: large enough to keep the line full, small enough to show progress.
CHUNK_BYTES: Final = 65_536


class Link(Protocol):
    """The part of a session that is looked at."""

    number: int


class Caller(Streamer, Protocol):
    """The part of `nexus.dsoftbus.io.peer.Peer` that is used."""

    @property
    def link(self) -> Link | None:
        """The session that there is now."""
        ...

    def call(
        self, service: int, payload: bytes, timeout_s: float
    ) -> Coroutine[object, None, bytes]:
        """Call a service of the peer."""
        ...


AsyncFile = AsyncRemoteFile | RangeFile


class AsyncPackageClient:
    """Files of one peer."""

    def __init__(
        self, peer: Caller, outstanding_max: int = OUTSTANDING_MAX, timeout_s: float = TIMEOUT_S
    ) -> None:
        """Call a peer; every request has so long for its answer."""
        if outstanding_max < 1:
            text = f"outstanding_max: {outstanding_max}; expected at least 1"
            raise PackageError(Status.LIMIT, text)
        self.outstanding_max = outstanding_max
        self._peer = peer
        self._timeout_s = check_timeout_s(timeout_s)
        self._capacity = asyncio.Semaphore(outstanding_max)
        self._handles = asyncio.Semaphore(HANDLES_MAX)
        self._without_streams: int | None = None  # The session whose peer knows none.

    @property
    def session(self) -> int | None:
        """The number of the present session."""
        link = self._peer.link
        return None if link is None else link.number

    async def stat(self, name: str) -> int:
        """Return a file's size.

        Raises:
            PackageError: there is no such file, or it may not be asked for.
        """
        return size_of(await self.ask(PathRequest(Op.STAT, check_name(name)), name), name)

    async def info(self, name: str) -> Entry:
        """Say whether a name is a file or a folder, and how large a file is.

        Raises:
            PackageError: there is none, or it may not be looked at.
        """
        check_name(name)
        try:
            reply = (await self.read_range(name, 0, 0)).reply
            return Entry(reply.kind, name, reply.size)
        except NoReadStreamError:
            pass
        try:
            return Entry(Kind.FILE, name, await self._stat_file(name))
        except FolderError:
            return Entry(Kind.FOLDER, name)

    async def list_folder(self, name: str) -> list[Entry]:
        """List a folder, such as `pkg:/system/data`; `pkg:/` is that of all bundles.

        Raises:
            PackageError: the name is malformed, or may not be looked at; NOT_FOUND or IO.
        """
        if name not in SCHEMES:
            check_name(name)
        try:
            found = await self._ask_stream(list_range(self._peer, name, self._timeout_s))
            return list(decode_entries(found.data))
        except RemoteProtocolError as exc:
            raise PackageError(Status.IO, f"{name}: the peer's list: {exc}") from exc
        except NoReadStreamError:
            pass
        if name in SCHEMES:
            raise no_bundles(name)
        bundle, inner = split_bundle(name)
        listed = await self.contents(bundle)
        found_here = children(listed, inner)
        if found_here or not inner:
            return found_here
        status = Status.IO if entry_of(listed, inner) else Status.NOT_FOUND
        raise PackageError(status, f"{name} is not a folder")

    async def open(self, name: str) -> AsyncFile:
        """Open a file for reading.

        Raises:
            PackageError: there is no such file, or too many are open.
            ChangedError: the session was lost meanwhile; try again.
        """
        check_name(name)
        try:
            first = await self.read_range(name, 0, AHEAD_BYTES_MIN)
        except NoReadStreamError:
            return await self._open_handle(name)
        if first.reply.kind is Kind.FOLDER:
            raise FolderError(name)
        return RangeFile(name, first, partial(self.read_range, name))

    async def read_range(self, name: str, offset: int, length: int) -> Found:
        """Read a range over a stream.

        Raises:
            NoReadStreamError: the peer of this session knows none.
            PackageError: there is no such file, or it may not be read.
        """
        return await self._ask_stream(read_range(self._peer, name, offset, length, self._timeout_s))

    async def read_between(self, name: str, start: int, end: int | None) -> bytes:
        """Read from one place up to another, or to the end of the file.

        Raises:
            As `open` and reading.
        """
        if end is not None and end - start <= LENGTH_MAX:
            with suppress(NoReadStreamError):
                found = await self.read_range(name, start, max(end - start, 0))
                if found.reply.kind is Kind.FOLDER:
                    raise FolderError(name)
                return found.data
        async with await self.open(name) as file:
            file.seek(start)
            return await file.read(-1 if end is None else max(end - start, 0))

    async def read_bytes(self, name: str) -> bytes:
        """Read a whole file."""
        async with await self.open(name) as file:
            return await file.read()

    async def contents(self, bundle: str) -> list[Listed]:
        """List the files of a bundle, such as `pkg:/system` or `pkg:/system@1.0.0`."""
        name = f"{bundle.rstrip('/')}/{CONTENTS}"
        return list(parse_contents(await self.read_bytes(name), name))

    async def _open_handle(self, name: str) -> AsyncRemoteFile:
        """Open by calls, when there is a handle to be had."""
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._handles.acquire()
        except TimeoutError as exc:
            text = f"{name}: {HANDLES_MAX} files are open at this peer; close one"
            raise PackageError(Status.LIMIT, text) from exc
        try:
            session = self.session
            size = await self._stat_file(name)
            handle = handle_of(await self.ask(PathRequest(Op.OPEN, name), name), name)
            if session is None or self.session != session:
                raise ChangedError(f"{name}: {SESSION_LOST}")
        except BaseException:
            self._handles.release()
            raise
        return AsyncRemoteFile(self, name, handle, size, session)

    def let_go(self) -> None:
        """Take note that a file does not need its handle any more."""
        self._handles.release()

    async def _stat_file(self, name: str) -> int:
        try:
            return await self.stat(name)
        except PackageError as exc:
            # The peer says the same of a folder as of a broken medium; the listing shows which.
            if exc.status is Status.IO and await self._is_folder(name):
                raise FolderError(name) from exc
            raise

    async def _is_folder(self, name: str) -> bool:
        bundle, inner = split_bundle(name)
        if inner == CONTENTS:
            return False
        with suppress(PackageError):  # The peer's words about the file are all there is to say.
            entry = entry_of(await self.contents(bundle), inner)
            return entry is not None and entry.kind is Kind.FOLDER
        return False

    async def _ask_stream(self, asking: Coroutine[object, None, Found]) -> Found:
        session = self.session
        if session is not None and session == self._without_streams:
            asking.close()
            raise NoReadStreamError("this session has no streams of packages")
        try:
            async with self._capacity:
                return await asking
        except NoReadStreamError:
            self._without_streams = self.session
            raise

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
