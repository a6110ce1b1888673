"""The server's side of `PK` v1 for one session: frames in, frames out.

The order of the checks is part of the contract (docs/spec/packagefs.md), so that a refusal has one
reason:

    authenticated -> frame -> path or numbers -> [OPEN: found, kind, size, room] [READ: handle]

Rules of this file
------------------
1. Every frame gets one answer, whatever it is.
2. Handles belong to the session and die with it; there are at most eight.
3. Nothing is asked of the backend before a request is wholly checked.
"""

from __future__ import annotations

from typing import Final

from nexus.remotefs.package.backend import Backend, BackendError, File
from nexus.remotefs.package.path import PackageError, strip_scheme
from nexus.remotefs.package.tree import Folder
from nexus.wire.error import Reason, RemoteProtocolError
from nexus.wire.packagefs import (
    HANDLE_MAX,
    OFFSET_MAX,
    CloseReply,
    CloseRequest,
    Failure,
    Kind,
    Op,
    OpenReply,
    PathRequest,
    ReadReply,
    ReadRequest,
    Reply,
    Request,
    StatReply,
    Status,
    decode_request,
)

# The original's.  A session that wants more closes some; a copy needs one.
HANDLES_MAX: Final = 8

# How the peer is told what is wrong with a frame; what is not here is a bad request.
_STATUS: Final = {Reason.NAME_LENGTH: Status.OVERSIZED, Reason.OUT_OF_RANGE: Status.OVERSIZED}


class PackageServer:
    """What one session may read, and what it has open."""

    def __init__(self, backend: Backend) -> None:
        """Serve from a backend; nothing is open."""
        self._backend = backend
        self._open: dict[int, File] = {}
        self._next = 1

    @property
    def open_count(self) -> int:
        """How many handles there are."""
        return len(self._open)

    def end(self) -> None:
        """Drop every handle: the session is over."""
        self._open.clear()

    def mount(self, backend: Backend) -> None:
        """Serve from another backend.  What was open is of the old one, and therefore ended."""
        self._backend = backend
        self._open.clear()

    def answer(self, frame: bytes, *, is_authenticated: bool) -> bytes:
        """Answer one request of the session."""
        return self._reply(frame, is_authenticated).encode()

    def _reply(self, frame: bytes, is_authenticated: bool) -> Reply:
        op = frame[3] if len(frame) >= 4 else Op.STAT
        if not is_authenticated:
            return Failure(op, Status.UNAUTHENTICATED)
        try:
            request = decode_request(frame)
            name = strip_scheme(request.path) if isinstance(request, PathRequest) else ""
        except RemoteProtocolError as exc:
            return Failure(op, _STATUS.get(exc.reason, Status.BAD_REQUEST))
        except PackageError as exc:
            return Failure(op, exc.status)
        return self._run(request, name)

    def _run(self, request: Request, name: str) -> Reply:
        match request:
            case PathRequest(op=Op.STAT):
                found = self._find(name)
                return StatReply(found) if isinstance(found, Status) else _stat_reply(found)
            case PathRequest():
                return self._add(self._find(name))
            case ReadRequest():
                return self._read(request)
            case CloseRequest(handle):
                is_open = self._open.pop(handle, None) is not None
                return CloseReply(Status.OK if is_open else Status.BADF)

    def _find(self, name: str) -> File | Status:
        try:
            found = self._backend.find(name)
        except BackendError:
            return Status.IO
        if found is None:
            return Status.NOT_FOUND
        # There is nothing of a folder that could be read.
        return Status.IO if isinstance(found, Folder) else found

    def _add(self, found: File | Status) -> Reply:
        if isinstance(found, Status):
            return OpenReply(found)
        if found.size > OFFSET_MAX:
            return OpenReply(Status.IO)  # Its end could not be asked for.
        if len(self._open) >= HANDLES_MAX:
            return OpenReply(Status.LIMIT)
        while self._next in self._open or self._next == 0:
            self._next = (self._next + 1) & HANDLE_MAX
        handle = self._next
        self._next = (handle + 1) & HANDLE_MAX
        self._open[handle] = found
        return OpenReply(Status.OK, handle)

    def _read(self, request: ReadRequest) -> Reply:
        file = self._open.get(request.handle)
        if file is None:
            return ReadReply(Status.BADF)
        try:
            data = self._backend.read(file, request.offset, request.length)
        except BackendError:
            return ReadReply(Status.IO)
        return ReadReply(Status.OK, data)


def _stat_reply(file: File) -> Reply:
    return StatReply(Status.OK, file.size, Kind.FILE)
