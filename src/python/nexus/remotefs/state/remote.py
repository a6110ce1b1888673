"""The serving side of remote state: a peer's frame, judged, done on a store, answered, recorded.

Rules of this file
------------------
1. Every frame has one answer; every change asked for has one record, let through or not.
2. Every change, by frame or by stream, goes through `change`: it is durable before its answer.
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

    def change(self, key: str, value: bytes | None) -> Status:
        """Set a key or remove it (None): all of it or, if the store refuses, nothing.

        OK is that no cut can undo it.
        """
        try:
            is_done = self._store.set_durably(key, value)
        except StateError as exc:
            return exc.status
        return Status.OK if is_done else Status.NOT_FOUND

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
        if op in (Op.PUT, Op.DELETE):
            value = request.value if op is Op.PUT else None
            return Reply(op, self.change(key, value), nonce=nonce)
        if op is Op.GET:
            found = self._store.get(key)
            if found is None:
                return Reply(op, Status.NOT_FOUND, nonce=nonce)
            return Reply(op, Status.OK, found, nonce=nonce)
        if op is Op.LIST:
            return self._list(request)
        assert op is Op.SYNC, f"{op.name} was let through"
        self._store.sync()
        return Reply(op, Status.OK, nonce=nonce)

    def _list(self, request: Request) -> Reply:
        """List whole keys, as many as a reply has room for."""
        keys: list[str] = []
        room = REPLY_BYTES_MAX - (7 if request.nonce is None else 15)
        for key in self._store.list_keys(request.key, max(request.limit, 1), request.after):
            room -= 2 + len(key.encode())
            if room < 0:
                break
            keys.append(key)
        return Reply(request.op, Status.OK, keys=tuple(keys), nonce=request.nonce)
