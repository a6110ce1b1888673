"""The serving side of remote state: a peer's frame, judged, done on a store, answered, recorded.

Rules of this file
------------------
1. Every frame has one answer; every change asked for has one record, let through or not.
2. Every change, by frame or by stream, goes through `change`: it is durable before its answer,
   and what is remembered of it is durable with it.
3. A change that is asked for again, also after this node was started again, is not made again.
"""

from __future__ import annotations

from typing import Final

from nexus.remotefs.state.acl import (
    REPLY_BYTES_MAX,
    STATUS,
    ChangeRecord,
    Rejection,
    judge,
    record_of,
)
from nexus.remotefs.state.call import Call, digest_of
from nexus.remotefs.state.calls import Known
from nexus.remotefs.state.replies import SERVICE
from nexus.remotefs.state.share import Room, Share, limits_of, room_for
from nexus.remotefs.state.store import COMPACT_ENTRIES_MAX, StateError, Store
from nexus.wire.state import Op, Reply, Request, Status

_CHANGES: Final = (Op.PUT, Op.DELETE)
_DEFAULT: Final = Share()


class RemoteState:
    """A store as peers see it."""

    def __init__(self, store: Store, share: Share = _DEFAULT) -> None:
        """Serve a store, of which a peer may use its share."""
        self._store = store
        self._share = share

    def handle(
        self, peer: str | None, frame: bytes, identity: int = 0
    ) -> tuple[bytes, ChangeRecord | None]:
        """Answer one frame of a peer (None: of a connection that is not a session).

        Args:
            peer: Who asks.
            frame: What.
            identity: The call's correlation id; with an epoch the call is remembered.

        Returns:
            The reply, and the record for the log; None where nothing was to be changed.
        """
        verdict = judge(peer is not None, frame)
        name = peer or "-"
        if isinstance(verdict, Rejection):
            reply = Reply(verdict.op, STATUS[verdict.why], is_bare=True)
            record = record_of(verdict.op, verdict.why, name, verdict.key)
            return reply.encode(), record
        call = Call(name, identity, digest_of(SERVICE, frame))
        reply = self._serve(verdict, call)
        encoded = reply.encode()
        if len(encoded) > REPLY_BYTES_MAX:
            # What the node's own services put there may be longer than what peers get.
            reply = Reply(verdict.op, Status.VALUE_TOO_LARGE, nonce=verdict.nonce)
            encoded = reply.encode()
        return encoded, record_of(verdict.op, reply.status, name, verdict.key)

    def repeat(self, peer: str, frame: bytes, identity: int) -> bytes | Known:
        """Return the answer to a frame that was asked before, or whether it is to be handled."""
        request = judge(True, frame)
        if isinstance(request, Rejection) or request.op not in _CHANGES:
            return Known.RUN
        known = self._store.judge(Call(peer, identity, digest_of(SERVICE, frame)))
        if isinstance(known, Known):
            return known
        return Reply(request.op, known, nonce=request.nonce).encode()

    def look(self, call: Call) -> Known | Status:
        """Say whether a change that comes on a stream is to be made, or how it was answered."""
        return self._store.judge(call)

    def change(self, key: str, value: bytes | None, call: Call | None = None) -> Status:
        """Set a key or remove it (None): all of it or, if the store refuses, nothing.

        OK is that no cut can undo it.  Without a call it is a change of this node's own.
        """
        if call and value is not None:
            room = self._room_for(call.peer, key, value)
            if room is not Room.ENOUGH:
                return Status.OVER_SHARE if room is Room.OVER_SHARE else Status.IO_ERROR
        try:
            is_done = self._store.set_durably(key, value, call)
        except StateError as exc:
            return exc.status
        return Status.OK if is_done else Status.NOT_FOUND

    def _room_for(self, peer: str, key: str, value: bytes) -> Room:
        limits = limits_of(self._share, COMPACT_ENTRIES_MAX, self._store.room_bytes)
        return room_for(self._store.contents, limits, peer, key, value)

    def get(self, key: str) -> bytes | None:
        """Return a value for a stream; None if there is no such key."""
        return self._store.get(key)

    def _serve(self, request: Request, call: Call) -> Reply:
        try:
            return self._do(request, call)
        except StateError as exc:
            return Reply(request.op, exc.status, nonce=request.nonce)

    def _do(self, request: Request, call: Call) -> Reply:
        op, key, nonce = request.op, request.key, request.nonce
        if op in _CHANGES:
            value = request.value if op is Op.PUT else None
            return Reply(op, self.change(key, value, call), nonce=nonce)
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
