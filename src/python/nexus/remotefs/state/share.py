"""The share of a store that a peer may use, so that none can take what others need.

Each peer has a share, and a reserve is left to the node's own programs.  An entry belongs to the
sender that set it last, and costs what its record takes in the journal.  Only a change that adds to
an account is refused: a peer with too much may always make it less.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from nexus.contract.state import PEER_KEY_BYTES_MAX
from nexus.remotefs.state.contents import Contents
from nexus.remotefs.state.record import OVERHEAD_BYTES, VALUE_BYTES_MAX, put_bytes

# The longest value with the longest key that a peer may use: a peer can always have two.
_LARGEST_BYTES: Final = OVERHEAD_BYTES + PEER_KEY_BYTES_MAX + VALUE_BYTES_MAX
_PART_BYTES_MIN: Final = 2 * _LARGEST_BYTES
# No more than so much of what there is becomes reserve: a small disk has room for peers too.
_RESERVE_PART: Final = 4


@dataclass(frozen=True, slots=True)
class Share:
    """The share of a disk that a node gives its peers; the defaults suit some mebibytes."""

    peer_keys: int = 4096
    peer_bytes: int = 4 << 20
    reserve_keys: int = 512
    reserve_bytes: int = 1 << 20
    peers: int = 1  # Among so many the rest is divided.


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one peer, and of all of them together."""

    peer_keys: int
    peer_bytes: int
    all_keys: int
    all_bytes: int


def limits_of(share: Share, keys: int, size: int) -> Limits:
    """Return what a share comes to in a store for so many keys and bytes."""
    all_keys = keys - min(share.reserve_keys, keys // _RESERVE_PART)
    all_bytes = size - min(share.reserve_bytes, size // _RESERVE_PART)
    return Limits(
        min(share.peer_keys, max(1, all_keys // share.peers)),
        min(share.peer_bytes, max(_PART_BYTES_MIN, all_bytes // share.peers)),
        all_keys,
        all_bytes,
    )


class Room(Enum):
    """Whether there is room for a change of a peer."""

    ENOUGH = "there is"
    OVER_SHARE = "the peer has as much as it may"
    FULL = "peers together have as much as they may"


def room_for(contents: Contents, limits: Limits, peer: str, values: Mapping[str, bytes]) -> Room:
    """Say whether a peer may set these keys to their values."""
    accounts = contents.calls.peers
    own = accounts.get(peer)
    own_keys, own_bytes = (own.keys, own.bytes) if own else (0, 0)
    all_keys = sum(account.keys for account in accounts.values())
    all_bytes = sum(account.bytes for account in accounts.values())
    # Entries that these take the place of, of any peer and of this one.
    old = {
        key: contents.entries[key]
        for key in values
        if key in contents.owners and key in contents.entries
    }
    mine = {key: value for key, value in old.items() if contents.owners[key] == peer}
    size, freed, own_freed = _size_of(values), _size_of(old), _size_of(mine)
    own_size = own_bytes + own_keys * OVERHEAD_BYTES
    all_size = all_bytes + all_keys * OVERHEAD_BYTES
    if not (
        _is_within(own_keys, len(values) - len(mine), limits.peer_keys)
        and _is_within(own_size, size - own_freed, limits.peer_bytes)
    ):
        return Room.OVER_SHARE
    if not (
        _is_within(all_keys, len(values) - len(old), limits.all_keys)
        and _is_within(all_size, size - freed, limits.all_bytes)
    ):
        return Room.FULL
    return Room.ENOUGH


def _size_of(values: Mapping[str, bytes]) -> int:
    return sum(put_bytes(key, value) for key, value in values.items())


def _is_within(before: int, more: int, limit: int) -> bool:
    return more <= 0 or before + more <= limit


def capacity_of(region_bytes: int, journal_bytes: int) -> int:
    """Return what entries may come to, on a disk with such regions and a journal as it is.

    A disk so small that a largest value would not leave a reserve gives peers all there is.
    """
    is_small = region_bytes * (_RESERVE_PART - 1) < _LARGEST_BYTES * _RESERVE_PART
    return max(region_bytes, journal_bytes) if is_small else region_bytes
