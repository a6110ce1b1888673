"""The serving side of remote state: a peer's frame, judged, done on a store, answered, recorded.

Every frame has one answer; every change asked for has one record, let through or not.
"""

from __future__ import annotations

from nexus.remotefs.state.acl import (
    REPLY_BYTES_MAX,
    STATUS,
    ChangeRecord,
    Rejection,
    judge,
    record_of,
)
from nexus.remotefs.state.store import StateError, Store
from nexus.wire.state import Op, Reply, Request, Status


class RemoteState:
    """A store as peers see it."""

    def __init__(self, store: Store) -> None:
        """Serve a store."""
        self._store = store

    def handle(self, peer: str | None, frame: bytes) -> tuple[bytes, ChangeRecord | None]:
        """Answer one frame of a peer (None: of a connection that is no session).

        Returns:
            The reply, and the record for the log; None where nothing was to be changed.
        """
        verdict = judge(peer is not None, frame)
        name = peer or "-"
        if isinstance(verdict, Rejection):
            reply = Reply(verdict.op, STATUS[verdict.why], is_bare=True)
            record = record_of(verdict.op, verdict.why, name, verdict.key)
            return reply.encode(), record
        reply = self._serve(verdict)
        encoded = reply.encode()
        if len(encoded) > REPLY_BYTES_MAX:
            # What the node's own services put there may be longer than what peers get.
            reply = Reply(verdict.op, Status.VALUE_TOO_LARGE, nonce=verdict.nonce)
            encoded = reply.encode()
        return encoded, record_of(verdict.op, reply.status, name, verdict.key)

    def put(self, key: str, value: bytes) -> Status:
        """Set a value that came on a stream: all of it or, if the store refuses, none."""
        try:
            self._store.put(key, value)
        except StateError as exc:
            return exc.status
        return Status.OK

    def get(self, key: str) -> bytes | None:
        """Return a value for a stream; None is no such key."""
        return self._store.get(key)

    def _serve(self, request: Request) -> Reply:
        try:
            return self._do(request)
        except StateError as exc:
            return Reply(request.op, exc.status, nonce=request.nonce)

    def _do(self, request: Request) -> Reply:
        op, key, nonce = request.op, request.key, request.nonce
        if op is Op.PUT:
            self._store.put(key, request.value)
            self._store.write_out()  # So that a disk that takes nothing is told of at once.
        elif op is Op.GET:
            value = self._store.get(key)
            if value is None:
                return Reply(op, Status.NOT_FOUND, nonce=nonce)
            return Reply(op, Status.OK, value, nonce=nonce)
        elif op is Op.DELETE:
            is_gone = self._store.delete(key)
            self._store.write_out()
            return Reply(op, Status.OK if is_gone else Status.NOT_FOUND, nonce=nonce)
        elif op is Op.LIST:
            return self._list(request)
        else:
            assert op is Op.SYNC, f"{op.name} was let through"
            self._store.sync()
        return Reply(op, Status.OK, nonce=nonce)

    def _list(self, request: Request) -> Reply:
        """List whole keys, as many as a reply has room for."""
        keys: list[str] = []
        room = REPLY_BYTES_MAX - (7 if request.nonce is None else 15)
        for key in self._store.list_keys(request.key, max(request.limit, 1)):
            room -= 2 + len(key.encode())
            if room < 0:
                break
            keys.append(key)
        return Reply(request.op, Status.OK, keys=tuple(keys), nonce=request.nonce)
