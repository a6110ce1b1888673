"""The serving side of `package/read`: one range of a file, or one list, on a stream of its own.

    the stream's bytes -> `receive`, its end -> `end`; each gives an answer, or None until it can

Rules of this file
------------------
1. Everything is judged from the request, before anything is asked of the backend.
2. A request costs the peer what OPEN and READ cost it, and needs both to be permitted.
3. What follows a head is read from the backend piece by piece, as the stream takes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from nexus.dsoftbus.audit import Outcome
from nexus.dsoftbus.mux_transitions import ResetReason
from nexus.remotefs.package.backend import Backend, BackendError, File, ListingBackend
from nexus.remotefs.package.path import PackageError, strip_scheme
from nexus.remotefs.package.replies import SERVICE
from nexus.remotefs.package.tree import Folder
from nexus.wire import packagefs
from nexus.wire.error import RemoteProtocolError
from nexus.wire.package_stream import (
    HEAD_BYTES,
    LENGTH_MAX,
    NAME_BYTES_MAX,
    Entry,
    Head,
    Op,
    Reply,
    decode_head,
    encode_entries,
)
from nexus.wire.packagefs import PATH_BYTES_MAX, Kind, Status

# The bytes read from the backend at once.  A peer has as long for each piece as it may be silent,
# so one that takes 13 KB a second keeps its stream.
PIECE_BYTES: Final = 64 * 1024


class Gate(Protocol):
    """The judgement of the node's gateway on a peer (`nexus.dsoftbus.io.gate.PeerGate`)."""

    def admit(self, service: int, opcode: int) -> bool:
        """Take a token and ask the allowlist; a refusal is recorded."""

    def record(self, outcome: Outcome, service: int, opcode: int | None) -> None:
        """Record how an operation ended."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A head to send and the pieces behind it; or, with `reset`, nothing but the end."""

    head: bytes = b""
    pieces: Iterable[bytes] = ()
    reset: ResetReason | None = None


_NONSENSE: Final = Answer(reset=ResetReason.NONSENSE)


class ServedRead:
    """One request of a peer."""

    def __init__(
        self, backend: Backend, state: int, gate: Gate, piece_bytes: int = PIECE_BYTES
    ) -> None:
        """Await a head.

        Args:
            backend: Where bytes come from.
            state: Names what is mounted; another mount has another number.
            gate: What the peer may ask for.
            piece_bytes: How much is read at once.
        """
        self._backend = backend
        self._state = state
        self._gate = gate
        self._piece_bytes = piece_bytes
        self._buffer = bytearray()
        self._head: Head | None = None
        self._is_answered = False

    def receive(self, data: bytes) -> Answer | None:
        """Take bytes of the stream, in any pieces; None is that more are awaited."""
        if self._is_answered:
            return None
        self._buffer += data
        if self._head is None:
            if len(self._buffer) < HEAD_BYTES:
                return None
            try:
                self._head = decode_head(bytes(self._buffer[:HEAD_BYTES]))
            except RemoteProtocolError:
                return self._malformed()
        head = self._head
        path = bytes(self._buffer[HEAD_BYTES:])
        if head.path_bytes > PATH_BYTES_MAX:
            return self._refuse(head, Status.OVERSIZED)  # The path is not awaited.
        if len(path) > head.path_bytes:
            return self._malformed()
        return self._serve(head, path) if len(path) == head.path_bytes else None

    def end(self) -> Answer | None:
        """Take the peer's end of the stream."""
        return None if self._is_answered else self._malformed()

    def _serve(self, head: Head, path: bytes) -> Answer:
        self._is_answered = True
        if not self._is_admitted():
            return self._refuse(head, Status.UNAUTHENTICATED)
        self._gate.record(Outcome.OK, SERVICE, packagefs.Op.READ)
        try:
            name = path.decode()
            is_root = head.op is Op.LIST and name in ("pkg:/", "/packages/")
            inner = "" if is_root else strip_scheme(name)
        except UnicodeDecodeError:
            return self._refuse(head, Status.BAD_REQUEST)
        except PackageError as exc:
            return self._refuse(head, exc.status)
        try:
            return self._list(head, inner) if head.op is Op.LIST else self._read(head, inner)
        except BackendError:
            return self._refuse(head, Status.IO)

    def _is_admitted(self) -> bool:
        ops = (packagefs.Op.OPEN, packagefs.Op.READ)
        return all(self._gate.admit(SERVICE, op) for op in ops)

    def _read(self, head: Head, name: str) -> Answer:
        found = self._backend.find(name)
        if found is None:
            return self._refuse(head, Status.NOT_FOUND)
        if isinstance(found, Folder):
            return Answer(Reply(head.op, Status.OK, Kind.FOLDER, 0, self._state).encode())
        length = min(head.length, max(found.size - head.offset, 0))
        reply = Reply(head.op, Status.OK, Kind.FILE, found.size, self._state, length)
        return Answer(reply.encode(), self._pieces(found, head.offset, length))

    def _pieces(self, file: File, offset: int, length: int) -> Iterator[bytes]:
        """Read piece by piece.  Raises BackendError."""
        end = offset + length
        while offset < end:
            data = self._backend.read(file, offset, min(self._piece_bytes, end - offset))
            if not data:
                raise BackendError(f"the file ended at {offset}; expected up to {end}")
            offset += len(data)
            yield data

    def _list(self, head: Head, name: str) -> Answer:
        if not isinstance(self._backend, ListingBackend):
            return self._refuse(head, Status.BAD_REQUEST)
        found = self._backend.children(name)
        if found is None:
            is_file = isinstance(self._backend.find(name), File)
            return self._refuse(head, Status.IO if is_file else Status.NOT_FOUND)
        entries = [_entry(child, value) for child, value in found]
        # A name that no request could hold is of no use to the peer.
        data = encode_entries(e for e in entries if len(e.name.encode()) <= NAME_BYTES_MAX)
        reply = Reply(head.op, Status.OK, Kind.FOLDER, 0, self._state, len(data))
        assert len(data) <= LENGTH_MAX, f"a list of {len(data)} bytes"
        return Answer(reply.encode(), (data,) if data else ())

    def _refuse(self, head: Head, status: Status) -> Answer:
        self._is_answered = True
        return Answer(Reply(head.op, status).encode())

    def _malformed(self) -> Answer:
        self._is_answered = True
        self._gate.record(Outcome.MALFORMED, SERVICE, None)
        return _NONSENSE


def _entry(name: str, value: File | Folder) -> Entry:
    if isinstance(value, Folder):
        return Entry(Kind.FOLDER, name)
    return Entry(Kind.FILE, name, value.size)
