"""A node's own log: a bounded ring of records, and what a permitted peer may read.

The frames are those of the guests' logd (docs/spec/local-services.md): query and stats.  Append is
not to be asked from outside.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from nexus.contract.gateway import Service
from nexus.core.identity import service_id
from nexus.dsoftbus.rooms import Room, Rooms
from nexus.wire.error import Reason, RemoteProtocolError
from nexus.wire.gateway import RESPONSE_PAYLOAD_MAX
from nexus.wire.log import (
    MAGIC,
    RECORD_HEAD_BYTES,
    Append,
    Level,
    Op,
    Query,
    Record,
    Reply,
    Stats,
    Status,
    decode_request,
)
from nexus.wire.octets import REPLY_BIT

# The number of the service at a node's gateway.
SERVICE: Final = Service.LOGD

# Some minutes of a peer that uses its whole allowance on what is denied; 180 KiB at most.
RECORDS_MAX: Final = 512

# Changes of admitted peers, deeds of strangers, and counts of losses, each in its own room.
CHANGES_MAX: Final = 256
STRANGERS_MAX: Final = 64
LOSSES_MAX: Final = 16

# The part of a record's text that is kept, as by the guests.
SCOPE_BYTES_MAX: Final = 32
MESSAGE_BYTES_MAX: Final = 160
_TEXT_BYTES_MAX: Final = SCOPE_BYTES_MAX + MESSAGE_BYTES_MAX

_SERVICE_ID: Final = service_id("dsoftbusd")
_STATUS: Final = {
    Reason.UNSUPPORTED_VERSION: Status.UNSUPPORTED,
    Reason.UNSUPPORTED_OPERATION: Status.UNSUPPORTED,
    Reason.OVERSIZED: Status.TOO_LARGE,
    Reason.OUT_OF_RANGE: Status.INVALID,
}


class LogRing:
    """The last records of each room; older ones of the same room make way, and are counted."""

    def __init__(
        self, records_max: int = RECORDS_MAX, others: Mapping[Room, int] | None = None
    ) -> None:
        """Hold nothing yet.

        Args:
            records_max: How many records there is room for besides those of `others`.
            others: Rooms of their own, and how many records each holds.
        """
        self._records = Rooms[Record]({Room.PEERS: records_max, **(others or {})})
        self._last_ns = 0

    def __iter__(self) -> Iterator[Record]:
        return iter(self._records)

    @property
    def total(self) -> int:
        """The number of records that there ever were."""
        return self._records.total

    @property
    def dropped(self) -> int:
        """The number of records that made room for newer ones."""
        return self.total - len(self._records)

    def append(
        self, level: Level, scope: str, message: str, now_ns: int, room: Room = Room.PEERS
    ) -> None:
        """Keep a record.  No two have one time, so that a reader can ask on from the last."""
        self._last_ns = max(now_ns, self._last_ns + 1)
        scope, message = _cut(scope, SCOPE_BYTES_MAX), _cut(message, MESSAGE_BYTES_MAX)
        record = Record(self.total + 1, self._last_ns, level, _SERVICE_ID, scope, message, "")
        self._records.append(record, room)

    def answer(self, frame: bytes) -> bytes:
        """Answer a peer's frame; a refusal of the guests' logd is the same bytes."""
        try:
            request = decode_request(frame)
        except RemoteProtocolError as exc:
            return _refuse(frame, _STATUS.get(exc.reason, Status.MALFORMED))
        if isinstance(request, Append):
            return Reply(Op.APPEND, Status.UNSUPPORTED, request.nonce).encode()
        if isinstance(request, Query):
            return self._query(request).encode()
        return self._stats(request).encode()

    def _query(self, request: Query) -> Reply:
        """Give the oldest records that fit, whole ones."""
        found = [record for record in self._records if record.time_ns >= request.since_ns]
        empty = Reply(Op.QUERY, Status.OK, request.nonce, total=self.total, dropped=self.dropped)
        count = 0
        room = RESPONSE_PAYLOAD_MAX - len(empty.encode())
        for record in found[: request.max]:
            room -= RECORD_HEAD_BYTES + _text_bytes(record)
            if room < 0:
                break
            count += 1
        return replace(empty, records=tuple(found[:count]))

    def _stats(self, request: Stats) -> Reply:
        used = sum(_text_bytes(record) for record in self._records)
        most = self._records.capacity
        return Reply(
            Op.STATS,
            Status.OK,
            request.nonce,
            total=self.total,
            dropped=self.dropped,
            capacity=(most, most * _TEXT_BYTES_MAX, len(self._records), used),
        )


def _text_bytes(record: Record) -> int:
    return sum(len(text.encode()) for text in (record.scope, record.message, record.fields))


def _cut(text: str, most: int) -> str:
    """Cut to so many bytes, between characters."""
    return text.encode(errors="replace")[:most].decode(errors="ignore")


def _refuse(frame: bytes, status: Status) -> bytes:
    """Refuse what cannot be decoded, as far as its head can be."""
    if len(frame) < 4 or frame[:2] != MAGIC:
        return MAGIC + bytes([1, REPLY_BIT, Status.MALFORMED])
    has_nonce = frame[2] == 2 and len(frame) >= 12
    head = MAGIC + bytes([2 if has_nonce else 1, frame[3] | REPLY_BIT, status])
    return head + frame[4:12] if has_nonce else head
