"""Bounded memory in rooms: what is kept in one is never displaced by what comes into another.

Records of what admitted peers changed, records of everything else that admitted peers did, and
records of strangers each have a room.  A stranger can fill its own and no more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from enum import Enum
from heapq import merge
from typing import Generic, TypeVar

T = TypeVar("T")


class Room(Enum):
    """The room of a record, by its subject."""

    CHANGES = "changes that admitted peers asked for"
    PEERS = "everything else that admitted peers did"
    STRANGERS = "connections and addresses that proved nothing"
    LOSSES = "how much was not kept"


class Rooms(Generic[T]):
    """The last items of each room; all of them in the order in which they came."""

    def __init__(self, sizes: Mapping[Room, int]) -> None:
        """Keep so many of each; a room that is not named is part of `Room.PEERS`."""
        assert Room.PEERS in sizes, f"{sizes}"
        self._rooms = {room: deque[tuple[int, T]](maxlen=size) for room, size in sizes.items()}
        self._count = 0
        self.lost = dict.fromkeys(sizes, 0)

    def __len__(self) -> int:
        return sum(len(kept) for kept in self._rooms.values())

    def __iter__(self) -> Iterator[T]:
        return (item for _, item in merge(*self._rooms.values(), key=lambda entry: entry[0]))

    @property
    def capacity(self) -> int:
        """The number of items that there is room for in all."""
        return sum(kept.maxlen or 0 for kept in self._rooms.values())

    @property
    def total(self) -> int:
        """The number of items that ever came."""
        return self._count

    def append(self, item: T, room: Room = Room.PEERS) -> None:
        """Keep an item; the oldest of the same room makes way, and is counted."""
        if room not in self._rooms:
            room = Room.PEERS
        kept = self._rooms[room]
        if len(kept) == kept.maxlen:
            self.lost[room] += 1
        kept.append((self._count, item))
        self._count += 1
