"""Transactions of peers: what each session has begun, until it is committed.

The store knows nothing of a transaction before its commit. So an open one costs only memory here,
which is bounded.

Rules of this file
------------------
1. A transaction belongs to its session: to every other there is no transaction of that number.
2. A session has one at a time.  It ends with the session, after a silence, or after its longest
   time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from nexus.contract import state as contract
from nexus.remotefs.state.contents import TXNS_MAX, judge_chunk
from nexus.remotefs.state.error import StateError
from nexus.wire.state import Status

SILENCE_NS: Final = contract.TRANSACTION_SILENCE_NS
LONGEST_NS: Final = contract.TRANSACTION_LONGEST_NS


@dataclass(slots=True)
class Open:
    """The transaction of one session."""

    txn: int
    peer: str
    begun_ns: int
    used_ns: int
    pieces: dict[str, bytearray] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """The bytes of its values."""
        return sum(map(len, self.pieces.values()))

    @property
    def values(self) -> dict[str, bytes]:
        """The values that it sets, by key."""
        return {key: bytes(value) for key, value in self.pieces.items()}

    def is_over(self, now_ns: int) -> bool:
        """Say whether its time is over."""
        is_silent = now_ns - self.used_ns >= SILENCE_NS
        return is_silent or now_ns - self.begun_ns >= LONGEST_NS

    def joined(self, key: str, chunk: bytes) -> dict[str, bytes]:
        """Return what it would set with this chunk."""
        return {**self.values, key: bytes(self.pieces.get(key, b"")) + chunk}


class Transactions:
    """The open transactions of all sessions of a node."""

    def __init__(self) -> None:
        """Nothing is open."""
        self._open: dict[int, Open] = {}
        self._last = 0

    def begin(self, session: int, peer: str, now_ns: int) -> int:
        """Begin one, return its number.  Raises StateError: TXN_LIMIT."""
        if session in self._open:
            raise StateError(
                Status.TXN_LIMIT,
                "a session has one transaction at a time; commit or abort it first",
            )
        if len(self._open) >= TXNS_MAX:
            raise StateError(Status.TXN_LIMIT, f"{len(self._open)} transactions are open")
        self._last += 1
        self._open[session] = Open(self._last, peer, now_ns, now_ns)
        return self._last

    def find(self, session: int, txn: int, now_ns: int) -> Open:
        """Return a session's own transaction, used now.  Raises StateError: NOT_FOUND."""
        found = self._open.get(session)
        if found is None or found.txn != txn:
            raise StateError(Status.NOT_FOUND, f"transaction {txn} is not open")
        found.used_ns = now_ns
        return found

    def judge(self, transaction: Open, key: str, chunk: bytes) -> Status:
        """Say whether a transaction may take a chunk, as the store would."""
        total = sum(each.size for each in self._open.values())
        return judge_chunk(transaction.pieces, total, key, chunk)

    def end(self, session: int) -> Open | None:
        """Forget what a session has begun; None if it has nothing."""
        return self._open.pop(session, None)

    def end_late(self, now_ns: int) -> list[Open]:
        """Forget those whose time is over."""
        late = [session for session, each in self._open.items() if each.is_over(now_ns)]
        return [self._open.pop(session) for session in late]
