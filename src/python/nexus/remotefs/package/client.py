"""A client of a peer's packages that waits: for tools, and for programs without an event loop.

    client = PackageClient(channel)
    with client.open("pkg:/system/build.prop") as file:
        file.read()

The channel carries gateway requests of the packages' service and gives responses in any order;
whether behind it is a socket, a simulated wire or a table is not known here.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Protocol

from nexus.remotefs.package.path import PackageError, check_name
from nexus.remotefs.package.raw_file import RawFile, sought
from nexus.remotefs.package.replies import (
    CONTENTS,
    OUTSTANDING_MAX,
    Listed,
    check_closed,
    data_of,
    handle_of,
    parse_contents,
    size_of,
)
from nexus.remotefs.package.window import SESSION_LOST, ChangedError, Piece, Window
from nexus.wire.gateway import Response
from nexus.wire.gateway import Status as Outcome
from nexus.wire.packagefs import CloseRequest, Op, PathRequest, ReadRequest, Request, Status


class Channel(Protocol):
    """A session, as a client sees it; when it is lost, another may take its place."""

    @property
    def session(self) -> int | None:
        """The number of the present session; a handle is good in its own only."""
        ...

    def send(self, payload: bytes) -> int:
        """Send a request to the peer's packages; return its correlation id."""
        ...

    def receive(self) -> Response:
        """Wait for the next response, to whichever request."""
        ...


Deliver = Callable[[Response], None]


class PackageClient:
    """Files of one peer."""

    def __init__(self, channel: Channel, outstanding_max: int = OUTSTANDING_MAX) -> None:
        """Use a channel that no other client receives from."""
        if outstanding_max < 1:
            text = f"outstanding_max: {outstanding_max}; expected at least 1"
            raise PackageError(Status.LIMIT, text)
        self._channel = channel
        self._outstanding_max = outstanding_max
        self._pending: dict[int, Deliver] = {}

    @property
    def session(self) -> int | None:
        """The number of the present session."""
        return self._channel.session

    @property
    def outstanding_max(self) -> int:
        """The most requests that may be outstanding."""
        return self._outstanding_max

    def stat(self, name: str) -> int:
        """Return a file's size.

        Raises:
            PackageError: there is no such file, or it may not be asked for.
        """
        return size_of(self._call(PathRequest(Op.STAT, check_name(name)), name), name)

    def open(self, name: str) -> RemoteFile:
        """Open a file for reading.

        Raises:
            PackageError: there is no such file, or too many are open.
            ChangedError: the session was lost meanwhile; try again.
        """
        session = self.session
        size = self.stat(name)
        handle = handle_of(self._call(PathRequest(Op.OPEN, name), name), name)
        if self.session != session:
            raise ChangedError(f"{name}: {SESSION_LOST}")
        return RemoteFile(self, name, handle, size)

    def read_bytes(self, name: str) -> bytes:
        """Read a whole file."""
        with self.open(name) as file:
            return file.readall()

    def contents(self, bundle: str) -> list[Listed]:
        """List the files of a bundle, such as `pkg:/system` or `pkg:/system@1.0.0`."""
        name = f"{bundle.rstrip('/')}/{CONTENTS}"
        return list(parse_contents(self.read_bytes(name), name))

    # For the files of this client.

    def close_handle(self, handle: int, name: str) -> None:
        """Close a handle."""
        check_closed(self._call(CloseRequest(handle), name), name)

    def send_read(self, handle: int, piece: Piece, deliver: Deliver) -> None:
        """Ask for a piece; `deliver` gets the response in some later `pump`."""
        self._send(ReadRequest(handle, piece.offset, piece.length), deliver)

    def can_send(self) -> bool:
        """Say whether one more request may be outstanding."""
        return len(self._pending) < self._outstanding_max

    def pump(self) -> None:
        """Wait for a response and deliver it."""
        assert self._pending, "nothing is outstanding, so nothing would come"
        response = self._channel.receive()
        deliver = self._pending.pop(response.correlation, None)
        if deliver is not None:
            deliver(response)

    def _call(self, request: Request, name: str) -> bytes:
        arrived: list[Response] = []
        self._send(request, arrived.append)
        while not arrived:
            self.pump()
        return payload_of(arrived[0], name)

    def _send(self, request: Request, deliver: Deliver) -> None:
        while not self.can_send():
            self.pump()
        self._pending[self._channel.send(request.encode())] = deliver


def payload_of(response: Response, name: str) -> bytes:
    """Return what the peer's packages say, or raise what its gateway says instead."""
    if response.status is Outcome.REFUSED:
        raise PackageError(
            Status.UNAUTHENTICATED, f"{name}: refused by the peer: not permitted, or too often"
        )
    if response.status is Outcome.FAILED:
        raise PackageError(Status.IO, f"{name}: the peer's packages did not answer")
    return response.payload


class RemoteFile(RawFile):
    """An open file of a peer, as Python's files are."""

    def __init__(self, client: PackageClient, name: str, handle: int, size: int) -> None:
        """Read from the beginning."""
        super().__init__()
        self.name = name
        self.size = size
        self._client = client
        self._session = client.session
        self._handle = handle
        self._position = 0
        self._window = Window(size, client.outstanding_max)
        self._error: Exception | None = None

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move; beyond the end there is nothing to read."""
        self._position = sought(self._position, self.size, offset, whence)
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        """Read exactly `size` bytes, fewer only at the end of the file.

        Raises:
            PackageError: the peer refuses or fails.
            ChangedError: the peer has another file there now.
        """
        if self.closed:
            raise ValueError("read of a closed file")
        left = max(self.size - self._position, 0)
        length = left if size is None or size < 0 else min(size, left)
        self._window.demand(self._position, length)
        while (data := self._window.take()) is None:
            self._fill()
            if self._error is not None:
                raise self._error
            self._client.pump()
        self._fill()  # The next blocks travel while the caller works.
        self._position += length
        return data

    def close(self) -> None:
        """Close the handle at the peer."""
        if self.closed:
            return
        super().close()
        if self._client.session == self._session:
            self._client.close_handle(self._handle, self.name)

    def __del__(self) -> None:
        """Close a file that was left open; if that fails, its handle goes with the session."""
        # From Python 3.13 on, what a finalizer raises is printed.
        with suppress(PackageError, ChangedError, OSError):
            self.close()

    def _fill(self) -> None:
        while self._client.can_send() and (piece := self._window.next_piece()) is not None:
            self._client.send_read(self._handle, piece, partial(self._take, piece))

    def _take(self, piece: Piece, response: Response) -> None:
        try:
            if self._client.session != self._session:
                # It may have been asked again in another session, where the handle is another's.
                raise ChangedError(f"{self.name}: {SESSION_LOST}")
            self._window.arrived(piece, data_of(payload_of(response, self.name), self.name))
        except (PackageError, ChangedError) as exc:
            self._window.gave_up(piece)
            self._error = exc  # For the next reader: nothing that follows can be right.
