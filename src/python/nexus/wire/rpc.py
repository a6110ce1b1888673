"""Calls and answers as messages of the schema, encoding 2: docs/spec/rpc.md.

    0   4  0, segments less one            0   4  0
    4   4  words of the segment            4   4  words of the segment
    8   8  pointer to `Call`               8   8  pointer to `Answer`
    16  8  correlation, below 2^32         16  8  correlation of the call
    24  4  deadline, ms, 1..60000          24  2  0 results, 1 refusal
    28  4  epoch                           26  2  refusal
    32  1  service                         28  4  0
    34  2  method                          32  8  pointer to the results
    40  8  pointer to the parameters       40  .. the results
    48  .. the parameters

What is written looks so; what is read may look otherwise and say the same.  All little-endian.
"""

from __future__ import annotations

from struct import error as PackError
from typing import Final

from nexus.contract import rpc as contract
from nexus.contract.message_layout import Limits, Struct
from nexus.contract.message_writer import NoRoom, encode
from nexus.wire.error import LocalProtocolError, Reason, RemoteProtocolError
from nexus.wire.flat import flat_of
from nexus.wire.part import Part

LIMITS: Final = Limits(
    contract.MESSAGE_WORDS_MAX, contract.TRAVERSAL_WORDS_MAX, contract.NESTING_MAX
)
HEAD_BYTES: Final = contract.MESSAGE_HEAD_BYTES
MESSAGE_BYTES_MAX: Final = HEAD_BYTES + 8 * contract.MESSAGE_WORDS_MAX
STREAM: Final = contract.STREAM
STREAM_PREFIX: Final = contract.STREAM_PREFIX
STREAM_PRIORITY: Final = contract.STREAM_PRIORITY

Mode = contract.Mode

NUMBER_BITS: Final = 32
NUMBER_MAX: Final = (1 << NUMBER_BITS) - 1
_TABLE: Final = Part(contract.TABLE_HEAD).struct


def message_length(head: bytes | bytearray) -> int:
    """Return how long the message is that begins with these 8 bytes.

    Raises:
        RemoteProtocolError: OVERSIZED, or another reason: there is no next message.
    """
    table: tuple[int, int] = _TABLE.unpack_from(head)
    segments, words = table
    if segments or not words:
        raise RemoteProtocolError(
            Reason.OUT_OF_RANGE,
            f"segments: {segments + 1}, the first of {words} words; expected one that is not empty",
        )
    if words > contract.MESSAGE_WORDS_MAX:
        raise RemoteProtocolError(
            Reason.OVERSIZED, f"{words} words; at most {contract.MESSAGE_WORDS_MAX}"
        )
    return HEAD_BYTES + 8 * words


def correlation_of(message: bytes) -> int:
    """Return the id to answer what cannot be read: the first word of its struct, else 0."""
    if len(message) < 3 * 8:
        return 0
    pointer = int.from_bytes(message[8:16], "little")
    if pointer & 3 or not pointer >> 32 & 0xFFFF:
        return 0
    offset = (pointer & 0xFFFF_FFFF) >> 2
    at = 16 + 8 * (offset - (1 << 30) if offset >> 29 else offset)
    return int.from_bytes(message[at : at + 8], "little") if 8 <= at <= len(message) - 8 else 0


def segment_of(value: Struct, words_before: int) -> bytes:
    """Return the segment of a message of this struct: its pointer, and what that leads to.

    What has no short cut is written field by field.  The order is the same: depth first.

    Args:
        value: Parameters or results.
        words_before: What stands before it in the message.

    Raises:
        LocalProtocolError: it is longer than a message may be.
    """
    flat = flat_of(type(value))
    if flat is not None:
        try:
            segment = flat.write(value)
        except PackError:
            segment = b""  # A number that its field has no room for.
        if segment and len(segment) <= 8 * (LIMITS.words - words_before):
            return segment
    limits = Limits(LIMITS.words - words_before, LIMITS.traversal, LIMITS.nesting)
    try:
        return encode(value, limits)[HEAD_BYTES:]
    except NoRoom as exc:
        raise LocalProtocolError(Reason.OVERSIZED, str(exc)) from exc
