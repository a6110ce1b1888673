"""The server's side of `PK` v1 for one session: frames in, frames out.

The order of the checks is part of the contract (docs/spec/packagefs.md), so that a refusal has one
reason:

    authenticated -> frame -> path or numbers -> [OPEN: found, kind, size, room] [READ: handle]

Rules of this file
------------------
1. Every frame gets one answer, whatever it is.
2. Handles belong to the session and die with it; there are at most eight.  A handle that no client
   used for a while gives its place to a file that finds none: its reader may never have learned of
   it, since an answer to OPEN can come too late.
3. Nothing is asked of the backend before a request is wholly checked.
"""

from __future__ import annotations

from dataclasses import dataclass
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

# Longer than any call that might still use the handle.
IDLE_NS: Final = 10_000_000_000

# The status for each fault of a frame; any other fault is a bad request.
_STATUS: Final = {Reason.NAME_LENGTH: Status.OVERSIZED, Reason.OUT_OF_RANGE: Status.OVERSIZED}


@dataclass(slots=True)
class _Open:
    file: File
    used_ns: int


class PackageServer:
    """The server of one session: what it may read, and its open files."""

    def __init__(self, backend: Backend) -> None:
        """Serve from a backend; nothing is open."""
        self._backend = backend
        self._open: dict[int, _Open] = {}
        self._next = 1

    @property
    def open_count(self) -> int:
        """The number of handles."""
        return len(self._open)

    def end(self) -> None:
        """Drop every handle: the session is over."""
        self._open.clear()

    def mount(self, backend: Backend) -> None:
        """Serve from another backend.  What was open is of the old one, and therefore ended."""
        self._backend = backend
        self._open.clear()

    def answer(self, frame: bytes, *, is_authenticated: bool, now_ns: int = 0) -> bytes:
        """Answer one request of the session.

        Args:
            frame: The request, as it came.
            is_authenticated: Whether it came over a session.
            now_ns: Of a clock that never goes back.  While it stands still no handle is idle.
        """
        return self._reply(frame, now_ns, is_authenticated=is_authenticated).encode()

    def _reply(self, frame: bytes, now_ns: int, *, is_authenticated: bool) -> Reply:
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
        return self._run(request, name, now_ns)

    def _run(self, request: Request, name: str, now_ns: int) -> Reply:
        match request:
            case PathRequest(op=Op.STAT):
                found = self._find(name)
                return StatReply(found) if isinstance(found, Status) else _stat_reply(found)
            case PathRequest():
                return self._add(self._find(name), now_ns)
            case ReadRequest():
                return self._read(request, now_ns)
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

    def _add(self, found: File | Status, now_ns: int) -> Reply:
        if isinstance(found, Status):
            return OpenReply(found)
        if found.size > OFFSET_MAX:
            return OpenReply(Status.IO)  # Its end could not be asked for.
        if not self._has_room(now_ns):
            return OpenReply(Status.LIMIT)
        while self._next in self._open or self._next == 0:
            self._next = (self._next + 1) & HANDLE_MAX
        handle = self._next
        self._next = (handle + 1) & HANDLE_MAX
        self._open[handle] = _Open(found, now_ns)
        return OpenReply(Status.OK, handle)

    def _has_room(self, now_ns: int) -> bool:
        """Whether another file may be open; an idle handle is closed for it if need be."""
        if len(self._open) < HANDLES_MAX:
            return True
        oldest = min(self._open, key=lambda handle: self._open[handle].used_ns)
        if now_ns - self._open[oldest].used_ns < IDLE_NS:
            return False
        del self._open[oldest]
        return True

    def _read(self, request: ReadRequest, now_ns: int) -> Reply:
        opened = self._open.get(request.handle)
        if opened is None:
            return ReadReply(Status.BADF)
        opened.used_ns = now_ns
        try:
            data = self._backend.read(opened.file, request.offset, request.length)
        except BackendError:
            return ReadReply(Status.IO)
        return ReadReply(Status.OK, data)


def _stat_reply(file: File) -> Reply:
    return StatReply(Status.OK, file.size, Kind.FILE)
