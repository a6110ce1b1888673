"""The serving side of remote state: a peer's frame, judged, done on a store, answered, recorded.

Rules of this file
------------------
1. Every frame has one answer; every change asked for has one record, let through or not.
2. Every change, by frame or by stream, goes through `change`: it is durable before its answer,
   and what is remembered of it is durable with it.
3. A change that is asked for again, also after this node was started again, is not made again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nexus.remotefs.state.acl import (
    REPLY_BYTES_MAX,
    STATUS,
    TRANSACTION_STEPS,
    ChangeRecord,
    Rejection,
    judge,
    record_of,
)
from nexus.remotefs.state.call import Call, digest_of
from nexus.remotefs.state.calls import Known
from nexus.remotefs.state.error import StateError
from nexus.remotefs.state.journal import COMPACT_ENTRIES_MAX
from nexus.remotefs.state.replies import SERVICE
from nexus.remotefs.state.share import Room, Share, limits_of, room_for
from nexus.remotefs.state.store import Store
from nexus.remotefs.state.transactions import Open, Transactions
from nexus.wire.state import Op, Reply, Request, Status

_CHANGES: Final = (Op.PUT, Op.DELETE)
# Those that are not made again when they are asked again.
_REMEMBERED: Final = (*_CHANGES, Op.TXN_COMMIT)
_DEFAULT: Final = Share()
_ROOMS: Final = {
    Room.ENOUGH: Status.OK,
    Room.OVER_SHARE: Status.OVER_SHARE,
    Room.FULL: Status.IO_ERROR,
}


class RemoteState:
    """A store as peers see it."""

    def __init__(self, store: Store, share: Share = _DEFAULT) -> None:
        """Serve a store, of which a peer may use its share.

        Transactions that are open in it are aborted: a cut left them, and they have no session.
        """
        store.abort_all()
        self._store = store
        self._share = share
        self._transactions = Transactions()

    def handle(
        self,
        peer: str | None,
        frame: bytes,
        identity: int = 0,
        session: int = 0,
        now_ns: int = 0,
    ) -> tuple[bytes, ChangeRecord | None]:
        """Answer one frame of a peer (None: of a connection that is not a session).

        Args:
            peer: The peer that asks.
            frame: What.
            identity: The call's correlation id; with an epoch the call is remembered.
            session: The session that it came by, to which a transaction belongs.
            now_ns: When.

        Returns:
            The reply, and the record for the log; None where nothing was to be changed.
        """
        verdict = judge(frame, is_authenticated=peer is not None)
        name = peer or "-"
        if isinstance(verdict, Rejection):
            reply = Reply(verdict.op, STATUS[verdict.why], is_bare=True)
            record = record_of(verdict.op, verdict.why, name, verdict.key)
            return reply.encode(), record
        call = Call(name, identity, digest_of(SERVICE, frame))
        reply = self._serve(verdict, call, session, now_ns)
        encoded = reply.encode()
        if len(encoded) > REPLY_BYTES_MAX:
            # The node's own services may put longer values there than peers get.
            reply = Reply(verdict.op, Status.VALUE_TOO_LARGE, nonce=verdict.nonce)
            encoded = reply.encode()
        return encoded, record_of(verdict.op, reply.status, name, verdict.key)

    def repeat(self, peer: str, frame: bytes, identity: int) -> bytes | Known:
        """Return the answer to a frame that was asked before, or whether it is to be handled."""
        request = judge(frame, is_authenticated=True)
        if isinstance(request, Rejection) or request.op not in _REMEMBERED:
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
            status = self._room_for(call.peer, {key: value})
            if status is not Status.OK:
                return status
        try:
            is_done = self._store.set_durably(key, value, call)
        except StateError as exc:
            return exc.status
        return Status.OK if is_done else Status.NOT_FOUND

    def end_session(self, session: int) -> ChangeRecord | None:
        """Abort what a session that is over has begun; return the record of that."""
        ended = self._transactions.end(session)
        return None if ended is None else _record_of_abort(ended)

    def end_late(self, now_ns: int) -> list[ChangeRecord]:
        """Abort the transactions whose time is over; return the records of that."""
        return [_record_of_abort(each) for each in self._transactions.end_late(now_ns)]

    def _room_for(self, peer: str, values: Mapping[str, bytes]) -> Status:
        limits = limits_of(self._share, COMPACT_ENTRIES_MAX, self._store.room_bytes)
        return _ROOMS[room_for(self._store.contents, limits, peer, values)]

    def get(self, key: str) -> bytes | None:
        """Return a value for a stream; None if there is no such key."""
        return self._store.get(key)

    def _serve(self, request: Request, call: Call, session: int, now_ns: int) -> Reply:
        try:
            if request.op in TRANSACTION_STEPS:
                return self._step(request, call, session, now_ns)
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

    def _step(self, request: Request, call: Call, session: int, now_ns: int) -> Reply:
        """Go on with the transaction of a session; only its commit changes the store."""
        op, nonce = request.op, request.nonce
        if op is Op.TXN_BEGIN:
            txn = self._transactions.begin(session, call.peer, now_ns)
            return Reply(op, Status.OK, txn=txn, nonce=nonce)
        transaction = self._transactions.find(session, request.txn, now_ns)
        status = Status.OK
        if op is Op.TXN_PUT:
            status = self._add(transaction, request.key, request.value)
        elif op is Op.TXN_COMMIT:
            status = self._room_for(call.peer, transaction.values)
            if status is Status.OK:
                self._store.set_all_durably(transaction.values, call)
                self._transactions.end(session)
        else:
            self._transactions.end(session)
        return Reply(op, status, nonce=nonce)

    def _add(self, transaction: Open, key: str, chunk: bytes) -> Status:
        # In the order of the guest's store, so that both answer alike.
        status = self._room_for(transaction.peer, transaction.joined(key, chunk))
        if status is Status.OK:
            status = self._transactions.judge(transaction, key, chunk)
        if status is Status.OK:
            transaction.pieces.setdefault(key, bytearray()).extend(chunk)
        return status

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


def _record_of_abort(ended: Open) -> ChangeRecord:
    record = record_of(Op.TXN_ABORT, Status.OK, ended.peer, "")
    assert record is not None, "an abort has a record"
    return record
