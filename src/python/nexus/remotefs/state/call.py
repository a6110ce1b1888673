"""Records of peers' changes: the peer, the name of its call, and the answer.

They are one record with the change itself, so that a cut leaves both or neither.  The value of
such a record:

     0  kind     u8      4  id      u64: epoch and number      28  peer, 1..64 bytes of UTF-8
     1  status   u8     12  digest  16 bytes                       then the rest
     2  peer_len u8
     3  0

The first four kinds stand in a journal, the last two only in a snapshot, behind its entries.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2s
from typing import Final

from nexus.contract import bus, journal
from nexus.contract.state import VALUE_BYTES_MAX

PEER_BYTES_MAX: Final = bus.DEVICE_ID_BYTES_MAX
DIGEST_BYTES: Final = journal.DIGEST_BYTES
HEAD_BYTES: Final = 28
PREFIX_BYTES_MAX: Final = HEAD_BYTES + PEER_BYTES_MAX
# A remembered call in the record of an epoch: number, status, digest.
ENTRY_BYTES: Final = 4 + 1 + DIGEST_BYTES

_HEAD: Final = struct.Struct("<BBBBQ16s")
_NUMBER_BITS: Final = 32
_NUMBER_MASK: Final = (1 << _NUMBER_BITS) - 1


# The effect of such a record.
Kind = journal.CallKind


@dataclass(frozen=True, slots=True)
class Call:
    """The peer that asked, and the name of its call.

    `identity` has the epoch in its upper half, the number in its lower; with epoch 0 the call
    has no name, and nothing is remembered of it.
    """

    peer: str
    identity: int = 0
    digest: bytes = bytes(DIGEST_BYTES)

    @property
    def epoch(self) -> int:
        """The start of the caller that counts the number."""
        return self.identity >> _NUMBER_BITS

    @property
    def number(self) -> int:
        """The number of the call since that start."""
        return self.identity & _NUMBER_MASK


@dataclass(frozen=True, slots=True)
class CallValue:
    """The value of a record of a call."""

    kind: Kind
    call: Call
    status: int = 0
    rest: bytes = b""

    def encode(self) -> bytes:
        """Return the bytes."""
        peer = self.call.peer.encode()
        assert 1 <= len(peer) <= PEER_BYTES_MAX, f"peer of {len(peer)} bytes"
        head = (self.kind, self.status, len(peer), 0, self.call.identity, self.call.digest)
        return _HEAD.pack(*head) + peer + self.rest


# Whether the record has a key, and of what length its rest is: at most so much, in steps.
_SHAPES: Final[Mapping[Kind, tuple[bool, int, int, int]]] = {
    Kind.NOTHING: (False, 0, 0, 1),
    Kind.PUT: (True, 0, VALUE_BYTES_MAX, 1),
    Kind.DELETE: (True, 0, 0, 1),
    Kind.COMMIT: (False, 8, 8, 8),
    Kind.OWN: (False, 0, VALUE_BYTES_MAX, 2),
    Kind.EPOCH: (False, 0, VALUE_BYTES_MAX, ENTRY_BYTES),
}


def decode_call(key_bytes: int, data: bytes) -> CallValue | None:
    """Read the value of a record with a key of so many bytes; None: there is no such value."""
    if len(data) <= HEAD_BYTES:
        return None
    kind, status, peer_bytes, zero, identity, digest = _HEAD.unpack_from(data)
    if kind not in _SHAPES or zero or not 1 <= peer_bytes <= PEER_BYTES_MAX:
        return None
    peer, rest = data[HEAD_BYTES : HEAD_BYTES + peer_bytes], data[HEAD_BYTES + peer_bytes :]
    has_key, least, most, step = _SHAPES[Kind(kind)]
    is_fitting = least <= len(rest) <= most and len(rest) % step == 0
    if len(peer) < peer_bytes or has_key != bool(key_bytes) or not is_fitting:
        return None
    try:
        name = peer.decode()
    except UnicodeDecodeError:
        return None
    return CallValue(Kind(kind), Call(name, identity, digest), status, rest)


def digest_of(service: int, asked: bytes) -> bytes:
    """Return a digest that differs for different requests, and is the same on every engine."""
    return blake2s(bytes([service]) + asked, digest_size=DIGEST_BYTES).digest()
